/* What can't be looked up for want of something is a code, never a zero; and the end of a program is not a failure. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

static MIB_TCPROW closing;

/* Runs after main, when what belongs to the thread is gone. */
static void at_exit(void) {
    TCPENTRY_DETAIL detail;
    DWORD first = SetTcpEntry(&closing), second = SetTcpEntry(&closing);
    printf("at exit: %u, then %u\n", (unsigned)first, (unsigned)second);
    (void)tcpentry_last_detail(&detail);
}

/* Leaves this many descriptors free. */
static void leave(int descriptors) {
    struct rlimit limit = {64, 64};
    int fd;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        ;
    for (fd = 63; descriptors > 0; descriptors--)
        close(fd--);
}

/* The code of a whole table with owners. */
static DWORD owners(void) {
    static char table[1 << 16];
    DWORD size = sizeof table;
    return GetExtendedTcpTable(table, &size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0);
}

static DWORD module(void) {
    static char buffer[8192];
    DWORD size = sizeof buffer;
    MIB_TCPROW_OWNER_MODULE row = {0};
    row.dwOwningPid = (DWORD)getpid();
    return GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, buffer, &size);
}

static DWORD statistics(void) {
    MIB_TCPSTATS stats;
    return GetTcpStatistics(&stats);
}

/* The code that a call gives in a child of its own, after it was made poor. */
static int poor(void (*impoverish)(void), DWORD (*call)(void)) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        impoverish();
        _exit((int)call() & 0xff);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void rich(void) {}
static void one_left(void) { leave(1); }
static void none_left(void) { leave(0); }
static void without_proc(void) {
    CHECK(unshare(CLONE_NEWNS) == 0);
    /* Nothing of it reaches the machine: what is mounted on a private mount stays here. */
    CHECK(mount(NULL, "/proc", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
}

int main(void) {
    struct connection made = connect_to(listener(AF_INET));
    struct sockaddr_in local, peer;
    socklen_t length = sizeof local;

    IS(poor(rich, owners), NO_ERROR);
    IS(poor(rich, module), NO_ERROR);
    IS(poor(rich, statistics), NO_ERROR);
    IS(poor(one_left, owners), ERROR_TOO_MANY_OPEN_FILES);
    IS(poor(none_left, module), ERROR_TOO_MANY_OPEN_FILES);
    IS(poor(none_left, statistics), ERROR_TOO_MANY_OPEN_FILES);
    IS(poor(without_proc, owners), NO_ERROR);
    IS(poor(without_proc, module), ERROR_GEN_FAILURE);
    IS(poor(without_proc, statistics), ERROR_GEN_FAILURE);

    CHECK(getsockname(made.client, (struct sockaddr *)&local, &length) == 0);
    CHECK(getpeername(made.client, (struct sockaddr *)&peer, &length) == 0);
    closing.dwState = MIB_TCP_STATE_DELETE_TCB;
    closing.dwLocalAddr = local.sin_addr.s_addr;
    closing.dwLocalPort = local.sin_port;
    closing.dwRemoteAddr = peer.sin_addr.s_addr;
    closing.dwRemotePort = peer.sin_port;
    /* The thread has used the library before. */
    IS(SetTcpEntry(NULL), ERROR_INVALID_PARAMETER);
    CHECK(atexit(at_exit) == 0);
    return 0;
}
