/*
 * iphlpapi.h: SetTcpEntry and the TCP and UDP functions of IP Helper around it, for Linux.
 *
 * Link with -liphlpapi. Each function has a manual page: SetTcpEntry(3). All functions are thread-safe; each works
 * on the network namespace of the calling thread.
 */
#ifndef TCPENTRY_IPHLPAPI_H
#define TCPENTRY_IPHLPAPI_H

#include <tcpestats.h>
#include <tcpmib.h>
#include <udpmib.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef WINAPI
#define WINAPI
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

/* Return codes (winerror.h). */
#ifndef NO_ERROR
#define NO_ERROR 0L
#endif
#ifndef ERROR_SUCCESS
#define ERROR_SUCCESS 0L
#endif
#ifndef ERROR_TOO_MANY_OPEN_FILES
#define ERROR_TOO_MANY_OPEN_FILES 4L
#endif
#ifndef ERROR_ACCESS_DENIED
#define ERROR_ACCESS_DENIED 5L
#endif
#ifndef ERROR_NOT_ENOUGH_MEMORY
#define ERROR_NOT_ENOUGH_MEMORY 8L
#endif
#ifndef ERROR_GEN_FAILURE
#define ERROR_GEN_FAILURE 31L
#endif
#ifndef ERROR_NOT_SUPPORTED
#define ERROR_NOT_SUPPORTED 50L
#endif
#ifndef ERROR_INVALID_PARAMETER
#define ERROR_INVALID_PARAMETER 87L
#endif
#ifndef ERROR_INSUFFICIENT_BUFFER
#define ERROR_INSUFFICIENT_BUFFER 122L
#endif
#ifndef ERROR_BUSY
#define ERROR_BUSY 170L
#endif
#ifndef ERROR_PARTIAL_COPY
#define ERROR_PARTIAL_COPY 299L
#endif
#ifndef ERROR_MR_MID_NOT_FOUND
#define ERROR_MR_MID_NOT_FOUND 317L
#endif
#ifndef ERROR_NOT_FOUND
#define ERROR_NOT_FOUND 1168L
#endif
#ifndef ERROR_INVALID_USER_BUFFER
#define ERROR_INVALID_USER_BUFFER 1784L
#endif

typedef enum _TCP_TABLE_CLASS {
    TCP_TABLE_BASIC_LISTENER = 0,
    TCP_TABLE_BASIC_CONNECTIONS = 1,
    TCP_TABLE_BASIC_ALL = 2,
    TCP_TABLE_OWNER_PID_LISTENER = 3,
    TCP_TABLE_OWNER_PID_CONNECTIONS = 4,
    TCP_TABLE_OWNER_PID_ALL = 5,
    TCP_TABLE_OWNER_MODULE_LISTENER = 6,
    TCP_TABLE_OWNER_MODULE_CONNECTIONS = 7,
    TCP_TABLE_OWNER_MODULE_ALL = 8
} TCP_TABLE_CLASS, *PTCP_TABLE_CLASS;

typedef enum _UDP_TABLE_CLASS {
    UDP_TABLE_BASIC = 0,
    UDP_TABLE_OWNER_PID = 1,
    UDP_TABLE_OWNER_MODULE = 2
} UDP_TABLE_CLASS, *PUDP_TABLE_CLASS;

typedef enum _TCPIP_OWNER_MODULE_INFO_CLASS {
    TCPIP_OWNER_MODULE_INFO_BASIC = 0
} TCPIP_OWNER_MODULE_INFO_CLASS, *PTCPIP_OWNER_MODULE_INFO_CLASS;

typedef struct _TCPIP_OWNER_MODULE_BASIC_INFO {
    PWCHAR pModuleName; /* UTF-16 with 16-bit units, whatever the size of wchar_t */
    PWCHAR pModulePath;
} TCPIP_OWNER_MODULE_BASIC_INFO, *PTCPIP_OWNER_MODULE_BASIC_INFO;

/*
 * Deletes the connection that the row names: dwState must be MIB_TCP_STATE_DELETE_TCB.
 *
 * Returns 0 only after the kernel has confirmed it. 317 does not prove that the connection is gone: it is also
 * returned if the row names a listener, or if the caller is an administrator who is not elevated;
 * tcpentry_last_detail reports which. An unprivileged caller can delete the connections of its own processes.
 */
DWORD WINAPI SetTcpEntry(const MIB_TCPROW *pTcpRow);

/* Deletes an IPv6 connection; not on Windows. A scope ID names the interface; ::ffff:a.b.c.d is IPv4. */
DWORD WINAPI SetTcp6Entry(const MIB_TCP6ROW *pTcp6Row);

/*
 * Read the tables. If the buffer is NULL, too small, or smaller than the table's type: ERROR_INSUFFICIENT_BUFFER, and a
 * size in *SizePointer that has room for some more rows. The table may have grown further by the next call, so call in a
 * loop. Order: sort by local, then remote end.
 */
