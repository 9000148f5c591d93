/*
 * tcpmib.h: rows and tables of the TCP table, laid out as on Windows.
 *
 * Addresses are in network byte order in memory. Ports are in network byte order in the low 16 bits of
 * their field; the upper 16 may hold anything: ntohs((u_short) row.dwLocalPort). Scope IDs are in host byte order:
 * no ntohl() for them, whatever the published samples do.
 * The remote fields of a listener have no meaning.
 *
 * Include <iphlpapi.h>, which includes this.
 */
#ifndef TCPENTRY_TCPMIB_H
#define TCPENTRY_TCPMIB_H

#include <stddef.h>
#include <stdint.h>

/* 64-bit fields are aligned to 8 bytes on every Windows, but on 32-bit Linux only by an attribute. In C99, unions
 * without a name are an extension. */
#if defined(__GNUC__)
#define TCPENTRY_ALIGNED_8 __attribute__((aligned(8)))
#define TCPENTRY_EXTENSION __extension__
#else
#define TCPENTRY_ALIGNED_8
#define TCPENTRY_EXTENSION
#endif

/* Types of windows.h, with the sizes they have there: 32 bits, even if long has 64. A program with definitions of
 * its own, including LARGE_INTEGER and HANDLE, defines TCPENTRY_NO_WINDOWS_TYPES first. */
