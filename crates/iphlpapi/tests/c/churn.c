/*
 * Tables while another process makes and ends a thousand connections a second: no row that never was, none
 * twice, and what lasts is always there with its owner.
 *
 * Each of those connections has ends that no other one ever has, and is noted before it is made.
 */
#define _GNU_SOURCE
#include "check.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

enum { LASTING = 16, PER_SECOND = 1000, FIRST_PORT = 2000, PORTS = 60000 };

struct shared {
    int stop;
    DWORD made;                            /* connections so far */
    unsigned char noted[256][PORTS / 8];   /* by the last byte of the client's address, and port */
};

static struct shared *shared;
static struct sockaddr_in server; /* of the churning process */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Client addresses 127.0.1.1 and on, ports 2000 and on; half of them reset, half left in TIME_WAIT. */
static void churn(int listening) {
    struct linger hard = {1, 0};
    double start = now();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (DWORD i = 0; !__atomic_load_n(&shared->stop, __ATOMIC_RELAXED); i++) {
        struct sockaddr_in own = {.sin_family = AF_INET};
        unsigned host = 1 + i / 30000, port = i % 30000;
        struct connection pair;
        int one = 1;
        CHECK(host < 256);
        own.sin_addr.s_addr = htonl(0x7f000100 | host);
        own.sin_port = htons((uint16_t)(FIRST_PORT + port));
        __atomic_fetch_or(&shared->noted[host][port / 8], 1 << port % 8, __ATOMIC_SEQ_CST);
        CHECK((pair.client = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
        CHECK(setsockopt(pair.client, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) == 0);
        CHECK(setsockopt(pair.client, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
        CHECK(bind(pair.client, (struct sockaddr *)&own, sizeof own) == 0);
        CHECK(connect(pair.client, (struct sockaddr *)&server, sizeof server) == 0);
        CHECK((pair.server = accept(listening, NULL, NULL)) >= 0);
        if (i % 2)
            CHECK(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
        close_both(pair);
        __atomic_store_n(&shared->made, i + 1, __ATOMIC_RELAXED);
        while (now() - start < (double)(i + 1) / PER_SECOND)
            usleep(500);
    }
    exit(0);
}

/* Connections that last, held by a process of their own. */
static void hold(int tell) {
    int listening = listener(AF_INET);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < LASTING; i++) {
        MIB_TCPROW row = row_of(connect_to(listening).server);
        CHECK(write(tell, &row, sizeof row) == sizeof row);
    }
    for (;;)
        pause();
}

static int noted(DWORD address, DWORD port) {
    unsigned host = ntohl(address) & 0xff, index = (unsigned)ntohs((uint16_t)port) - FIRST_PORT;
    return (ntohl(address) & 0xffffff00) == 0x7f000100 && index < PORTS &&
           __atomic_load_n(&shared->noted[host][index / 8], __ATOMIC_SEQ_CST) >> index % 8 & 1;
}

static int is_server(DWORD address, DWORD port) {
    return address == server.sin_addr.s_addr && port == server.sin_port;
}

static int by_ends(const void *one, const void *other) {
    const MIB_TCPROW_OWNER_PID *a = one, *b = other;
    return memcmp(&a->dwLocalAddr, &b->dwLocalAddr, 16);
}

static DWORD total, most;

static void look(const MIB_TCPROW *lasting, pid_t holder, pid_t churner, BOOL order) {
    static MIB_TCPTABLE_OWNER_PID *table;
    static DWORD room;
    DWORD code, size = room;
    int seen = 0, listeners = 0;
    while ((code = GetExtendedTcpTable(table, &size, order, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0)) ==
           ERROR_INSUFFICIENT_BUFFER)
        CHECK((table = realloc(table, room = size += 64 * sizeof table->table[0])) != NULL);
    IS(code, NO_ERROR);
    for (DWORD i = 0; i < table->dwNumEntries; i++) {
        MIB_TCPROW_OWNER_PID *row = &table->table[i];
        int is_lasting = 0;
        CHECK(row->dwState >= MIB_TCP_STATE_CLOSED && row->dwState <= MIB_TCP_STATE_TIME_WAIT);
        for (int j = 0; j < LASTING; j++) {
            const MIB_TCPROW *known = &lasting[j];
            if (memcmp(&known->dwLocalAddr, &row->dwLocalAddr, 16) == 0) {
                IS(row->dwOwningPid, holder);
                IS(row->dwState, MIB_TCP_STATE_ESTAB);
                seen++;
                is_lasting = 1;
            }
            if (known->dwLocalPort == row->dwRemotePort && known->dwRemotePort == row->dwLocalPort) {
                IS(row->dwOwningPid, holder);
                is_lasting = 1;
            }
        }
        if (is_lasting)
            continue;
        if (row->dwState == MIB_TCP_STATE_LISTEN) {
            CHECK(row->dwOwningPid == (DWORD)holder || row->dwOwningPid == (DWORD)churner);
            listeners++;
            continue;
        }
        /* One of those that come and go: of that process, or of nobody any more. */
        CHECK(row->dwOwningPid == 0 || row->dwOwningPid == (DWORD)churner);
        if (!(is_server(row->dwLocalAddr, row->dwLocalPort) &&
              noted(row->dwRemoteAddr, row->dwRemotePort)) &&
            !(is_server(row->dwRemoteAddr, row->dwRemotePort) &&
              noted(row->dwLocalAddr, row->dwLocalPort))) {
            fprintf(stderr, "never was: %08x:%u %08x:%u state %u\n", ntohl(row->dwLocalAddr),
                    ntohs((uint16_t)row->dwLocalPort), ntohl(row->dwRemoteAddr),
                    ntohs((uint16_t)row->dwRemotePort), row->dwState);
            exit(1);
        }
    }
    IS(seen, LASTING);
    IS(listeners, 2);
    total++;
    if (table->dwNumEntries > most)
        most = table->dwNumEntries;
    qsort(table->table, table->dwNumEntries, sizeof table->table[0], by_ends);
    for (DWORD i = 1; i < table->dwNumEntries; i++)
        CHECK(by_ends(&table->table[i - 1], &table->table[i]) != 0);
}

/* As most programs do it: a call for the size, and a second one without a loop. */
static DWORD twice(void) {
    DWORD size = 0, code;
    void *buffer;
    IS(GetTcpTable(NULL, &size, FALSE), ERROR_INSUFFICIENT_BUFFER);
    CHECK((buffer = malloc(size)) != NULL);
    code = GetTcpTable(buffer, &size, FALSE);
    CHECK(code == NO_ERROR || code == ERROR_INSUFFICIENT_BUFFER);
    free(buffer);
    return code != NO_ERROR;
}

int main(int count, char **words) {
    double seconds = count > 1 ? atof(words[1]) : 5, start;
    MIB_TCPROW lasting[LASTING];
    int listening, tell[2], status;
    socklen_t length = sizeof server;
    pid_t churner, holder;
    DWORD failed = 0;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    CHECK(pipe(tell) == 0);
    CHECK((holder = fork()) >= 0);
    if (holder == 0)
        hold(tell[1]);
    for (int i = 0; i < LASTING; i++)
        CHECK(read(tell[0], &lasting[i], sizeof lasting[i]) == sizeof lasting[i]);
    listening = listener(AF_INET);
    CHECK(getsockname(listening, (struct sockaddr *)&server, &length) == 0);
    CHECK((churner = fork()) >= 0);
    if (churner == 0)
        churn(listening);
    close(listening);

    for (start = now(); now() - start < seconds;) {
        look(lasting, holder, churner, total % 2);
        failed += twice();
        IS(waitpid(churner, &status, WNOHANG), 0);
    }
    shared->stop = 1;
    CHECK(waitpid(churner, &status, 0) == churner);
    IS(status, 0);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    printf("%u connections in %.1f s, %u tables of up to %u rows, %u second calls failed\n", shared->made,
           seconds, total, most, failed);
    /* Only where the machine was too busy in between. */
    CHECK(failed * 10 <= total);
    return 0;
}
