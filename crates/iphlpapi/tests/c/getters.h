/* Every function that fills a buffer with a table, in one shape. */
#ifndef GETTERS_H
#define GETTERS_H

#include "check.h"

#define WINDOWS_AF_INET6 23

typedef DWORD getter(void *table, DWORD *size);

static DWORD table(void *at, DWORD *size) { return GetTcpTable(at, size, TRUE); }
static DWORD table2(void *at, DWORD *size) { return GetTcpTable2(at, size, TRUE); }
static DWORD table6(void *at, DWORD *size) { return GetTcp6Table(at, size, TRUE); }
static DWORD table62(void *at, DWORD *size) { return GetTcp6Table2(at, size, TRUE); }
#define EXTENDED(name, family, class)                               \
    static DWORD name(void *at, DWORD *size) {                      \
        return GetExtendedTcpTable(at, size, TRUE, family, class, 0); \
    }
EXTENDED(basic_listener, AF_INET, TCP_TABLE_BASIC_LISTENER)
EXTENDED(basic_connections, AF_INET, TCP_TABLE_BASIC_CONNECTIONS)
EXTENDED(basic_all, AF_INET, TCP_TABLE_BASIC_ALL)
EXTENDED(pid_listener, AF_INET, TCP_TABLE_OWNER_PID_LISTENER)
EXTENDED(pid_connections, AF_INET, TCP_TABLE_OWNER_PID_CONNECTIONS)
EXTENDED(pid_all, AF_INET, TCP_TABLE_OWNER_PID_ALL)
EXTENDED(module_listener, AF_INET, TCP_TABLE_OWNER_MODULE_LISTENER)
EXTENDED(module_connections, AF_INET, TCP_TABLE_OWNER_MODULE_CONNECTIONS)
EXTENDED(module_all, AF_INET, TCP_TABLE_OWNER_MODULE_ALL)
EXTENDED(pid_listener6, AF_INET6, TCP_TABLE_OWNER_PID_LISTENER)
EXTENDED(pid_connections6, AF_INET6, TCP_TABLE_OWNER_PID_CONNECTIONS)
EXTENDED(pid_all6, WINDOWS_AF_INET6, TCP_TABLE_OWNER_PID_ALL)
EXTENDED(module_listener6, WINDOWS_AF_INET6, TCP_TABLE_OWNER_MODULE_LISTENER)
EXTENDED(module_connections6, WINDOWS_AF_INET6, TCP_TABLE_OWNER_MODULE_CONNECTIONS)
EXTENDED(module_all6, AF_INET6, TCP_TABLE_OWNER_MODULE_ALL)

static DWORD udp(void *at, DWORD *size) { return GetUdpTable(at, size, TRUE); }
static DWORD udp6(void *at, DWORD *size) { return GetUdp6Table(at, size, TRUE); }
#define UDP(name, family, class)                                      \
    static DWORD name(void *at, DWORD *size) {                        \
        return GetExtendedUdpTable(at, size, TRUE, family, class, 0); \
    }
UDP(udp_basic, AF_INET, UDP_TABLE_BASIC)
UDP(udp_pid, AF_INET, UDP_TABLE_OWNER_PID)
UDP(udp_module, AF_INET, UDP_TABLE_OWNER_MODULE)
UDP(udp_basic6, AF_INET6, UDP_TABLE_BASIC)
UDP(udp_pid6, WINDOWS_AF_INET6, UDP_TABLE_OWNER_PID)
UDP(udp_module6, AF_INET6, UDP_TABLE_OWNER_MODULE)

/* Where the rows begin, and how long each is. */
static const struct {
    getter *get;
    DWORD first, row, rows;
} GETTERS[] = {
    {table, 4, 20, 3},             {table2, 4, 28, 3},
    {table6, 4, 52, 3},            {table62, 4, 60, 3},
    {basic_listener, 4, 20, 1},    {basic_connections, 4, 20, 2},
    {basic_all, 4, 20, 3},         {pid_listener, 4, 24, 1},
    {pid_connections, 4, 24, 2},   {pid_all, 4, 24, 3},
    {module_listener, 8, 160, 1},  {module_connections, 8, 160, 2},
    {module_all, 8, 160, 3},       {pid_listener6, 4, 56, 1},
    {pid_connections6, 4, 56, 2},  {pid_all6, 4, 56, 3},
    {module_listener6, 8, 192, 1}, {module_connections6, 8, 192, 2},
    {module_all6, 8, 192, 3},      {udp, 4, 8, 1},
    {udp6, 4, 24, 1},              {udp_basic, 4, 8, 1},
    {udp_pid, 4, 12, 1},           {udp_module, 8, 160, 1},
    {udp_basic6, 4, 24, 1},        {udp_pid6, 4, 28, 1},
    {udp_module6, 8, 176, 1},
};

/* A UDP socket on the loopback address of the family. */
static inline void datagrams(int family) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (family == AF_INET)
        CHECK(bind(fd, (struct sockaddr *)&four, sizeof four) == 0);
    else
        CHECK(bind(fd, (struct sockaddr *)&six, sizeof six) == 0);
}

#endif
