/*
 * iphlpapi.h: SetTcpEntry and the TCP functions of IP Helper around it, for Linux.
 *
 * Link with -liphlpapi. Each function has a manual page: SetTcpEntry(3). All functions may be called from any
 * thread; each works on the network namespace that its thread is in.
 */
#ifndef TCPENTRY_IPHLPAPI_H
#define TCPENTRY_IPHLPAPI_H

#include <tcpmib.h>

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

/* Codes that these functions return (winerror.h). */
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

typedef enum _TCPIP_OWNER_MODULE_INFO_CLASS {
    TCPIP_OWNER_MODULE_INFO_BASIC = 0
} TCPIP_OWNER_MODULE_INFO_CLASS, *PTCPIP_OWNER_MODULE_INFO_CLASS;

typedef struct _TCPIP_OWNER_MODULE_BASIC_INFO {
    PWCHAR pModuleName; /* UTF-16, 16 bits a unit, whatever wchar_t has */
    PWCHAR pModulePath;
} TCPIP_OWNER_MODULE_BASIC_INFO, *PTCPIP_OWNER_MODULE_BASIC_INFO;

/*
 * Deletes the connection that the row names: dwState must be MIB_TCP_STATE_DELETE_TCB.
 *
 * 0 only after the kernel has confirmed it. 317 is no proof that the connection is gone: it also means
 * that the row names a listener, or that the caller is an administrator who is not elevated;
 * tcpentry_last_detail tells. A caller without any privilege may delete the connections of his own processes.
 */
DWORD WINAPI SetTcpEntry(const MIB_TCPROW *pTcpRow);

/* The same for IPv6, which Windows does not have. A scope id names the interface; ::ffff:a.b.c.d is IPv4. */
DWORD WINAPI SetTcp6Entry(const MIB_TCP6ROW *pTcp6Row);

/*
 * The tables. With NULL or too little room: ERROR_INSUFFICIENT_BUFFER, and the needed size in *SizePointer; the
 * table may have grown by the next call, so call in a loop. Order: sorted by local, then remote end.
 */
ULONG WINAPI GetTcpTable(PMIB_TCPTABLE TcpTable, PULONG SizePointer, BOOL Order);
ULONG WINAPI GetTcpTable2(PMIB_TCPTABLE2 TcpTable, PULONG SizePointer, BOOL Order);
ULONG WINAPI GetTcp6Table(PMIB_TCP6TABLE TcpTable, PULONG SizePointer, BOOL Order);
ULONG WINAPI GetTcp6Table2(PMIB_TCP6TABLE2 TcpTable, PULONG SizePointer, BOOL Order);

/* ulAf: 2 for IPv4; for IPv6 AF_INET6 of Linux (10) or of Windows (23), and not the BASIC classes. */
DWORD WINAPI GetExtendedTcpTable(PVOID pTcpTable, PDWORD pdwSize, BOOL bOrder, ULONG ulAf,
                                 TCP_TABLE_CLASS TableClass, ULONG Reserved);

/* A MIB_TCPTABLE_OWNER_PID in memory of malloc, to be freed by tcpentry_free. hHeap and dwFlags mean nothing. */
DWORD WINAPI AllocateAndGetTcpExTableFromStack(PVOID *ppTcpTable, BOOL bOrder, HANDLE hHeap,
                                               DWORD dwFlags, DWORD dwFamily);
void WINAPI tcpentry_free(PVOID pTable);

DWORD WINAPI GetOwnerModuleFromTcpEntry(const MIB_TCPROW_OWNER_MODULE *pTcpEntry,
                                        TCPIP_OWNER_MODULE_INFO_CLASS Class, PVOID pBuffer, PDWORD pdwSize);
DWORD WINAPI GetOwnerModuleFromTcp6Entry(const MIB_TCP6ROW_OWNER_MODULE *pTcpEntry,
                                         TCPIP_OWNER_MODULE_INFO_CLASS Class, PVOID pBuffer, PDWORD pdwSize);

ULONG WINAPI GetTcpStatistics(PMIB_TCPSTATS Statistics);
ULONG WINAPI GetTcpStatisticsEx(PMIB_TCPSTATS Statistics, ULONG Family);

/* What Windows does not have. */

#define TCPENTRY_ID_SIZE 256
#define TCPENTRY_TEXT_SIZE 512

/* The name of one socket as text, the very word of `tcpentry list --id`. It never comes to mean another one. */
typedef struct TCPENTRY_ID {
    char text[TCPENTRY_ID_SIZE];
} TCPENTRY_ID;

typedef enum TCPENTRY_OUTCOME {
    TCPENTRY_DELETED = 0,
    TCPENTRY_INVALID = 1,      /* 87: the row or the identity makes no sense */
    TCPENTRY_GONE = 2,         /* 317: there is no such socket, or no longer */
    TCPENTRY_LISTENER = 3,     /* 317: the row names a listener */
    TCPENTRY_AMBIGUOUS = 4,    /* 1168: several sockets, bound to different devices, have this four-tuple */
    TCPENTRY_UNSUPPORTED = 5,  /* 50: this system has no way to do it */
    TCPENTRY_DENIED = 6,       /* 5: the caller may not */
    TCPENTRY_NOT_ELEVATED = 7, /* 317: the caller may not, but could become root */
    TCPENTRY_FAILED = 8,       /* anything else */
    TCPENTRY_OTHER_NETNS = 9   /* 1168: the identity belongs to another network namespace */
} TCPENTRY_OUTCOME;

typedef enum TCPENTRY_METHOD {
    TCPENTRY_METHOD_NONE = 0,
    TCPENTRY_METHOD_SOCK_DIAG = 1, /* SOCK_DESTROY */
    TCPENTRY_METHOD_BORROW = 2     /* the owner's descriptor, borrowed */
} TCPENTRY_METHOD;

/* What became of one deletion. 317 and 1168 alone do not tell: the outcome does. */
typedef struct TCPENTRY_RESULT {
    DWORD code;    /* as SetTcpEntry returns it */
    DWORD outcome; /* TCPENTRY_OUTCOME */
    DWORD method;  /* TCPENTRY_METHOD */
    INT error;     /* errno, or 0 */
} TCPENTRY_RESULT;

/* The same, and why, in words. */
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

/* The identity of the socket that has these ends now, whatever the state in the row; also of a listener. */
DWORD WINAPI tcpentry_identify(const MIB_TCPROW *row, TCPENTRY_ID *id);
DWORD WINAPI tcpentry_identify6(const MIB_TCP6ROW *row, TCPENTRY_ID *id);

/* Deletes that very socket, or nothing; codes as of SetTcpEntry. */
DWORD WINAPI tcpentry_delete_id(const TCPENTRY_ID *id);

/* Deletes count items, in their order, and stores what became of each. Returns 0, or the code of the first that
 * was not deleted. */
DWORD WINAPI tcpentry_delete_batch(TCPENTRY_KIND kind, const void *items, DWORD count, TCPENTRY_RESULT *results);

/* What lies behind the last deletion of this thread (of a batch, behind what it returned), or behind a later
 * identification that failed; ERROR_NOT_FOUND before the first. */
DWORD WINAPI tcpentry_last_detail(TCPENTRY_DETAIL *detail);

/* The text of a code, as FormatMessage gives it on Windows. Returns its length; cut where size is less. */
DWORD WINAPI tcpentry_message(DWORD code, char *buffer, DWORD size);

#ifdef __cplusplus
}
#endif

#endif
