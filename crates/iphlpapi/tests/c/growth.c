/* Tables that are empty, and tables that grow between two calls. */
#include "getters.h"

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

int main(void) {
    for (size_t i = 0; i < sizeof GETTERS / sizeof *GETTERS; i++)
        empty(GETTERS[i].get, GETTERS[i].first, GETTERS[i].row);
    allocated_and_empty();
    datagrams(AF_INET);
    datagrams(AF_INET6);
    connect_to(listener(AF_INET));
    connect_to(listener(AF_INET6));
    growing();
    puts("done");
    return 0;
}