#ifndef TCPENTRY_NO_WINDOWS_TYPES
typedef char CHAR, *PCHAR, *PSTR, *LPSTR;
typedef const char *PCSTR, *LPCSTR;
typedef uint8_t BYTE, UCHAR, *PBYTE, *PUCHAR, BOOLEAN, *PBOOLEAN;
typedef uint16_t WORD, USHORT, *PWORD, *PUSHORT;
typedef int16_t SHORT, *PSHORT;
typedef uint32_t DWORD, *PDWORD, *LPDWORD;
typedef uint32_t ULONG, *PULONG;
typedef int32_t LONG, *PLONG;
typedef uint32_t UINT, *PUINT;
typedef int32_t INT, *PINT;
typedef int32_t BOOL, *PBOOL, *LPBOOL;
typedef int64_t LONGLONG, *PLONGLONG;
typedef uint64_t ULONGLONG, DWORDLONG, *PULONGLONG;
typedef uintptr_t ULONG_PTR, DWORD_PTR, UINT_PTR;
typedef size_t SIZE_T, *PSIZE_T;
/* 16 bits, unlike wchar_t: a literal is L"..." only with -fshort-wchar, and wide functions of libc don't take it. */
typedef uint16_t WCHAR, *PWCHAR, *PWSTR, *LPWSTR;
typedef const uint16_t *PCWSTR, *LPCWSTR;
typedef void VOID, *PVOID, *LPVOID;
typedef void *HANDLE;
typedef union _LARGE_INTEGER {
    TCPENTRY_EXTENSION struct {
        DWORD LowPart;
        LONG HighPart;
    };
    struct {
        DWORD LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;
#endif

/* No matter who defined them: with other sizes every row would be misread. */
typedef char TCPENTRY_DWORD_HAS_32_BITS[sizeof(DWORD) == 4 && sizeof(ULONG) == 4 ? 1 : -1];
typedef char TCPENTRY_BOOL_HAS_32_BITS[sizeof(BOOL) == 4 && sizeof(INT) == 4 ? 1 : -1];
typedef char TCPENTRY_WCHAR_HAS_16_BITS[sizeof(WCHAR) == 2 && sizeof(USHORT) == 2 ? 1 : -1];
typedef char TCPENTRY_ULONGLONG_HAS_64_BITS[sizeof(ULONGLONG) == 8 && sizeof(LARGE_INTEGER) == 8 ? 1 : -1];

#ifndef ANY_SIZE
#define ANY_SIZE 1
#endif

#define TCPIP_OWNING_MODULE_SIZE 16

typedef enum {
    MIB_TCP_STATE_CLOSED = 1,
    MIB_TCP_STATE_LISTEN = 2,
    MIB_TCP_STATE_SYN_SENT = 3,
    MIB_TCP_STATE_SYN_RCVD = 4,
    MIB_TCP_STATE_ESTAB = 5,
    MIB_TCP_STATE_FIN_WAIT1 = 6,
    MIB_TCP_STATE_FIN_WAIT2 = 7,
    MIB_TCP_STATE_CLOSE_WAIT = 8,
    MIB_TCP_STATE_CLOSING = 9,
    MIB_TCP_STATE_LAST_ACK = 10,
    MIB_TCP_STATE_TIME_WAIT = 11,
    MIB_TCP_STATE_DELETE_TCB = 12
} MIB_TCP_STATE;

typedef enum {
    TcpConnectionOffloadStateInHost = 0,
    TcpConnectionOffloadStateOffloading = 1,
    TcpConnectionOffloadStateOffloaded = 2,
    TcpConnectionOffloadStateUploading = 3,
    TcpConnectionOffloadStateMax = 4
} TCP_CONNECTION_OFFLOAD_STATE, *PTCP_CONNECTION_OFFLOAD_STATE;

typedef enum {
    TcpRtoAlgorithmOther = 1,
    TcpRtoAlgorithmConstant = 2,
    TcpRtoAlgorithmRsre = 3,
    TcpRtoAlgorithmVanj = 4,
    MIB_TCP_RTO_OTHER = 1,
    MIB_TCP_RTO_CONSTANT = 2,
    MIB_TCP_RTO_RSRE = 3,
    MIB_TCP_RTO_VANJ = 4
} TCP_RTO_ALGORITHM, *PTCP_RTO_ALGORITHM;

#define MIB_TCP_MAXCONN_DYNAMIC ((DWORD)-1)

/* The system's IPv6 address, which has the layout of Windows; s6_addr is its member on both. <linux/in.h> conflicts
 * with <netinet/in.h>: if you need it, include it after this. */
#if __STDC_HOSTED__
#include <netinet/in.h>
#ifndef TCPENTRY_WINSOCK2_H /* of tcpentry-windows(7), which has it */
typedef struct in6_addr IN6_ADDR, *PIN6_ADDR;
#endif
#else
typedef struct in6_addr {
    union {
        UCHAR Byte[16];
        DWORD Align;
    } u;
} IN6_ADDR, *PIN6_ADDR;
#endif

/* IPv4 */

typedef struct _MIB_TCPROW_LH {
    TCPENTRY_EXTENSION union {
        DWORD dwState;
        MIB_TCP_STATE State;
    };
    DWORD dwLocalAddr;
    DWORD dwLocalPort;
    DWORD dwRemoteAddr;
    DWORD dwRemotePort;
} MIB_TCPROW_LH, *PMIB_TCPROW_LH;

typedef struct _MIB_TCPROW_W2K {
    DWORD dwState;
    DWORD dwLocalAddr;
    DWORD dwLocalPort;
    DWORD dwRemoteAddr;
    DWORD dwRemotePort;
} MIB_TCPROW_W2K, *PMIB_TCPROW_W2K;

typedef MIB_TCPROW_LH MIB_TCPROW;
typedef MIB_TCPROW_LH *PMIB_TCPROW;

typedef struct _MIB_TCPTABLE {
    DWORD dwNumEntries;
    MIB_TCPROW table[ANY_SIZE];
} MIB_TCPTABLE, *PMIB_TCPTABLE;

typedef struct _MIB_TCPROW2 {
    DWORD dwState;
    DWORD dwLocalAddr;
    DWORD dwLocalPort;
    DWORD dwRemoteAddr;
    DWORD dwRemotePort;
    DWORD dwOwningPid;
    TCP_CONNECTION_OFFLOAD_STATE dwOffloadState;
} MIB_TCPROW2, *PMIB_TCPROW2;

typedef struct _MIB_TCPTABLE2 {
    DWORD dwNumEntries;
    MIB_TCPROW2 table[ANY_SIZE];
} MIB_TCPTABLE2, *PMIB_TCPTABLE2;

typedef struct _MIB_TCPROW_OWNER_PID {
    DWORD dwState;
    DWORD dwLocalAddr;
    DWORD dwLocalPort;
    DWORD dwRemoteAddr;
    DWORD dwRemotePort;
    DWORD dwOwningPid;
} MIB_TCPROW_OWNER_PID, *PMIB_TCPROW_OWNER_PID;

typedef struct _MIB_TCPTABLE_OWNER_PID {
    DWORD dwNumEntries;
    MIB_TCPROW_OWNER_PID table[ANY_SIZE];
} MIB_TCPTABLE_OWNER_PID, *PMIB_TCPTABLE_OWNER_PID;

typedef struct _MIB_TCPROW_OWNER_MODULE {
    DWORD dwState;
    DWORD dwLocalAddr;
    DWORD dwLocalPort;
    DWORD dwRemoteAddr;
    DWORD dwRemotePort;
    DWORD dwOwningPid;
    TCPENTRY_ALIGNED_8 LARGE_INTEGER liCreateTimestamp; /* 0: Linux does not keep it */
    TCPENTRY_ALIGNED_8 ULONGLONG OwningModuleInfo[TCPIP_OWNING_MODULE_SIZE];
} MIB_TCPROW_OWNER_MODULE, *PMIB_TCPROW_OWNER_MODULE;

typedef struct _MIB_TCPTABLE_OWNER_MODULE {
    DWORD dwNumEntries;
    MIB_TCPROW_OWNER_MODULE table[ANY_SIZE];
} MIB_TCPTABLE_OWNER_MODULE, *PMIB_TCPTABLE_OWNER_MODULE;

/* IPv6. The state comes first only in MIB_TCP6ROW. */

typedef struct _MIB_TCP6ROW {
    MIB_TCP_STATE State;
    IN6_ADDR LocalAddr;
    DWORD dwLocalScopeId;
    DWORD dwLocalPort;
    IN6_ADDR RemoteAddr;
    DWORD dwRemoteScopeId;
    DWORD dwRemotePort;
} MIB_TCP6ROW, *PMIB_TCP6ROW;

typedef struct _MIB_TCP6TABLE {
    DWORD dwNumEntries;
    MIB_TCP6ROW table[ANY_SIZE];
} MIB_TCP6TABLE, *PMIB_TCP6TABLE;

typedef struct _MIB_TCP6ROW2 {
    IN6_ADDR LocalAddr;
    DWORD dwLocalScopeId;
    DWORD dwLocalPort;
    IN6_ADDR RemoteAddr;
    DWORD dwRemoteScopeId;
    DWORD dwRemotePort;
    MIB_TCP_STATE State;
    DWORD dwOwningPid;
    TCP_CONNECTION_OFFLOAD_STATE dwOffloadState;
} MIB_TCP6ROW2, *PMIB_TCP6ROW2;

typedef struct _MIB_TCP6TABLE2 {
    DWORD dwNumEntries;
    MIB_TCP6ROW2 table[ANY_SIZE];
} MIB_TCP6TABLE2, *PMIB_TCP6TABLE2;

typedef struct _MIB_TCP6ROW_OWNER_PID {
    UCHAR ucLocalAddr[16];
    DWORD dwLocalScopeId;
    DWORD dwLocalPort;
    UCHAR ucRemoteAddr[16];
    DWORD dwRemoteScopeId;
    DWORD dwRemotePort;
    DWORD dwState;
    DWORD dwOwningPid;
} MIB_TCP6ROW_OWNER_PID, *PMIB_TCP6ROW_OWNER_PID;

typedef struct _MIB_TCP6TABLE_OWNER_PID {
    DWORD dwNumEntries;
    MIB_TCP6ROW_OWNER_PID table[ANY_SIZE];
} MIB_TCP6TABLE_OWNER_PID, *PMIB_TCP6TABLE_OWNER_PID;

typedef struct _MIB_TCP6ROW_OWNER_MODULE {
    UCHAR ucLocalAddr[16];
    DWORD dwLocalScopeId;
    DWORD dwLocalPort;
    UCHAR ucRemoteAddr[16];
    DWORD dwRemoteScopeId;
    DWORD dwRemotePort;
    DWORD dwState;
    DWORD dwOwningPid;
    TCPENTRY_ALIGNED_8 LARGE_INTEGER liCreateTimestamp; /* 0: Linux does not keep it */
    TCPENTRY_ALIGNED_8 ULONGLONG OwningModuleInfo[TCPIP_OWNING_MODULE_SIZE];
} MIB_TCP6ROW_OWNER_MODULE, *PMIB_TCP6ROW_OWNER_MODULE;

typedef struct _MIB_TCP6TABLE_OWNER_MODULE {
    DWORD dwNumEntries;
    MIB_TCP6ROW_OWNER_MODULE table[ANY_SIZE];
} MIB_TCP6TABLE_OWNER_MODULE, *PMIB_TCP6TABLE_OWNER_MODULE;

typedef struct _MIB_TCPSTATS_LH {
    TCPENTRY_EXTENSION union {
        DWORD dwRtoAlgorithm;
        TCP_RTO_ALGORITHM RtoAlgorithm;
    };
    DWORD dwRtoMin;
    DWORD dwRtoMax;
    DWORD dwMaxConn;
    DWORD dwActiveOpens;
    DWORD dwPassiveOpens;
    DWORD dwAttemptFails;
    DWORD dwEstabResets;
    DWORD dwCurrEstab;
    DWORD dwInSegs;
    DWORD dwOutSegs;
    DWORD dwRetransSegs;
    DWORD dwInErrs;
    DWORD dwOutRsts;
    DWORD dwNumConns;
} MIB_TCPSTATS_LH, *PMIB_TCPSTATS_LH;

typedef MIB_TCPSTATS_LH MIB_TCPSTATS;
typedef MIB_TCPSTATS_LH *PMIB_TCPSTATS;

typedef struct _MIB_TCPSTATS2 {
    TCP_RTO_ALGORITHM RtoAlgorithm;
    DWORD dwRtoMin;
    DWORD dwRtoMax;
    DWORD dwMaxConn;
    DWORD dwActiveOpens;
    DWORD dwPassiveOpens;
    DWORD dwAttemptFails;
    DWORD dwEstabResets;
    DWORD dwCurrEstab;
    TCPENTRY_ALIGNED_8 ULONGLONG dw64InSegs;
    TCPENTRY_ALIGNED_8 ULONGLONG dw64OutSegs;
    DWORD dwRetransSegs;
    DWORD dwInErrs;
    DWORD dwOutRsts;
    DWORD dwNumConns;
} MIB_TCPSTATS2, *PMIB_TCPSTATS2;

/* The bytes to allocate for a table of X rows, including its alignment, as on Windows. */
#ifndef ALIGN_SIZE
#define ALIGN_SIZE 8
#endif
#define SIZEOF_TCPTABLE(X) \
    (offsetof(MIB_TCPTABLE, table[0]) + (X) * sizeof(MIB_TCPROW) + ALIGN_SIZE)
#define SIZEOF_TCPTABLE2(X) \
    (offsetof(MIB_TCPTABLE2, table[0]) + (X) * sizeof(MIB_TCPROW2) + ALIGN_SIZE)
#define SIZEOF_TCPTABLE_OWNER_PID(X) \
    (offsetof(MIB_TCPTABLE_OWNER_PID, table[0]) + (X) * sizeof(MIB_TCPROW_OWNER_PID) + ALIGN_SIZE)
#define SIZEOF_TCPTABLE_OWNER_MODULE(X) \
    (offsetof(MIB_TCPTABLE_OWNER_MODULE, table[0]) + (X) * sizeof(MIB_TCPROW_OWNER_MODULE) + ALIGN_SIZE)
#define SIZEOF_TCP6TABLE(X) \
    (offsetof(MIB_TCP6TABLE, table[0]) + (X) * sizeof(MIB_TCP6ROW) + ALIGN_SIZE)
#define SIZEOF_TCP6TABLE2(X) \
    (offsetof(MIB_TCP6TABLE2, table[0]) + (X) * sizeof(MIB_TCP6ROW2) + ALIGN_SIZE)
#define SIZEOF_TCP6TABLE_OWNER_PID(X) \
    (offsetof(MIB_TCP6TABLE_OWNER_PID, table[0]) + (X) * sizeof(MIB_TCP6ROW_OWNER_PID) + ALIGN_SIZE)
#define SIZEOF_TCP6TABLE_OWNER_MODULE(X) \
    (offsetof(MIB_TCP6TABLE_OWNER_MODULE, table[0]) + (X) * sizeof(MIB_TCP6ROW_OWNER_MODULE) + ALIGN_SIZE)

#endif
