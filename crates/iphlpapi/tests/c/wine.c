/* What Wine's conformance test checks of the TCP part of IP Helper, in its order. */
#include "check.h"

#define WINDOWS_AF_INET6 23

static void *grown(ULONG family, TCP_TABLE_CLASS class, BOOL order, DWORD *code) {
    DWORD size = 0;
    void *table = NULL;
    while ((*code = GetExtendedTcpTable(table, &size, order, family, class, 0)) ==
           ERROR_INSUFFICIENT_BUFFER)
        CHECK((table = realloc(table, size)) != NULL);
    return table;
}

static void the_size_then_the_table(void) {
    DWORD size = 0;
    MIB_TCPTABLE *table;
    IS(GetTcpTable(NULL, &size, FALSE), ERROR_INSUFFICIENT_BUFFER);
    CHECK((table = malloc(size)) != NULL);
    IS(GetTcpTable(table, &size, FALSE), NO_ERROR);
    free(table);
}

static void no_size(void) {
    IS(GetExtendedTcpTable(NULL, NULL, TRUE, AF_INET, TCP_TABLE_BASIC_ALL, 0),
       ERROR_INVALID_PARAMETER);
}

static void every_class_by_growing(void) {
    static const TCP_TABLE_CLASS classes[] = {
        TCP_TABLE_BASIC_ALL,          TCP_TABLE_BASIC_LISTENER,
        TCP_TABLE_OWNER_PID_ALL,      TCP_TABLE_OWNER_PID_LISTENER,
        TCP_TABLE_OWNER_MODULE_ALL,   TCP_TABLE_OWNER_MODULE_LISTENER,
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        DWORD code;
        free(grown(AF_INET, classes[i], TRUE, &code));
        IS(code, NO_ERROR);
    }
}

static void ones_own_listener(void) {
    int four = listener(AF_INET), six = listener(AF_INET6), found = 0;
    struct sockaddr_in address;
    struct sockaddr_in6 address6;
    socklen_t length = sizeof address;
    MIB_TCPTABLE_OWNER_PID *table;
    MIB_TCP6TABLE_OWNER_PID *table6;
    DWORD code;

    CHECK(getsockname(four, (struct sockaddr *)&address, &length) == 0);
    table = grown(AF_INET, TCP_TABLE_OWNER_PID_ALL, TRUE, &code);
    IS(code, NO_ERROR);
    for (DWORD i = 0; i < table->dwNumEntries; i++) {
        MIB_TCPROW_OWNER_PID *row = &table->table[i];
        if (row->dwLocalPort != address.sin_port || row->dwState != MIB_TCP_STATE_LISTEN)
            continue;
        IS(row->dwLocalAddr, address.sin_addr.s_addr);
        IS(row->dwOwningPid, getpid());
        found++;
    }
    IS(found, 1);
    free(table);

    length = sizeof address6;
    CHECK(getsockname(six, (struct sockaddr *)&address6, &length) == 0);
    table6 = grown(WINDOWS_AF_INET6, TCP_TABLE_OWNER_PID_ALL, TRUE, &code);
    IS(code, NO_ERROR);
    found = 0;
    for (DWORD i = 0; i < table6->dwNumEntries; i++) {
        MIB_TCP6ROW_OWNER_PID *row = &table6->table[i];
        if (row->dwLocalPort != address6.sin6_port || row->dwState != MIB_TCP_STATE_LISTEN)
            continue;
        CHECK(memcmp(row->ucLocalAddr, &address6.sin6_addr, 16) == 0);
        IS(row->dwLocalScopeId, address6.sin6_scope_id);
        IS(row->dwOwningPid, getpid());
        found++;
    }
    IS(found, 1);
    free(table6);
    close(four);
    close(six);
}

static void the_allocating_one(void) {
    void *table = NULL;
    IS(AllocateAndGetTcpExTableFromStack(&table, FALSE, NULL, 0, 0), ERROR_INVALID_PARAMETER);
    IS(AllocateAndGetTcpExTableFromStack(&table, FALSE, NULL, 0, WINDOWS_AF_INET6),
       ERROR_NOT_SUPPORTED);
    IS(AllocateAndGetTcpExTableFromStack(&table, FALSE, NULL, 0, AF_INET6), ERROR_NOT_SUPPORTED);
    CHECK(table == NULL);
    IS(AllocateAndGetTcpExTableFromStack(&table, FALSE, NULL, 0, AF_INET), NO_ERROR);
    CHECK(table != NULL);
    tcpentry_free(table);
    tcpentry_free(NULL);
    /* Windows crashes. */
    IS(AllocateAndGetTcpExTableFromStack(NULL, FALSE, NULL, 0, AF_INET), ERROR_INVALID_PARAMETER);
}

static void statistics(void) {
    MIB_TCPSTATS stats;
    IS(GetTcpStatistics(NULL), ERROR_INVALID_PARAMETER);
    IS(GetTcpStatistics(&stats), NO_ERROR);
    IS(GetTcpStatisticsEx(NULL, AF_INET), ERROR_INVALID_PARAMETER);
    IS(GetTcpStatisticsEx(&stats, 0), ERROR_INVALID_PARAMETER);
    IS(GetTcpStatisticsEx(&stats, AF_UNIX), ERROR_INVALID_PARAMETER);
    IS(GetTcpStatisticsEx(&stats, AF_INET), NO_ERROR);
    IS(GetTcpStatisticsEx(&stats, AF_INET6), NO_ERROR);
    IS(GetTcpStatisticsEx(&stats, WINDOWS_AF_INET6), NO_ERROR);
}

static void the_state_and_the_row_of_zeros(void) {
    MIB_TCPROW row;
    memset(&row, 0, sizeof row);
    IS(SetTcpEntry(&row), ERROR_INVALID_PARAMETER);
    row.dwState = MIB_TCP_STATE_DELETE_TCB;
    IS(SetTcpEntry(&row), ERROR_MR_MID_NOT_FOUND);
}

int main(void) {
    the_size_then_the_table();
    no_size();
    every_class_by_growing();
    ones_own_listener();
    the_allocating_one();
    statistics();
    the_state_and_the_row_of_zeros();
    puts("done");
    return 0;
}
