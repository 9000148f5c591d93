/* Only a row that shows its PID makes the library look at processes: with a filter that kills whoever reads a directory,
 * all else lives. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void die_at_directories(void) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getdents64, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static DWORD basic(DWORD *size) { return GetTcpTable(NULL, size, TRUE); }
static DWORD basic6(DWORD *size) { return GetTcp6Table(NULL, size, TRUE); }
static DWORD extended(DWORD *size) {
    return GetExtendedTcpTable(NULL, size, TRUE, AF_INET, TCP_TABLE_BASIC_ALL, 0);
}
static DWORD statistics(DWORD *size) {
    MIB_TCPSTATS stats;
    (void)size;
    return GetTcpStatistics(&stats);
}
static DWORD with_pid(DWORD *size) {
    return GetExtendedTcpTable(NULL, size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0);
}
static DWORD udp_with_pid(DWORD *size) {
    return GetExtendedUdpTable(NULL, size, TRUE, AF_INET, UDP_TABLE_OWNER_MODULE, 0);
}
/* A buffer for one row, where there are three. */
static DWORD too_small(DWORD *size) {
    MIB_TCPTABLE_OWNER_PID table;
    *size = sizeof table;
    return GetExtendedTcpTable(&table, size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0);
}
static DWORD shown(DWORD *size) {
    static char table[4096];
    *size = sizeof table;
    return GetExtendedTcpTable(table, size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0);
}

/* The signal that a call ends with; 0 for none. */
static int ends_by(DWORD (*call)(DWORD *)) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        DWORD size = 0, code;
        die_at_directories();
        code = call(&size);
        _exit(code == NO_ERROR || code == ERROR_INSUFFICIENT_BUFFER ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int main(void) {
    connect_to(listener(AF_INET));
    IS(ends_by(basic), 0);
    IS(ends_by(basic6), 0);
    IS(ends_by(extended), 0);
    IS(ends_by(statistics), 0);
    IS(ends_by(with_pid), 0);
    IS(ends_by(udp_with_pid), 0);
    IS(ends_by(too_small), 0);
    IS(ends_by(shown), SIGSYS);
    puts("done");
    return 0;
}
