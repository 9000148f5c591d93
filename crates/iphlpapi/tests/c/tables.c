/*
 * Prints a table, a row a line: LOCAL SCOPE PORT REMOTE SCOPE PORT STATE PID ("-" where it has none).
 *
 *   tables FUNCTION ORDER             GetTcpTable, GetTcpTable2, GetTcp6Table, GetTcp6Table2, Allocate
 *   tables extended ORDER FAMILY CLASS
 *   tables udp ORDER FAMILY CLASS     or GetUdpTable, GetUdp6Table
 *   tables bound FAMILY
 *   tables statistics FAMILY          or statistics2: 64 bits
 *
 * What no row may have is checked here: an upper half in a port, an offload state, a time stamp.
 */
#include "check.h"

static void end4(DWORD address, DWORD port) {
    char text[INET_ADDRSTRLEN];
    IS(port >> 16, 0);
    printf("%s 0 %u ", inet_ntop(AF_INET, &address, text, sizeof text), ntohs((uint16_t)port));
}

static void end6(const void *address, DWORD scope, DWORD port) {
    char text[INET6_ADDRSTRLEN];
    IS(port >> 16, 0);
    printf("%s %u %u ", inet_ntop(AF_INET6, address, text, sizeof text), scope,
           ntohs((uint16_t)port));
}

#define ENDS4(row)                             \
    end4((row).dwLocalAddr, (row).dwLocalPort); \
    end4((row).dwRemoteAddr, (row).dwRemotePort)
#define ENDS6(row, local, remote)                                \
    end6(&(row).local, (row).dwLocalScopeId, (row).dwLocalPort); \
    end6(&(row).remote, (row).dwRemoteScopeId, (row).dwRemotePort)
#define LOOP(type, statement)                                                             \
    do {                                                                                  \
        const type *table_ = buffer;                                                      \
        CHECK(size == 0 || size == offsetof(type, table) +                                \
                                       table_->dwNumEntries * sizeof table_->table[0]);   \
        for (DWORD i = 0; i < table_->dwNumEntries; i++) {                                \
            const __typeof__(table_->table[0]) row = table_->table[i];                    \
            statement;                                                                    \
        }                                                                                 \
    } while (0)

static void print(const void *buffer, DWORD size, int six, TCP_TABLE_CLASS class) {
    switch (class) {
    case TCP_TABLE_BASIC_LISTENER:
    case TCP_TABLE_BASIC_CONNECTIONS:
    case TCP_TABLE_BASIC_ALL:
        if (six)
            LOOP(MIB_TCP6TABLE, ENDS6(row, LocalAddr, RemoteAddr); printf("%d -\n", row.State));
        else
            LOOP(MIB_TCPTABLE, ENDS4(row); printf("%u -\n", row.dwState));
        break;
    case TCP_TABLE_OWNER_PID_LISTENER:
    case TCP_TABLE_OWNER_PID_CONNECTIONS:
    case TCP_TABLE_OWNER_PID_ALL:
        if (six)
            LOOP(MIB_TCP6TABLE_OWNER_PID, ENDS6(row, ucLocalAddr, ucRemoteAddr);
                 printf("%u %u\n", row.dwState, row.dwOwningPid));
        else
            LOOP(MIB_TCPTABLE_OWNER_PID, ENDS4(row);
                 printf("%u %u\n", row.dwState, row.dwOwningPid));
        break;
    default:
        if (six)
            LOOP(MIB_TCP6TABLE_OWNER_MODULE, ENDS6(row, ucLocalAddr, ucRemoteAddr);
                 IS(row.liCreateTimestamp.QuadPart, 0);
                 printf("%u %u\n", row.dwState, row.dwOwningPid));
        else
            LOOP(MIB_TCPTABLE_OWNER_MODULE, ENDS4(row); IS(row.liCreateTimestamp.QuadPart, 0);
                 printf("%u %u\n", row.dwState, row.dwOwningPid));
    }
}

static void print2(const void *buffer, DWORD size, int six) {
    if (six)
        LOOP(MIB_TCP6TABLE2, ENDS6(row, LocalAddr, RemoteAddr); IS(row.dwOffloadState, 0);
             printf("%d %u\n", row.State, row.dwOwningPid));
    else
        LOOP(MIB_TCPTABLE2, ENDS4(row); IS(row.dwOffloadState, 0);
             printf("%u %u\n", row.dwState, row.dwOwningPid));
}

/* A row of UDP has one end, and no state: the other is written as zeros, and the state as 0. */
#define UDP4(row) end4((row).dwLocalAddr, (row).dwLocalPort); printf("0.0.0.0 0 0 0 ")
#define UDP6(row, local)                                         \
    end6(&(row).local, (row).dwLocalScopeId, (row).dwLocalPort); \
    printf(":: 0 0 0 ")

static void print_udp(const void *buffer, DWORD size, int six, UDP_TABLE_CLASS class) {
    switch (class) {
    case UDP_TABLE_BASIC:
        if (six)
            LOOP(MIB_UDP6TABLE, UDP6(row, dwLocalAddr); printf("-\n"));
        else
            LOOP(MIB_UDPTABLE, UDP4(row); printf("-\n"));
        break;
    case UDP_TABLE_OWNER_PID:
        if (six)
            LOOP(MIB_UDP6TABLE_OWNER_PID, UDP6(row, ucLocalAddr); printf("%u\n", row.dwOwningPid));
        else
            LOOP(MIB_UDPTABLE_OWNER_PID, UDP4(row); printf("%u\n", row.dwOwningPid));
        break;
    default:
        if (six)
            LOOP(MIB_UDP6TABLE_OWNER_MODULE, UDP6(row, ucLocalAddr);
                 IS(row.liCreateTimestamp.QuadPart, 0); IS(row.dwFlags, 0);
                 printf("%u\n", row.dwOwningPid));
        else
            LOOP(MIB_UDPTABLE_OWNER_MODULE, UDP4(row); IS(row.liCreateTimestamp.QuadPart, 0);
                 IS(row.dwFlags, 0); printf("%u\n", row.dwOwningPid));
    }
}

