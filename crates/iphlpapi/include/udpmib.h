/*
 * udpmib.h: rows and tables of the UDP table, laid out as on Windows. Byte orders are those of <tcpmib.h>.
 *
 * Include <iphlpapi.h>, which includes this.
 */
#ifndef TCPENTRY_UDPMIB_H
#define TCPENTRY_UDPMIB_H

#include <tcpmib.h>

/* IPv4 */

typedef struct _MIB_UDPROW {
    DWORD dwLocalAddr;
    DWORD dwLocalPort;
} MIB_UDPROW, *PMIB_UDPROW;

typedef struct _MIB_UDPTABLE {
    DWORD dwNumEntries;
    MIB_UDPROW table[ANY_SIZE];
} MIB_UDPTABLE, *PMIB_UDPTABLE;

typedef struct _MIB_UDPROW_OWNER_PID {
    DWORD dwLocalAddr;
    DWORD dwLocalPort;
    DWORD dwOwningPid;
} MIB_UDPROW_OWNER_PID, *PMIB_UDPROW_OWNER_PID;

typedef struct _MIB_UDPTABLE_OWNER_PID {
    DWORD dwNumEntries;
    MIB_UDPROW_OWNER_PID table[ANY_SIZE];
} MIB_UDPTABLE_OWNER_PID, *PMIB_UDPTABLE_OWNER_PID;

typedef struct _MIB_UDPROW_OWNER_MODULE {
    DWORD dwLocalAddr;
    DWORD dwLocalPort;
    DWORD dwOwningPid;
    TCPENTRY_ALIGNED_8 LARGE_INTEGER liCreateTimestamp; /* 0: Linux does not keep it */
    TCPENTRY_EXTENSION union {
        TCPENTRY_EXTENSION struct {
            INT SpecificPortBind : 1;
        };
        INT dwFlags; /* 0: Linux does not tell whether the port was asked for */
    };
    TCPENTRY_ALIGNED_8 ULONGLONG OwningModuleInfo[TCPIP_OWNING_MODULE_SIZE];
} MIB_UDPROW_OWNER_MODULE, *PMIB_UDPROW_OWNER_MODULE;

typedef struct _MIB_UDPTABLE_OWNER_MODULE {
    DWORD dwNumEntries;
    MIB_UDPROW_OWNER_MODULE table[ANY_SIZE];
} MIB_UDPTABLE_OWNER_MODULE, *PMIB_UDPTABLE_OWNER_MODULE;

/* IPv6 */

typedef struct _MIB_UDP6ROW {
    IN6_ADDR dwLocalAddr;
    DWORD dwLocalScopeId;
    DWORD dwLocalPort;
} MIB_UDP6ROW, *PMIB_UDP6ROW;

typedef struct _MIB_UDP6TABLE {
    DWORD dwNumEntries;
    MIB_UDP6ROW table[ANY_SIZE];
} MIB_UDP6TABLE, *PMIB_UDP6TABLE;

typedef struct _MIB_UDP6ROW_OWNER_PID {
    UCHAR ucLocalAddr[16];
    DWORD dwLocalScopeId;
    DWORD dwLocalPort;
    DWORD dwOwningPid;
} MIB_UDP6ROW_OWNER_PID, *PMIB_UDP6ROW_OWNER_PID;

typedef struct _MIB_UDP6TABLE_OWNER_PID {
    DWORD dwNumEntries;
    MIB_UDP6ROW_OWNER_PID table[ANY_SIZE];
} MIB_UDP6TABLE_OWNER_PID, *PMIB_UDP6TABLE_OWNER_PID;

typedef struct _MIB_UDP6ROW_OWNER_MODULE {
    UCHAR ucLocalAddr[16];
    DWORD dwLocalScopeId;
    DWORD dwLocalPort;
    DWORD dwOwningPid;
    TCPENTRY_ALIGNED_8 LARGE_INTEGER liCreateTimestamp; /* 0: Linux does not keep it */
    TCPENTRY_EXTENSION union {
        TCPENTRY_EXTENSION struct {
            INT SpecificPortBind : 1;
        };
        INT dwFlags; /* 0: Linux does not tell whether the port was asked for */
    };
    TCPENTRY_ALIGNED_8 ULONGLONG OwningModuleInfo[TCPIP_OWNING_MODULE_SIZE];
} MIB_UDP6ROW_OWNER_MODULE, *PMIB_UDP6ROW_OWNER_MODULE;

typedef struct _MIB_UDP6TABLE_OWNER_MODULE {
    DWORD dwNumEntries;
    MIB_UDP6ROW_OWNER_MODULE table[ANY_SIZE];
} MIB_UDP6TABLE_OWNER_MODULE, *PMIB_UDP6TABLE_OWNER_MODULE;

typedef struct _MIB_UDPSTATS {
    DWORD dwInDatagrams;
    DWORD dwNoPorts;
    DWORD dwInErrors;
    DWORD dwOutDatagrams;
    DWORD dwNumAddrs;
} MIB_UDPSTATS, *PMIB_UDPSTATS;

/* The bytes to allocate for a table of X rows, including its alignment, as on Windows. */
#define SIZEOF_UDPTABLE(X) \
    (offsetof(MIB_UDPTABLE, table[0]) + (X) * sizeof(MIB_UDPROW) + ALIGN_SIZE)
#define SIZEOF_UDPTABLE_OWNER_PID(X) \
    (offsetof(MIB_UDPTABLE_OWNER_PID, table[0]) + (X) * sizeof(MIB_UDPROW_OWNER_PID) + ALIGN_SIZE)
#define SIZEOF_UDPTABLE_OWNER_MODULE(X) \
    (offsetof(MIB_UDPTABLE_OWNER_MODULE, table[0]) + (X) * sizeof(MIB_UDPROW_OWNER_MODULE) + ALIGN_SIZE)
#define SIZEOF_UDP6TABLE(X) \
    (offsetof(MIB_UDP6TABLE, table[0]) + (X) * sizeof(MIB_UDP6ROW) + ALIGN_SIZE)
#define SIZEOF_UDP6TABLE_OWNER_PID(X) \
    (offsetof(MIB_UDP6TABLE_OWNER_PID, table[0]) + (X) * sizeof(MIB_UDP6ROW_OWNER_PID) + ALIGN_SIZE)
#define SIZEOF_UDP6TABLE_OWNER_MODULE(X) \
    (offsetof(MIB_UDP6TABLE_OWNER_MODULE, table[0]) + (X) * sizeof(MIB_UDP6ROW_OWNER_MODULE) + ALIGN_SIZE)

#endif
