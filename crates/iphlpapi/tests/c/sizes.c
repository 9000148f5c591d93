/* The protocol of sizes, and every way to hold the functions wrong. */
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

/* An empty table: no buffer is filled that is smaller than the type, which has one row; the row is zeros. */
static void empty(getter *get, DWORD first, DWORD row) {
    DWORD type = first + row, size;
    const DWORD less[] = {0, 3, first, type - 1};
    for (size_t i = 0; i < sizeof less / sizeof *less; i++) {
        unsigned char *small = malloc(less[i] + 1);
        CHECK(small != NULL);
        size = less[i];
        IS(get(small, &size), ERROR_INSUFFICIENT_BUFFER);
        IS(size, first + 8 * row);
        free(small);
    }
    unsigned char *whole = malloc(type);
    CHECK(whole != NULL);
    memset(whole, 0xa5, type);
    size = type;
    IS(get(whole, &size), NO_ERROR);
    IS(size, first);
    for (DWORD i = 0; i < type; i++)
        IS(whole[i], 0);
    free(whole);
}

static void one(getter *get, DWORD first, DWORD row, DWORD rows) {
    DWORD need = first + rows * row, size;
    /* The answer has room for eight rows and an eighth more. */
    DWORD answered = first + (rows + 8 + rows / 8) * row;
    unsigned char *exact, *wrong;

    IS(get(NULL, NULL), ERROR_INVALID_PARAMETER);
    size = 0;
    IS(get(NULL, &size), ERROR_INSUFFICIENT_BUFFER);
    IS(size, answered);
    /* No buffer is no buffer, whatever the size says. */
    size = 0xffffffff;
    IS(get(NULL, &size), ERROR_INSUFFICIENT_BUFFER);
    IS(size, answered);

    CHECK((exact = malloc(need)) != NULL);
    IS(get(exact, NULL), ERROR_INVALID_PARAMETER);
    const DWORD less[] = {0, 3, first, need - 1};
    for (size_t j = 0; j < sizeof less / sizeof *less; j++) {
        memset(exact, 0xa5, need);
        size = less[j];
        IS(get(exact, &size), ERROR_INSUFFICIENT_BUFFER);
        IS(size, answered);
        for (DWORD i = 0; i < need; i++)
            IS(exact[i], 0xa5);
    }
    size = need;
    IS(get(exact, &size), NO_ERROR);
    IS(size, need);
    IS(*(DWORD *)exact, rows);

    /* More than needed: the exact need comes back, and nothing is written behind it. */
    CHECK((wrong = malloc(need + 64)) != NULL);
    memset(wrong, 0x5a, need + 64);
    size = 0xffffffff;
    IS(get(wrong, &size), NO_ERROR);
    IS(size, need);
    CHECK(memcmp(wrong, exact, need) == 0);
    for (DWORD i = need; i < need + 64; i++)
        IS(wrong[i], 0x5a);

    /* Misaligned, table and size. */
    for (int odd = 1; odd < 8; odd += 3) {
        unsigned char odd_size[16];
        memset(wrong, 0x5a, need + 64);
        memcpy(odd_size + odd, &need, sizeof need);
        IS(get(wrong + odd, (DWORD *)(void *)(odd_size + odd)), NO_ERROR);
        CHECK(memcmp(wrong + odd, exact, need) == 0);
        IS(wrong[odd - 1], 0x5a);
        IS(wrong[odd + need], 0x5a);
    }
    free(exact);
    free(wrong);
}

static void parameters(void) {
    static const ULONG families[] = {0, 1, 3, 11, 22, 24, 0x10002, 0xffffffff};
    DWORD size = 0;
    void *memory = NULL;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        IS(GetExtendedTcpTable(NULL, &size, FALSE, families[i], TCP_TABLE_OWNER_PID_ALL, 0),
           ERROR_INVALID_PARAMETER);
        IS(GetExtendedTcpTable(NULL, &size, FALSE, families[i], TCP_TABLE_BASIC_ALL, 0),
           ERROR_INVALID_PARAMETER);
        IS(AllocateAndGetTcpExTableFromStack(&memory, FALSE, NULL, 0, families[i]),
           ERROR_INVALID_PARAMETER);
    }
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        IS(GetExtendedUdpTable(NULL, &size, FALSE, families[i], UDP_TABLE_BASIC, 0),
           ERROR_INVALID_PARAMETER);
    for (int class = TCP_TABLE_BASIC_LISTENER; class <= TCP_TABLE_BASIC_ALL; class++) {
        IS(GetExtendedTcpTable(NULL, &size, FALSE, AF_INET6, (TCP_TABLE_CLASS)class, 0),
           ERROR_NOT_SUPPORTED);
        IS(GetExtendedTcpTable(NULL, &size, FALSE, WINDOWS_AF_INET6, (TCP_TABLE_CLASS)class, 0),
           ERROR_NOT_SUPPORTED);
    }
    IS(size, 0);
    CHECK(memory == NULL);
    /* The last parameter is reserved, and ignored. */
    IS(GetExtendedTcpTable(NULL, &size, FALSE, AF_INET, TCP_TABLE_BASIC_ALL, 7),
       ERROR_INSUFFICIENT_BUFFER);
}