/* Calls until the buffer is large enough. */
#define GROW(call)                                            \
    while ((code = (call)) == ERROR_INSUFFICIENT_BUFFER)      \
        CHECK((buffer = realloc(buffer, size)) != NULL)

int main(int count, char **words) {
    const char *what = words[1];
    DWORD code, size = 0;
    void *buffer = NULL;
    BOOL order;
    CHECK(count > 2);
    order = atoi(words[2]);
    if (strcmp(what, "GetTcpTable") == 0) {
        GROW(GetTcpTable(buffer, &size, order));
        if (code == NO_ERROR)
            print(buffer, size, 0, TCP_TABLE_BASIC_ALL);
    } else if (strcmp(what, "GetTcp6Table") == 0) {
        GROW(GetTcp6Table(buffer, &size, order));
        if (code == NO_ERROR)
            print(buffer, size, 1, TCP_TABLE_BASIC_ALL);
    } else if (strcmp(what, "GetTcpTable2") == 0) {
        GROW(GetTcpTable2(buffer, &size, order));
        if (code == NO_ERROR)
            print2(buffer, size, 0);
    } else if (strcmp(what, "GetTcp6Table2") == 0) {
        GROW(GetTcp6Table2(buffer, &size, order));
        if (code == NO_ERROR)
            print2(buffer, size, 1);
    } else if (strcmp(what, "Allocate") == 0) {
        code = AllocateAndGetTcpExTableFromStack(&buffer, order, NULL, 0, AF_INET);
        if (code == NO_ERROR)
            print(buffer, 0, 0, TCP_TABLE_OWNER_PID_ALL);
    } else if (strcmp(what, "extended") == 0 && count == 5) {
        ULONG family = (ULONG)atoi(words[3]);
        TCP_TABLE_CLASS class = (TCP_TABLE_CLASS)atoi(words[4]);
        GROW(GetExtendedTcpTable(buffer, &size, order, family, class, 0));
        if (code == NO_ERROR)
            print(buffer, size, family != AF_INET, class);
    } else if (strcmp(what, "GetUdpTable") == 0) {
        GROW(GetUdpTable(buffer, &size, order));
        if (code == NO_ERROR)
            print_udp(buffer, size, 0, UDP_TABLE_BASIC);
    } else if (strcmp(what, "GetUdp6Table") == 0) {
        GROW(GetUdp6Table(buffer, &size, order));
        if (code == NO_ERROR)
            print_udp(buffer, size, 1, UDP_TABLE_BASIC);
    } else if (strcmp(what, "udp") == 0 && count == 5) {
        ULONG family = (ULONG)atoi(words[3]);
        UDP_TABLE_CLASS class = (UDP_TABLE_CLASS)atoi(words[4]);
        GROW(GetExtendedUdpTable(buffer, &size, order, family, class, 0));
        if (code == NO_ERROR)
            print_udp(buffer, size, family != AF_INET, class);
    } else if (strcmp(what, "AllocateBasic") == 0) {
        MIB_TCPTABLE *table = NULL;
        code = AllocateAndGetTcpTableFromStack(&table, order, NULL, 0);
        buffer = table;
        if (code == NO_ERROR)
            print(buffer, 0, 0, TCP_TABLE_BASIC_ALL);
    } else if (strcmp(what, "bound") == 0) {
        int six = order != AF_INET;
        code = six ? InternalGetBoundTcp6EndpointTable(&buffer, NULL, 0)
                   : InternalGetBoundTcpEndpointTable(&buffer, NULL, 0);
        if (code == NO_ERROR)
            print2(buffer, 0, six);
    } else if (strcmp(what, "udp-statistics") == 0) {
        MIB_UDPSTATS stats;
        DWORD numbers[5];
        code = GetUdpStatisticsEx(&stats, (ULONG)order);
        memcpy(numbers, &stats, sizeof numbers);
        if (code == NO_ERROR)
            for (int i = 0; i < 5; i++)
                printf("%u\n", numbers[i]);
    } else if (strcmp(what, "statistics2") == 0) {
        MIB_TCPSTATS2 stats;
        code = GetTcpStatisticsEx2(&stats, (ULONG)order);
        if (code == NO_ERROR)
            printf("%d\n%u\n%u\n%u\n%u\n%u\n%u\n%u\n%u\n%llu\n%llu\n%u\n%u\n%u\n%u\n",
                   stats.RtoAlgorithm, stats.dwRtoMin, stats.dwRtoMax, stats.dwMaxConn,
                   stats.dwActiveOpens, stats.dwPassiveOpens, stats.dwAttemptFails,
                   stats.dwEstabResets, stats.dwCurrEstab, (unsigned long long)stats.dw64InSegs,
                   (unsigned long long)stats.dw64OutSegs, stats.dwRetransSegs, stats.dwInErrs,
                   stats.dwOutRsts, stats.dwNumConns);
    } else if (strcmp(what, "statistics") == 0) {
        MIB_TCPSTATS stats;
        DWORD numbers[15];
        code = GetTcpStatisticsEx(&stats, (ULONG)atoi(words[2]));
        memcpy(numbers, &stats, sizeof numbers);
        if (code == NO_ERROR)
            for (int i = 0; i < 15; i++)
                printf("%u\n", numbers[i]);
    } else {
        return 2;
    }
    if (code != NO_ERROR)
        printf("code %u\n", code);
    free(buffer);
    return 0;
}
