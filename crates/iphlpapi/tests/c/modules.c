/* The module of an owner. Expects to be started as a file called `modules`. */
#include "check.h"

#include <signal.h>
#include <sys/prctl.h>

static MIB_TCPROW_OWNER_MODULE row_of_module(DWORD pid) {
    DWORD size = 0, code;
    MIB_TCPTABLE_OWNER_MODULE *table = NULL;
    MIB_TCPROW_OWNER_MODULE row;
    while ((code = GetExtendedTcpTable(table, &size, TRUE, AF_INET,
                                       TCP_TABLE_OWNER_MODULE_LISTENER, 0)) ==
           ERROR_INSUFFICIENT_BUFFER)
        CHECK((table = realloc(table, size)) != NULL);
    IS(code, NO_ERROR);
    IS((char *)&table->table[0] - (char *)table, 8);
    for (DWORD i = 0; i < table->dwNumEntries; i++) {
        if (table->table[i].dwOwningPid != pid)
            continue;
        row = table->table[i];
        free(table);
        return row;
    }
    CHECK(!"the process has a listener");
    return row;
}

static size_t length(const WCHAR *text) {
    size_t units = 0;
    while (text[units])
        units++;
    return units;
}

static int same(const WCHAR *text, const char *expected) {
    size_t i = 0;
    for (; expected[i]; i++)
        if (text[i] != (unsigned char)expected[i])
            return 0;
    return text[i] == 0;
}

static void its_name_and_path(const char *path) {
    MIB_TCPROW_OWNER_MODULE row = row_of_module((DWORD)getpid());
    DWORD size = 0, need;
    TCPIP_OWNER_MODULE_BASIC_INFO *info;
    unsigned char *room;

    IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, NULL, &size),
       ERROR_INSUFFICIENT_BUFFER);
    need = size;
    IS(need, sizeof *info + 2 * (strlen("modules") + 1 + strlen(path) + 1));
    CHECK((info = malloc(need)) != NULL);
    size = need - 1;
    IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, info, &size),
       ERROR_INSUFFICIENT_BUFFER);
    IS(size, need);
    IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, info, &size), NO_ERROR);
    CHECK(same(info->pModuleName, "modules"));
    CHECK(same(info->pModulePath, path));
    CHECK((char *)(info->pModulePath + length(info->pModulePath) + 1) == (char *)info + need);
    free(info);

    /* Anywhere in memory, and no byte behind it. */
    CHECK((room = malloc(need + 2)) != NULL);
    memset(room, 0x5a, need + 2);
    size = 0xffffffff;
    IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, room + 1, &size), NO_ERROR);
    IS(size, need);
    IS(room[0], 0x5a);
    IS(room[need + 1], 0x5a);
    free(room);
}

static void wrong_parameters(void) {
    MIB_TCPROW_OWNER_MODULE row = row_of_module((DWORD)getpid());
    MIB_TCP6ROW_OWNER_MODULE row6;
    DWORD (*raw)(const void *, int, void *, DWORD *);
    DWORD size = 4096;
    char room[4096];
    *(void **)&raw = (void *)GetOwnerModuleFromTcpEntry;
    IS(GetOwnerModuleFromTcpEntry(NULL, TCPIP_OWNER_MODULE_INFO_BASIC, room, &size),
       ERROR_INVALID_PARAMETER);
    IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, room, NULL),
       ERROR_INVALID_PARAMETER);
    IS(raw(&row, 1, room, &size), ERROR_INVALID_PARAMETER);
    IS(raw(&row, -1, room, &size), ERROR_INVALID_PARAMETER);
    IS(GetOwnerModuleFromTcp6Entry(NULL, TCPIP_OWNER_MODULE_INFO_BASIC, room, &size),
       ERROR_INVALID_PARAMETER);
    memset(&row6, 0, sizeof row6);
    IS(GetOwnerModuleFromTcp6Entry(&row6, TCPIP_OWNER_MODULE_INFO_BASIC, room, &size),
       ERROR_NOT_FOUND);
    row6.dwOwningPid = (DWORD)getpid();
    IS(GetOwnerModuleFromTcp6Entry(&row6, TCPIP_OWNER_MODULE_INFO_BASIC, room, &size), NO_ERROR);
    CHECK(same(((TCPIP_OWNER_MODULE_BASIC_INFO *)(void *)room)->pModuleName, "modules"));
}

static void nobody(void) {
    MIB_TCPROW_OWNER_MODULE row = row_of_module((DWORD)getpid());
    static const DWORD pids[] = {0, 0x7fffffff, 0x80000000, 0xffffffff};
    DWORD size = 0;
    for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
        row.dwOwningPid = pids[i];
        IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, NULL, &size),
           ERROR_NOT_FOUND);
    }
    IS(size, 0);
}

static void a_process_that_has_ended(void) {
    MIB_TCPROW_OWNER_MODULE row;
    DWORD size = 0;
    int listening[2];
    char byte;
    pid_t child;
    CHECK(pipe(listening) == 0);
    CHECK((child = fork()) >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        listener(AF_INET);
        (void)!write(listening[1], "!", 1);
        for (;;)
            pause();
    }
    CHECK(read(listening[0], &byte, 1) == 1);
    row = row_of_module((DWORD)child);
    IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, NULL, &size),
       ERROR_INSUFFICIENT_BUFFER);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, NULL, 0) == child);
    IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, NULL, &size),
       ERROR_NOT_FOUND);
    /* Its pid has gone to another process: this one. */
    row.dwOwningPid = (DWORD)getpid();
    row.OwningModuleInfo[0]++;
    IS(GetOwnerModuleFromTcpEntry(&row, TCPIP_OWNER_MODULE_INFO_BASIC, NULL, &size),
       ERROR_NOT_FOUND);
}

int main(void) {
    char path[4096];
    ssize_t bytes = readlink("/proc/self/exe", path, sizeof path - 1);
    int listening = listener(AF_INET);
    CHECK(bytes > 0);
    path[bytes] = 0;
    its_name_and_path(path);
    wrong_parameters();
    nobody();
    a_process_that_has_ended();
    close(listening);
    puts("done");
    return 0;
}
