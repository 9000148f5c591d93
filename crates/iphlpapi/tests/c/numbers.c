/* The numbers of the layouts, for compilers of both languages, of 64 and of 32 bits. Compiled, never run. */
#include <stddef.h>

#include <iphlpapi.h>

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define VALUE(name, number) _Static_assert((long long)(name) == (number), #name)
/* A table: where its rows begin, and how long each is. */
#define TABLE(type, first, row)                     \
    AT(type, dwNumEntries, 0);                      \
    AT(type, table, first);                         \
    _Static_assert(sizeof(((type *)0)->table[0]) == (row), #type)

SIZE(BYTE, 1);
SIZE(UCHAR, 1);
SIZE(WORD, 2);
SIZE(USHORT, 2);
SIZE(WCHAR, 2);
SIZE(DWORD, 4);
SIZE(ULONG, 4);
SIZE(LONG, 4);
SIZE(UINT, 4);
SIZE(INT, 4);
SIZE(BOOL, 4);
SIZE(LONGLONG, 8);
SIZE(ULONGLONG, 8);
SIZE(LARGE_INTEGER, 8);
SIZE(HANDLE, sizeof(void *));
SIZE(MIB_TCP_STATE, 4);
SIZE(TCP_TABLE_CLASS, 4);
SIZE(TCP_CONNECTION_OFFLOAD_STATE, 4);
SIZE(IN6_ADDR, 16);

SIZE(MIB_TCPROW, 20);
AT(MIB_TCPROW, dwState, 0);
AT(MIB_TCPROW, State, 0);
AT(MIB_TCPROW, dwLocalAddr, 4);
AT(MIB_TCPROW, dwLocalPort, 8);
AT(MIB_TCPROW, dwRemoteAddr, 12);
AT(MIB_TCPROW, dwRemotePort, 16);
SIZE(MIB_TCPROW_LH, 20);
SIZE(MIB_TCPROW_W2K, 20);
TABLE(MIB_TCPTABLE, 4, 20);

SIZE(MIB_TCPROW2, 28);
AT(MIB_TCPROW2, dwState, 0);
AT(MIB_TCPROW2, dwLocalAddr, 4);
AT(MIB_TCPROW2, dwLocalPort, 8);
AT(MIB_TCPROW2, dwRemoteAddr, 12);
AT(MIB_TCPROW2, dwRemotePort, 16);
AT(MIB_TCPROW2, dwOwningPid, 20);
AT(MIB_TCPROW2, dwOffloadState, 24);
TABLE(MIB_TCPTABLE2, 4, 28);

SIZE(MIB_TCPROW_OWNER_PID, 24);
AT(MIB_TCPROW_OWNER_PID, dwState, 0);
AT(MIB_TCPROW_OWNER_PID, dwLocalAddr, 4);
AT(MIB_TCPROW_OWNER_PID, dwLocalPort, 8);
AT(MIB_TCPROW_OWNER_PID, dwRemoteAddr, 12);
AT(MIB_TCPROW_OWNER_PID, dwRemotePort, 16);
AT(MIB_TCPROW_OWNER_PID, dwOwningPid, 20);
TABLE(MIB_TCPTABLE_OWNER_PID, 4, 24);

SIZE(MIB_TCPROW_OWNER_MODULE, 160);
AT(MIB_TCPROW_OWNER_MODULE, dwState, 0);
AT(MIB_TCPROW_OWNER_MODULE, dwLocalAddr, 4);
AT(MIB_TCPROW_OWNER_MODULE, dwLocalPort, 8);
AT(MIB_TCPROW_OWNER_MODULE, dwRemoteAddr, 12);
AT(MIB_TCPROW_OWNER_MODULE, dwRemotePort, 16);
AT(MIB_TCPROW_OWNER_MODULE, dwOwningPid, 20);
AT(MIB_TCPROW_OWNER_MODULE, liCreateTimestamp, 24);
AT(MIB_TCPROW_OWNER_MODULE, OwningModuleInfo, 32);
TABLE(MIB_TCPTABLE_OWNER_MODULE, 8, 160);

SIZE(MIB_TCP6ROW, 52);
AT(MIB_TCP6ROW, State, 0);
AT(MIB_TCP6ROW, LocalAddr, 4);
AT(MIB_TCP6ROW, dwLocalScopeId, 20);
AT(MIB_TCP6ROW, dwLocalPort, 24);
AT(MIB_TCP6ROW, RemoteAddr, 28);
AT(MIB_TCP6ROW, dwRemoteScopeId, 44);
AT(MIB_TCP6ROW, dwRemotePort, 48);
TABLE(MIB_TCP6TABLE, 4, 52);

SIZE(MIB_TCP6ROW2, 60);
AT(MIB_TCP6ROW2, LocalAddr, 0);
AT(MIB_TCP6ROW2, dwLocalScopeId, 16);
AT(MIB_TCP6ROW2, dwLocalPort, 20);
AT(MIB_TCP6ROW2, RemoteAddr, 24);
AT(MIB_TCP6ROW2, dwRemoteScopeId, 40);
AT(MIB_TCP6ROW2, dwRemotePort, 44);
AT(MIB_TCP6ROW2, State, 48);
AT(MIB_TCP6ROW2, dwOwningPid, 52);
AT(MIB_TCP6ROW2, dwOffloadState, 56);
TABLE(MIB_TCP6TABLE2, 4, 60);

SIZE(MIB_TCP6ROW_OWNER_PID, 56);
AT(MIB_TCP6ROW_OWNER_PID, ucLocalAddr, 0);
AT(MIB_TCP6ROW_OWNER_PID, dwLocalScopeId, 16);
AT(MIB_TCP6ROW_OWNER_PID, dwLocalPort, 20);
AT(MIB_TCP6ROW_OWNER_PID, ucRemoteAddr, 24);
AT(MIB_TCP6ROW_OWNER_PID, dwRemoteScopeId, 40);
AT(MIB_TCP6ROW_OWNER_PID, dwRemotePort, 44);
AT(MIB_TCP6ROW_OWNER_PID, dwState, 48);
AT(MIB_TCP6ROW_OWNER_PID, dwOwningPid, 52);
TABLE(MIB_TCP6TABLE_OWNER_PID, 4, 56);

SIZE(MIB_TCP6ROW_OWNER_MODULE, 192);
AT(MIB_TCP6ROW_OWNER_MODULE, ucLocalAddr, 0);
AT(MIB_TCP6ROW_OWNER_MODULE, dwLocalScopeId, 16);
AT(MIB_TCP6ROW_OWNER_MODULE, dwLocalPort, 20);
AT(MIB_TCP6ROW_OWNER_MODULE, ucRemoteAddr, 24);
AT(MIB_TCP6ROW_OWNER_MODULE, dwRemoteScopeId, 40);
AT(MIB_TCP6ROW_OWNER_MODULE, dwRemotePort, 44);
AT(MIB_TCP6ROW_OWNER_MODULE, dwState, 48);
AT(MIB_TCP6ROW_OWNER_MODULE, dwOwningPid, 52);
AT(MIB_TCP6ROW_OWNER_MODULE, liCreateTimestamp, 56);
AT(MIB_TCP6ROW_OWNER_MODULE, OwningModuleInfo, 64);
TABLE(MIB_TCP6TABLE_OWNER_MODULE, 8, 192);

SIZE(MIB_TCPSTATS, 60);
AT(MIB_TCPSTATS, dwRtoAlgorithm, 0);
AT(MIB_TCPSTATS, RtoAlgorithm, 0);
AT(MIB_TCPSTATS, dwRtoMin, 4);
AT(MIB_TCPSTATS, dwMaxConn, 12);
AT(MIB_TCPSTATS, dwActiveOpens, 16);
AT(MIB_TCPSTATS, dwCurrEstab, 32);
AT(MIB_TCPSTATS, dwNumConns, 56);

SIZE(TCPIP_OWNER_MODULE_BASIC_INFO, 2 * sizeof(void *));
AT(TCPIP_OWNER_MODULE_BASIC_INFO, pModulePath, sizeof(void *));

SIZE(TCPENTRY_ID, 256);
SIZE(TCPENTRY_DETAIL, 528);
AT(TCPENTRY_DETAIL, text, 16);

VALUE(MIB_TCP_STATE_CLOSED, 1);
VALUE(MIB_TCP_STATE_LISTEN, 2);
VALUE(MIB_TCP_STATE_SYN_SENT, 3);
VALUE(MIB_TCP_STATE_SYN_RCVD, 4);
VALUE(MIB_TCP_STATE_ESTAB, 5);
VALUE(MIB_TCP_STATE_FIN_WAIT1, 6);
VALUE(MIB_TCP_STATE_FIN_WAIT2, 7);
VALUE(MIB_TCP_STATE_CLOSE_WAIT, 8);
VALUE(MIB_TCP_STATE_CLOSING, 9);
VALUE(MIB_TCP_STATE_LAST_ACK, 10);
VALUE(MIB_TCP_STATE_TIME_WAIT, 11);
VALUE(MIB_TCP_STATE_DELETE_TCB, 12);
VALUE(TCP_TABLE_BASIC_LISTENER, 0);
VALUE(TCP_TABLE_OWNER_MODULE_ALL, 8);
VALUE(TcpConnectionOffloadStateInHost, 0);
VALUE(TcpConnectionOffloadStateMax, 4);
VALUE(TCPIP_OWNER_MODULE_INFO_BASIC, 0);
VALUE(TCPIP_OWNING_MODULE_SIZE, 16);
VALUE(MIB_TCP_MAXCONN_DYNAMIC, 0xffffffff);

VALUE(SIZEOF_TCPTABLE(3), 72);
VALUE(SIZEOF_TCPTABLE2(3), 96);
VALUE(SIZEOF_TCPTABLE_OWNER_PID(3), 84);
VALUE(SIZEOF_TCPTABLE_OWNER_MODULE(3), 496);
VALUE(SIZEOF_TCP6TABLE(3), 168);
VALUE(SIZEOF_TCP6TABLE2(3), 192);
VALUE(SIZEOF_TCP6TABLE_OWNER_PID(3), 180);
/* The mingw-w64 headers multiply by the row without a module here, by mistake. */
VALUE(SIZEOF_TCP6TABLE_OWNER_MODULE(3), 592);

#ifdef AF_INET6
_Static_assert(AF_INET6 == 10, "the system's, never one of ours");
#endif
