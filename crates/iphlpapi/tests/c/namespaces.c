/* Each thread's calls are about the namespace that it is in; and the child of a fork works as its parent. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>

static int first, second; /* the two namespaces */

static DWORD listeners(void) {
    DWORD size = 0, code, rows;
    MIB_TCPTABLE *table = NULL;
    while ((code = GetExtendedTcpTable(table, &size, TRUE, AF_INET, TCP_TABLE_BASIC_LISTENER, 0)) ==
           ERROR_INSUFFICIENT_BUFFER)
        CHECK((table = realloc(table, size)) != NULL);
    IS(code, NO_ERROR);
    rows = table->dwNumEntries;
    free(table);
    return rows;
}

static DWORD connections(void) {
    MIB_TCPSTATS stats;
    IS(GetTcpStatistics(&stats), NO_ERROR);
    return stats.dwNumConns;
}

static void *elsewhere(void *row_here) {
    MIB_TCPROW there;
    TCPENTRY_ID id;
    struct connection pair;
    struct ifreq lo;
    int fd, listening;

    CHECK(unshare(CLONE_NEWNET) == 0);
    CHECK((second = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) >= 0);
    CHECK((fd = socket(AF_INET, SOCK_DGRAM, 0)) >= 0);
    memset(&lo, 0, sizeof lo);
    strcpy(lo.ifr_name, "lo");
    lo.ifr_flags = IFF_UP;
    CHECK(ioctl(fd, SIOCSIFFLAGS, &lo) == 0);

    IS(listeners(), 0);
    IS(connections(), 0);
    IS(SetTcpEntry(row_here), ERROR_MR_MID_NOT_FOUND);
    listening = listener(AF_INET);
    pair = connect_to(listening);
    there = row_of(pair.server);
    IS(listeners(), 1);
    IS(connections(), 3);
    IS(tcpentry_identify(&there, &id), NO_ERROR);

    /* Back in the first: the row of the second means nothing, and its identity is recognized. */
    CHECK(setns(first, CLONE_NEWNET) == 0);
    IS(listeners(), 2);
    IS(SetTcpEntry(&there), ERROR_MR_MID_NOT_FOUND);
    IS(last().outcome, TCPENTRY_GONE);
    IS(tcpentry_delete_id(&id), ERROR_NOT_FOUND);
    IS(last().outcome, TCPENTRY_OTHER_NETNS);
    CHECK(is_alive(pair));

    CHECK(setns(second, CLONE_NEWNET) == 0);
    IS(tcpentry_delete_id(&id), NO_ERROR);
    CHECK(is_reset(pair.client));
    close(fd);
    return NULL;
}

static void in_a_child(int listening) {
    struct connection pair = connect_to(listening), other = connect_to(listening);
    MIB_TCPROW row = row_of(pair.server), kept = row_of(other.server);
    int status;
    pid_t child;
    IS(SetTcpEntry(NULL), ERROR_INVALID_PARAMETER);
    CHECK((child = fork()) >= 0);
    if (child == 0) {
        IS(listeners(), 2);
        IS(SetTcpEntry(&row), NO_ERROR);
        IS(last().outcome, TCPENTRY_DELETED);
        _exit(0); /* what other threads kept is nobody's leak */
    }
    CHECK(waitpid(child, &status, 0) == child);
    IS(status, 0);
    CHECK(is_reset(pair.client));
    IS(last().outcome, TCPENTRY_INVALID);
    IS(SetTcpEntry(&row), ERROR_MR_MID_NOT_FOUND);
    CHECK(is_alive(other));
    IS(SetTcpEntry(&kept), NO_ERROR);
    close_both(pair);
    close_both(other);
}

static void *in_a_child_of_a_thread(void *listening) {
    CHECK(setns(first, CLONE_NEWNET) == 0);
    in_a_child(*(int *)listening);
    return NULL;
}

static void in_a_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void) {
    int listening = listener(AF_INET), another = listener(AF_INET);
    struct connection pair = connect_to(listening);
    MIB_TCPROW row = row_of(pair.server);
    CHECK((first = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) >= 0);
    in_a_thread(elsewhere, &row);
    CHECK(is_alive(pair));
    IS(SetTcpEntry(&row), NO_ERROR);
    in_a_child(listening);
    in_a_thread(in_a_child_of_a_thread, &listening);
    close(another);
    puts("done");
    return 0;
}