ULONG WINAPI GetTcpTable(PMIB_TCPTABLE TcpTable, PULONG SizePointer, BOOL Order);
ULONG WINAPI GetTcpTable2(PMIB_TCPTABLE2 TcpTable, PULONG SizePointer, BOOL Order);
ULONG WINAPI GetTcp6Table(PMIB_TCP6TABLE TcpTable, PULONG SizePointer, BOOL Order);
ULONG WINAPI GetTcp6Table2(PMIB_TCP6TABLE2 TcpTable, PULONG SizePointer, BOOL Order);

/* ulAf: 2 for IPv4; for IPv6 AF_INET6 of Linux (10) or of Windows (23), without the BASIC classes. */
DWORD WINAPI GetExtendedTcpTable(PVOID pTcpTable, PDWORD pdwSize, BOOL bOrder, ULONG ulAf,
                                 TCP_TABLE_CLASS TableClass, ULONG Reserved);

/* Allocate a MIB_TCPTABLE and a MIB_TCPTABLE_OWNER_PID: free them with tcpentry_free. hHeap and dwFlags are ignored. */
DWORD WINAPI AllocateAndGetTcpTableFromStack(PMIB_TCPTABLE *ppTcpTable, BOOL bOrder, HANDLE hHeap, DWORD dwFlags);
DWORD WINAPI AllocateAndGetTcpExTableFromStack(PVOID *ppTcpTable, BOOL bOrder, HANDLE hHeap,
                                               DWORD dwFlags, DWORD dwFamily);
/* Allocate a MIB_TCPTABLE2 and a MIB_TCP6TABLE2 of the sockets that are bound, but neither connected nor listening. */
ULONG WINAPI InternalGetBoundTcpEndpointTable(PVOID *BoundTcpTable, PVOID HeapHandle, ULONG HeapFlags);
ULONG WINAPI InternalGetBoundTcp6EndpointTable(PVOID *BoundTcpTable, PVOID HeapHandle, ULONG HeapFlags);
void WINAPI tcpentry_free(PVOID pTable);

/* Read the tables of UDP, as those of TCP are read. For IPv6, too, there are all three classes. */
ULONG WINAPI GetUdpTable(PMIB_UDPTABLE UdpTable, PULONG SizePointer, BOOL Order);
ULONG WINAPI GetUdp6Table(PMIB_UDP6TABLE Udp6Table, PULONG SizePointer, BOOL Order);
DWORD WINAPI GetExtendedUdpTable(PVOID pUdpTable, PDWORD pdwSize, BOOL bOrder, ULONG ulAf,
                                 UDP_TABLE_CLASS TableClass, ULONG Reserved);

DWORD WINAPI GetOwnerModuleFromTcpEntry(const MIB_TCPROW_OWNER_MODULE *pTcpEntry,
                                        TCPIP_OWNER_MODULE_INFO_CLASS Class, PVOID pBuffer, PDWORD pdwSize);
DWORD WINAPI GetOwnerModuleFromTcp6Entry(const MIB_TCP6ROW_OWNER_MODULE *pTcpEntry,
                                         TCPIP_OWNER_MODULE_INFO_CLASS Class, PVOID pBuffer, PDWORD pdwSize);

DWORD WINAPI GetOwnerModuleFromUdpEntry(const MIB_UDPROW_OWNER_MODULE *pUdpEntry,
                                        TCPIP_OWNER_MODULE_INFO_CLASS Class, PVOID pBuffer, PDWORD pdwSize);
DWORD WINAPI GetOwnerModuleFromUdp6Entry(const MIB_UDP6ROW_OWNER_MODULE *pUdpEntry,
                                         TCPIP_OWNER_MODULE_INFO_CLASS Class, PVOID pBuffer, PDWORD pdwSize);

ULONG WINAPI GetTcpStatistics(PMIB_TCPSTATS Statistics);
ULONG WINAPI GetTcpStatisticsEx(PMIB_TCPSTATS Statistics, ULONG Family);
ULONG WINAPI GetTcpStatisticsEx2(PMIB_TCPSTATS2 Statistics, ULONG Family);
ULONG WINAPI GetUdpStatistics(PMIB_UDPSTATS Stats);
ULONG WINAPI GetUdpStatisticsEx(PMIB_UDPSTATS Statistics, ULONG Family);

/*
 * Read the extended statistics of a connection: TCP_ESTATS_*_RW_v0, _ROS_v0 and _ROD_v0 of the type, each where its
 * buffer is not NULL. The collection is always on: setting it on succeeds, setting it off is ERROR_NOT_SUPPORTED.
 */
ULONG WINAPI GetPerTcpConnectionEStats(const MIB_TCPROW *Row, TCP_ESTATS_TYPE EstatsType, UCHAR *Rw, ULONG RwVersion,
                                       ULONG RwSize, UCHAR *Ros, ULONG RosVersion, ULONG RosSize, UCHAR *Rod,
                                       ULONG RodVersion, ULONG RodSize);
