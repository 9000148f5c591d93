/*
 * tcpentry-process.h: the names of processes, which programs print beside their connections. Include <windows.h>, which
 * includes this.
 */
#ifndef TCPENTRY_PROCESS_H
#define TCPENTRY_PROCESS_H

#include <dirent.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Not by <unistd.h>: a source for Windows may have functions of its own with the names in there. */
int tcpentry_getpid(void) __asm__("getpid");
ssize_t tcpentry_readlinkat(int folder, const char *path, char *buffer, size_t size) __asm__("readlinkat");
#ifdef __cplusplus
}
#endif

#define PROCESS_TERMINATE 0x1
#define PROCESS_VM_READ 0x10
#define PROCESS_QUERY_INFORMATION 0x400
#define PROCESS_QUERY_LIMITED_INFORMATION 0x1000

/* What a handle of a process or of a snapshot points to: an open folder of /proc, so that it never comes to mean a later
 * process of the same number. */
struct tcpentry_handle {
    DIR *folder;
};

static inline HANDLE tcpentry_open(const char *path)
{
    struct tcpentry_handle *handle = (struct tcpentry_handle *)malloc(sizeof *handle);

    if (handle == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    handle->folder = opendir(path);
    if (handle->folder != NULL)
        return handle;
    SetLastError(errno == ENOENT ? ERROR_INVALID_PARAMETER : ERROR_ACCESS_DENIED);
    free(handle);
    return NULL;
}

/* Windows's own number for it, which needs no CloseHandle. */
static inline HANDLE GetCurrentProcess(void)
{
    return (HANDLE)(LONG_PTR)-1;
}

static inline DWORD GetCurrentProcessId(void)
{
    return (DWORD)tcpentry_getpid();
}

static inline HANDLE OpenProcess(DWORD access, BOOL inherit, DWORD pid)
{
    char path[32];

    (void)access;
    (void)inherit;
    snprintf(path, sizeof path, "/proc/%u", pid);
    return tcpentry_open(path);
}

/* For handles of OpenProcess and CreateToolhelp32Snapshot; that of GetCurrentProcess stays. */
static inline BOOL CloseHandle(HANDLE handle)
{
    if (handle == GetCurrentProcess())
        return TRUE;
    if (handle == NULL) {
        SetLastError(ERROR_INVALID_HANDLE);
        return FALSE;
    }
    closedir(((struct tcpentry_handle *)handle)->folder);
    free(handle);
    return TRUE;
}

/* The path of a process's program, of at most size bytes with its end; returns its length. */
static inline DWORD tcpentry_image(HANDLE process, char *path, size_t size)
{
    ssize_t length;

    if (process == NULL) {
        SetLastError(ERROR_INVALID_HANDLE);
        return 0;
    }
    if (process == GetCurrentProcess())
        length = tcpentry_readlinkat(-1, "/proc/self/exe", path, size);
    else
        length = tcpentry_readlinkat(dirfd(((struct tcpentry_handle *)process)->folder), "exe", path, size);
    if (length < 0) {
        /* A thread of the kernel has none. */
        SetLastError(errno == EACCES || errno == EPERM ? ERROR_ACCESS_DENIED : ERROR_GEN_FAILURE);
        return 0;
    }
    if ((size_t)length >= size) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return 0;
    }
    path[length] = '\0';
    return (DWORD)length;
}

static inline const char *tcpentry_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* Stores a path, or the last part of it, in a buffer of the caller's; returns its length, or 0. */
static inline DWORD tcpentry_image_narrow(HANDLE process, int whole, char *name, DWORD size)
{
    char path[4096];
    const char *from = path;
    DWORD length = tcpentry_image(process, path, sizeof path);

    if (length == 0)
        return 0;
    if (!whole)
        from = tcpentry_base(path);
    if (strcpy_s(name, size, from) == 0)
        return (DWORD)strlen(name);
    SetLastError(ERROR_INSUFFICIENT_BUFFER);
    return 0;
}

static inline DWORD tcpentry_image_wide(HANDLE process, int whole, TCPENTRY_WIDE *name, DWORD size)
{
    char narrow[4096];
    TCPENTRY_WIDE wide[4096];
    DWORD length = 0;

    if (tcpentry_image_narrow(process, whole, narrow, sizeof narrow) == 0)
        return 0;
    tcpentry_widen(narrow, wide);
    while (wide[length] != 0)
        length++;
    if (length >= size) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return 0;
    }
    memcpy(name, wide, (length + 1) * sizeof *name);
    return length;
}

static inline BOOL QueryFullProcessImageNameA(HANDLE process, DWORD flags, LPSTR name, PDWORD size)
{
    DWORD length = tcpentry_image_narrow(process, 1, name, *size);

    (void)flags;
    if (length > 0)
        *size = length;
    return length > 0;
}

static inline BOOL QueryFullProcessImageNameW(HANDLE process, DWORD flags, TCPENTRY_WIDE *name, PDWORD size)
{
    DWORD length = tcpentry_image_wide(process, 1, name, *size);

    (void)flags;
    if (length > 0)
        *size = length;
    return length > 0;
}

/* psapi.h. A process has one module here, its program. */

static inline DWORD GetProcessImageFileNameA(HANDLE process, LPSTR name, DWORD size)
{
    return tcpentry_image_narrow(process, 1, name, size);
}