/* Numbers that no compiler would let an enumeration have: as another language passes them. */
static void classes_out_of_range(void) {
    DWORD (*raw)(void *, DWORD *, int, DWORD, int, DWORD);
    static const int classes[] = {9, 10, -1, 100, 0x7fffffff, -2147483647 - 1};
    DWORD size = 0;
    *(void **)&raw = (void *)GetExtendedTcpTable;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        IS(raw(NULL, &size, 0, AF_INET, classes[i], 0), ERROR_INVALID_PARAMETER);
        IS(raw(NULL, &size, 0, AF_INET6, classes[i], 0), ERROR_INVALID_PARAMETER);
    }
    *(void **)&raw = (void *)GetExtendedUdpTable;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        IS(raw(NULL, &size, 0, AF_INET, classes[i], 0), ERROR_INVALID_PARAMETER);
    IS(raw(NULL, &size, 0, AF_INET, 3, 0), ERROR_INVALID_PARAMETER);
    IS(size, 0);
}

static void statistics_anywhere(void) {
    unsigned char room[sizeof(MIB_TCPSTATS) + 16];
    MIB_TCPSTATS straight;
    memset(room, 0x5a, sizeof room);
    IS(GetTcpStatistics(&straight), NO_ERROR);
    IS(GetTcpStatistics((MIB_TCPSTATS *)(void *)(room + 3)), NO_ERROR);
    CHECK(memcmp(room + 3, &straight, sizeof straight) == 0);
    IS(room[2], 0x5a);
    IS(room[3 + sizeof straight], 0x5a);
}

static void misaligned_rows(struct connection four, struct connection six) {
    unsigned char room[sizeof(MIB_TCP6ROW) + 1];
    MIB_TCPROW row = row_of(four.server);
    MIB_TCP6ROW row6 = row6_of(six.server);
    memcpy(room + 1, &row, sizeof row);
    IS(SetTcpEntry((MIB_TCPROW *)(void *)(room + 1)), NO_ERROR);
    memcpy(room + 1, &row6, sizeof row6);
    IS(SetTcp6Entry((MIB_TCP6ROW *)(void *)(room + 1)), NO_ERROR);
    CHECK(is_reset(four.client) && is_reset(six.client));
}

/* A table that grows between two calls: no second one fails for a few rows more. */
static void growing(void) {
    for (size_t i = 0; i < sizeof GETTERS / sizeof *GETTERS; i += 4) {
        int more[8];
        DWORD size = 0;
        void *table;
        IS(GETTERS[i].get(NULL, &size), ERROR_INSUFFICIENT_BUFFER);
        CHECK((table = malloc(size)) != NULL);
        for (int j = 0; j < 8; j++)
            more[j] = j % 2 ? listener(AF_INET) : listener(AF_INET6);
        IS(GETTERS[i].get(table, &size), NO_ERROR);
        for (int j = 0; j < 8; j++)
            close(more[j]);
        free(table);
    }
}

static void allocated_and_empty(void) {
    MIB_TCPTABLE *table = NULL;
    void *bound = NULL;
    IS(AllocateAndGetTcpTableFromStack(NULL, TRUE, NULL, 0), ERROR_INVALID_PARAMETER);
    IS(AllocateAndGetTcpTableFromStack(&table, TRUE, NULL, 0), NO_ERROR);
    IS(table->dwNumEntries, 0);
    IS(table->table[0].dwRemotePort, 0);
    tcpentry_free(table);
    IS(InternalGetBoundTcpEndpointTable(NULL, NULL, 0), ERROR_INVALID_PARAMETER);
    IS(InternalGetBoundTcpEndpointTable(&bound, NULL, 0), NO_ERROR);
    IS(((MIB_TCPTABLE2 *)bound)->dwNumEntries, 0);
    IS(((MIB_TCPTABLE2 *)bound)->table[0].dwOwningPid, 0);
    tcpentry_free(bound);
    IS(InternalGetBoundTcp6EndpointTable(NULL, NULL, 0), ERROR_INVALID_PARAMETER);
    IS(InternalGetBoundTcp6EndpointTable(&bound, NULL, 0), NO_ERROR);
    IS(((MIB_TCP6TABLE2 *)bound)->table[0].dwOwningPid, 0);
    tcpentry_free(bound);
}

/* A UDP socket on the loopback address of the family. */
static void datagrams(int family) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (family == AF_INET)
        CHECK(bind(fd, (struct sockaddr *)&four, sizeof four) == 0);
    else
        CHECK(bind(fd, (struct sockaddr *)&six, sizeof six) == 0);
}

int main(void) {
    for (size_t i = 0; i < sizeof GETTERS / sizeof *GETTERS; i++)
        empty(GETTERS[i].get, GETTERS[i].first, GETTERS[i].row);
    allocated_and_empty();
    int four = listener(AF_INET), six = listener(AF_INET6);
    struct connection pair = connect_to(four), pair6 = connect_to(six);
    datagrams(AF_INET);
    datagrams(AF_INET6);
    for (size_t i = 0; i < sizeof GETTERS / sizeof *GETTERS; i++)
        one(GETTERS[i].get, GETTERS[i].first, GETTERS[i].row, GETTERS[i].rows);
    growing();
    parameters();
    classes_out_of_range();
    statistics_anywhere();
    misaligned_rows(pair, pair6);
    puts("done");
    return 0;
}