ULONG WINAPI GetPerTcp6ConnectionEStats(const MIB_TCP6ROW *Row, TCP_ESTATS_TYPE EstatsType, UCHAR *Rw,
                                        ULONG RwVersion, ULONG RwSize, UCHAR *Ros, ULONG RosVersion, ULONG RosSize,
                                        UCHAR *Rod, ULONG RodVersion, ULONG RodSize);
ULONG WINAPI SetPerTcpConnectionEStats(const MIB_TCPROW *Row, TCP_ESTATS_TYPE EstatsType, const UCHAR *Rw,
                                       ULONG RwVersion, ULONG RwSize, ULONG Offset);
ULONG WINAPI SetPerTcp6ConnectionEStats(const MIB_TCP6ROW *Row, TCP_ESTATS_TYPE EstatsType, const UCHAR *Rw,
                                        ULONG RwVersion, ULONG RwSize, ULONG Offset);

/* Not on Windows. */

#define TCPENTRY_ID_SIZE 256
#define TCPENTRY_TEXT_SIZE 512

/* The identity of one socket as text, as printed by `tcpentry list --id`. It never comes to name another one. */
typedef struct TCPENTRY_ID {
    char text[TCPENTRY_ID_SIZE];
} TCPENTRY_ID;

typedef enum TCPENTRY_OUTCOME {
    TCPENTRY_DELETED = 0,
    TCPENTRY_INVALID = 1,      /* 87: the row or the identity is invalid */
    TCPENTRY_GONE = 2,         /* 317: there is no such socket, or not any more */
    TCPENTRY_LISTENER = 3,     /* 317: the row names a listener */
    TCPENTRY_AMBIGUOUS = 4,    /* 1168: several sockets, bound to different devices, have this four-tuple */
    TCPENTRY_UNSUPPORTED = 5,  /* 50: this system has no way to delete it */
    TCPENTRY_DENIED = 6,       /* 5: the caller lacks permission */
    TCPENTRY_NOT_ELEVATED = 7, /* 317: the caller lacks permission, but could become root */
    TCPENTRY_FAILED = 8,       /* anything else */
    TCPENTRY_OTHER_NETNS = 9,  /* 1168: the identity belongs to another network namespace */
    TCPENTRY_OTHER_BOOT = 10   /* 1168: the identity was made under another boot id, and a socket here has its cookie */
} TCPENTRY_OUTCOME;

typedef enum TCPENTRY_METHOD {
    TCPENTRY_METHOD_NONE = 0,
    TCPENTRY_METHOD_SOCK_DIAG = 1, /* SOCK_DESTROY */
    TCPENTRY_METHOD_BORROW = 2     /* the owner's descriptor, borrowed */
} TCPENTRY_METHOD;

/* The result of one deletion. 317 and 1168 have several causes: the outcome says which. */
typedef struct TCPENTRY_RESULT {
    DWORD code;    /* as SetTcpEntry returns it */
    DWORD outcome; /* TCPENTRY_OUTCOME */
    DWORD method;  /* TCPENTRY_METHOD */
    INT error;     /* errno, or 0 */
} TCPENTRY_RESULT;

/* The result of the last deletion, with its reason as text. */
typedef struct TCPENTRY_DETAIL {
    DWORD code;
    DWORD outcome;
    DWORD method;
    INT error;
    char text[TCPENTRY_TEXT_SIZE];
} TCPENTRY_DETAIL;

typedef enum TCPENTRY_KIND {
    TCPENTRY_ROWS = 0,  /* MIB_TCPROW, with the state MIB_TCP_STATE_DELETE_TCB */
    TCPENTRY_ROWS6 = 1, /* MIB_TCP6ROW, likewise */
    TCPENTRY_IDS = 2    /* TCPENTRY_ID */
} TCPENTRY_KIND;

/* Store the identity of the socket that has these ends now, also of a listener. The state in the row is ignored. */
DWORD WINAPI tcpentry_identify(const MIB_TCPROW *row, TCPENTRY_ID *id);
DWORD WINAPI tcpentry_identify6(const MIB_TCP6ROW *row, TCPENTRY_ID *id);

/* Deletes that very socket or nothing. Returns the codes of SetTcpEntry. */
DWORD WINAPI tcpentry_delete_id(const TCPENTRY_ID *id);

/* Deletes count items in order, and stores the result of each. Returns 0, or the code of the first that was not
 * deleted. */
DWORD WINAPI tcpentry_delete_batch(TCPENTRY_KIND kind, const void *items, DWORD count, TCPENTRY_RESULT *results);

/* Stores the details of this thread's last deletion (after a batch, of the item whose code it returned), or of a
 * later identification that failed. Returns ERROR_NOT_FOUND before the first. */
DWORD WINAPI tcpentry_last_detail(TCPENTRY_DETAIL *detail);

/* Stores the text of a code, as FormatMessage does on Windows, truncated to size. Returns its whole length. */
DWORD WINAPI tcpentry_message(DWORD code, char *buffer, DWORD size);

#ifdef __cplusplus
}
#endif

#endif