static inline DWORD GetProcessImageFileNameW(HANDLE process, TCPENTRY_WIDE *name, DWORD size)
{
    return tcpentry_image_wide(process, 1, name, size);
}

static inline DWORD GetModuleFileNameExA(HANDLE process, HMODULE module, LPSTR name, DWORD size)
{
    (void)module;
    return tcpentry_image_narrow(process, 1, name, size);
}

static inline DWORD GetModuleFileNameExW(HANDLE process, HMODULE module, TCPENTRY_WIDE *name, DWORD size)
{
    (void)module;
    return tcpentry_image_wide(process, 1, name, size);
}

static inline DWORD GetModuleBaseNameA(HANDLE process, HMODULE module, LPSTR name, DWORD size)
{
    (void)module;
    return tcpentry_image_narrow(process, 0, name, size);
}

static inline DWORD GetModuleBaseNameW(HANDLE process, HMODULE module, TCPENTRY_WIDE *name, DWORD size)
{
    (void)module;
    return tcpentry_image_wide(process, 0, name, size);
}

#ifdef UNICODE
#define QueryFullProcessImageName QueryFullProcessImageNameW
#define GetProcessImageFileName GetProcessImageFileNameW
#define GetModuleFileNameEx GetModuleFileNameExW
#define GetModuleBaseName GetModuleBaseNameW
#else
#define QueryFullProcessImageName QueryFullProcessImageNameA
#define GetProcessImageFileName GetProcessImageFileNameA
#define GetModuleFileNameEx GetModuleFileNameExA
#define GetModuleBaseName GetModuleBaseNameA
#endif

/* tlhelp32.h */

#define TH32CS_SNAPPROCESS 0x2

typedef struct tagPROCESSENTRY32 {
    DWORD dwSize;
    DWORD cntUsage;
    DWORD th32ProcessID;
    ULONG_PTR th32DefaultHeapID;
    DWORD th32ModuleID;
    DWORD cntThreads;
    DWORD th32ParentProcessID;
    LONG pcPriClassBase;
    DWORD dwFlags;
    TCHAR szExeFile[MAX_PATH];
} PROCESSENTRY32, *PPROCESSENTRY32, *LPPROCESSENTRY32;

/* Of processes only. They are read while it is gone through. */
static inline HANDLE CreateToolhelp32Snapshot(DWORD flags, DWORD pid)
{
    HANDLE snapshot = NULL;

    (void)pid;
    if (flags == TH32CS_SNAPPROCESS)
        snapshot = tcpentry_open("/proc");
    else
        SetLastError(ERROR_NOT_SUPPORTED);
    return snapshot == NULL ? INVALID_HANDLE_VALUE : snapshot;
}

static inline BOOL tcpentry_process(DWORD pid, LPPROCESSENTRY32 entry)
{
    char path[32], line[1024], name[64];
    const char *begin, *end;
    FILE *file;
    size_t length;
    HANDLE process;

    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return FALSE;
    length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = '\0';
    /* The name is between the first and the last parenthesis, and may have some itself. */
    begin = strchr(line, '(');
    end = strrchr(line, ')');
    memset(entry, 0, sizeof *entry);
    entry->dwSize = sizeof *entry;
    if (begin == NULL || end == NULL ||
        sscanf(end + 1, " %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %d %u",
               &entry->th32ParentProcessID, &entry->pcPriClassBase, &entry->cntThreads) != 3)
        return FALSE;
    entry->th32ProcessID = pid;
    snprintf(name, sizeof name, "%.*s", (int)(end - begin - 1), begin + 1);
    /* The name of the program where it may be seen: that of the process has 15 characters. */
    process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    if (process == NULL || GetModuleBaseName(process, NULL, entry->szExeFile, MAX_PATH) == 0) {
#ifdef UNICODE
        tcpentry_widen(name, entry->szExeFile);
#else
        strcpy_s(entry->szExeFile, MAX_PATH, name);
#endif
    }
    if (process != NULL)
        CloseHandle(process);
    return TRUE;
}

static inline BOOL Process32Next(HANDLE snapshot, LPPROCESSENTRY32 entry)
{
    struct dirent *found;

    if (entry->dwSize < sizeof *entry) {
        SetLastError(ERROR_BAD_LENGTH);
        return FALSE;
    }
    if (snapshot == NULL || snapshot == INVALID_HANDLE_VALUE) {
        SetLastError(ERROR_INVALID_HANDLE);
        return FALSE;
    }
    while ((found = readdir(((struct tcpentry_handle *)snapshot)->folder)) != NULL) {
        char *rest;
        unsigned long pid = strtoul(found->d_name, &rest, 10);

        if (pid > 0 && *rest == '\0' && tcpentry_process((DWORD)pid, entry))
            return TRUE;
    }
    SetLastError(ERROR_NO_MORE_FILES);
    return FALSE;
}

static inline BOOL Process32First(HANDLE snapshot, LPPROCESSENTRY32 entry)
{
    if (snapshot != NULL && snapshot != INVALID_HANDLE_VALUE)
        rewinddir(((struct tcpentry_handle *)snapshot)->folder);
    return Process32Next(snapshot, entry);
}

#endif
