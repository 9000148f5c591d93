/* Tables and deletions from eight threads at once: every code is right. */
#include "check.h"

#include <pthread.h>

enum { THREADS = 8, ROUNDS = 40 };

static int listening, listening6;
static pthread_mutex_t accepting = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t start;
static struct connection lasting;

static struct connection connected(int to) {
    struct connection pair;
    CHECK(pthread_mutex_lock(&accepting) == 0);
    pair = connect_to(to);
    CHECK(pthread_mutex_unlock(&accepting) == 0);
    return pair;
}

/* How many rows of the PID table are this one, in state ESTAB and of this process. */
static int in_the_table(MIB_TCPROW row) {
    DWORD size = 0, code;
    MIB_TCPTABLE_OWNER_PID *table = NULL;
    int found = 0;
    while ((code = GetExtendedTcpTable(table, &size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0)) ==
           ERROR_INSUFFICIENT_BUFFER)
        CHECK((table = realloc(table, size += 4096)) != NULL);
    IS(code, NO_ERROR);
    for (DWORD i = 0; i < table->dwNumEntries; i++) {
        MIB_TCPROW_OWNER_PID *at = &table->table[i];
        if (at->dwLocalPort != row.dwLocalPort || at->dwRemotePort != row.dwRemotePort ||
            at->dwLocalAddr != row.dwLocalAddr || at->dwRemoteAddr != row.dwRemoteAddr)
            continue;
        IS(at->dwState, MIB_TCP_STATE_ESTAB);
        IS(at->dwOwningPid, getpid());
        found++;
    }
    free(table);
    return found;
}

static void *work(void *unused) {
    MIB_TCPROW always = row_of(lasting.server);
    (void)unused;
    pthread_barrier_wait(&start);
    for (int round = 0; round < ROUNDS; round++) {
        struct connection pair = connected(listening), pair6 = connected(listening6), named;
        MIB_TCPROW row = row_of(pair.server), wrong = row;
        MIB_TCP6ROW row6 = row6_of(pair6.server);
        TCPENTRY_ID id;
        MIB_TCPSTATS stats;
        char text[64];

        IS(in_the_table(row), 1);
        IS(in_the_table(always), 1);
        wrong.dwState = MIB_TCP_STATE_ESTAB;
        IS(SetTcpEntry(&wrong), ERROR_INVALID_PARAMETER);
        IS(last().outcome, TCPENTRY_INVALID);
        IS(SetTcpEntry(&row), NO_ERROR);
        IS(last().outcome, TCPENTRY_DELETED);
        CHECK(is_reset(pair.client));
        IS(SetTcpEntry(&row), ERROR_MR_MID_NOT_FOUND);
        IS(last().outcome, TCPENTRY_GONE);
        /* About this very connection, not one of another thread. */
        snprintf(text, sizeof text, ":%u:", ntohs((uint16_t)row.dwRemotePort));
        CHECK(strstr(last().text, text) != NULL);
        IS(in_the_table(row), 0);
        IS(SetTcp6Entry(&row6), NO_ERROR);
        CHECK(is_reset(pair6.client));
        named = connected(listening);
        row = row_of(named.client);
        IS(tcpentry_identify(&row, &id), NO_ERROR);
        IS(tcpentry_delete_id(&id), NO_ERROR);
        CHECK(is_reset(named.server));
        IS(GetTcpStatistics(&stats), NO_ERROR);
        close_both(pair);
        close_both(pair6);
        close_both(named);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    listening = listener(AF_INET);
    listening6 = listener(AF_INET6);
    lasting = connect_to(listening);
    CHECK(pthread_barrier_init(&start, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(is_alive(lasting));
    puts("done");
    return 0;
}
