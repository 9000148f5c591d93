/*
 * Checks what the headers for sources written for Windows do, piece by piece; in C and in C++, narrow and wide. Prints
 * what is to be compared, and returns the number of the line that is wrong.
 */
#include <sys/socket.h>
#include <winsock2.h>
#include <ws2tcpip.h>
#include <tchar.h>
#include <tlhelp32.h>
#include <psapi.h>
#include <iphlpapi.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pthread.h>

#pragma pack(push, 8)
#pragma pack(pop)

#define CHECK(condition)                                          \
    do {                                                          \
        if (!(condition)) {                                       \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
            exit(1);                                              \
        }                                                         \
    } while (0)

static void memory(void)
{
    BYTE *block = (BYTE *)HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, 100);

    CHECK(block != NULL && block[0] == 0 && block[99] == 0);
    FillMemory(block, 100, 7);
    block = (BYTE *)HeapReAlloc(GetProcessHeap(), 0, block, 200);
    CHECK(block != NULL && block[99] == 7);
    CHECK(HeapReAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, block, 300) == NULL);
    ZeroMemory(block, 200);
    CHECK(block[99] == 0 && HeapFree(GetProcessHeap(), 0, block) && HeapFree(GetProcessHeap(), 0, NULL));
    block = (BYTE *)LocalAlloc(LPTR, 10);
    CHECK(block != NULL && block[9] == 0 && LocalFree(block) == NULL);
    block = (BYTE *)GlobalAlloc(GPTR, 0);
    CHECK(block != NULL && GlobalFree(block) == NULL);
}

/* What the library allocates is of the same heap. */
static void allocated_table(void)
{
    PVOID table = NULL;

    CHECK(AllocateAndGetTcpExTableFromStack(&table, TRUE, GetProcessHeap(), 0, AF_INET) == NO_ERROR && table != NULL);
    CHECK(HeapFree(GetProcessHeap(), 0, table));
}

static void messages(void)
{
    /* All that the headers define. */
    const DWORD codes[] = {0, 1, 2, 4, 5, 6, 8, 13, 14, 18, 24, 31, 50, 87, 120, 122, 126, 127, 170, 232, 234, 299, 317,
                           1168, 1784};
    size_t i;
    TCHAR text[512], *allocated = NULL;
    DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    DWORD length = FormatMessage(flags, NULL, ERROR_INVALID_PARAMETER, 0, text, ARRAYSIZE(text), NULL);

    CHECK(length > 2 && text[length] == 0 && text[length - 1] == _T('\n') && text[length - 2] == _T('\r'));
    CHECK(FormatMessage(flags, NULL, ERROR_INVALID_PARAMETER, 0, text, length, NULL) == 0);
    CHECK(GetLastError() == ERROR_INSUFFICIENT_BUFFER);
    CHECK(FormatMessage(flags | FORMAT_MESSAGE_ALLOCATE_BUFFER, NULL, ERROR_INVALID_PARAMETER, 0, (LPTSTR)&allocated, 0,
                        NULL) == length);
    CHECK(allocated[length - 1] == _T('\n') && allocated[length] == 0);
    LocalFree(allocated);
    length = FormatMessage(flags | FORMAT_MESSAGE_MAX_WIDTH_MASK, NULL, 317, 0, text, ARRAYSIZE(text), NULL);
    CHECK(length > 1 && text[length - 1] == _T(' '));
    CHECK(FormatMessage(flags, NULL, 12345, 0, text, ARRAYSIZE(text), NULL) == 0);
    CHECK(GetLastError() == ERROR_MR_MID_NOT_FOUND);
    allocated = text;
    CHECK(FormatMessage(flags | FORMAT_MESSAGE_ALLOCATE_BUFFER, NULL, 12345, 0, (LPTSTR)&allocated, 0, NULL) == 0);
    CHECK(allocated == NULL && LocalFree(allocated) == NULL);
    for (i = 0; i < ARRAYSIZE(codes); i++)
        CHECK(FormatMessage(flags, NULL, codes[i], 0, text, ARRAYSIZE(text), NULL) > 2 && text[0] != 0);
}

static void *other_thread(void *nothing)
{
    CHECK(GetLastError() == 0);
    SetLastError(5);
    return nothing;
}

static void last_error(void)
{
    pthread_t thread;

    SetLastError(1234);
    CHECK(pthread_create(&thread, NULL, other_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(GetLastError() == 1234);
}

static void addresses(void)
{
    SOCKADDR_IN four = {};
    SOCKADDR_IN6 six = {};
    TCHAR text[46];
    char narrow[46];
    SOCKET socket_;

    four.sin_family = AF_INET;
    CHECK(InetPton(AF_INET, _T("192.0.2.7"), &four.sin_addr) == 1);
    CHECK(four.sin_addr.S_un.S_un_b.s_b1 == 192 && four.sin_addr.S_un.S_un_b.s_b4 == 7);
    CHECK(four.sin_addr.s_addr == four.sin_addr.S_un.S_addr && ntohs(four.sin_addr.S_un.S_un_w.s_w1) == 0xC000);
    CHECK(InetPton(23, _T("2001:db8::7"), &six.sin6_addr) == 1);
    CHECK(six.sin6_addr.u.Byte[15] == 7 && ntohs(six.sin6_addr.u.Word[0]) == 0x2001);
    CHECK(six.sin6_addr.s6_addr[1] == 1 && !IN6_IS_ADDR_LOOPBACK(&six.sin6_addr));
    CHECK(InetNtop(AF_INET6, &six.sin6_addr, text, 46) == text && _tcscmp(text, _T("2001:db8::7")) == 0);
    CHECK(InetNtop(AF_INET6, &six.sin6_addr, text, 5) == NULL);
    CHECK(RtlIpv6AddressToStringA(&six.sin6_addr, narrow) == narrow + 11);
    CHECK(InetPton(AF_INET, _T("nonsense"), &four.sin_addr) == 0);
    /* The numbers are the system's. */
    socket_ = socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
    CHECK(socket_ != INVALID_SOCKET && closesocket(socket_) == 0);
    CHECK(closesocket(socket_) == SOCKET_ERROR && WSAGetLastError() == EBADF);
}

/* C++ takes int for the length of an address, C warns of it. */
static void sockets(void)
{
#ifdef __cplusplus
    typedef int LENGTH;
#else
    typedef socklen_t LENGTH;
#endif
    SOCKADDR_IN address, other;
    LENGTH length = sizeof(address);
    socklen_t systems = sizeof(address);
    int type = 0;
    u_long number = 1;
    char byte;
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0), near_end = socket(AF_INET, SOCK_STREAM, 0), far_end;

    ZeroMemory(&address, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener, (SOCKADDR *)&address, sizeof(address)) == 0 && listen(listener, 2) == 0);
    CHECK(getsockname(listener, (SOCKADDR *)&address, &length) == 0 && length == sizeof(address));
    CHECK(getsockname(listener, (SOCKADDR *)&address, &systems) == 0 && address.sin_port != 0);
    CHECK(connect(near_end, (SOCKADDR *)&address, sizeof(address)) == 0);
    far_end = accept(listener, (SOCKADDR *)&other, &length);
    CHECK(far_end != INVALID_SOCKET && getpeername(near_end, (SOCKADDR *)&other, &length) == 0);
    CHECK(other.sin_port == address.sin_port);
    length = sizeof(type);
    CHECK(getsockopt(far_end, SOL_SOCKET, SO_TYPE, (char *)&type, &length) == 0 && type == SOCK_STREAM);
    CHECK(ioctlsocket(far_end, FIONBIO, &number) == 0);
    length = sizeof(other);
    CHECK(recvfrom(far_end, &byte, 1, 0, (SOCKADDR *)&other, &length) == -1 && WSAGetLastError() == WSAEWOULDBLOCK);
    CHECK(ioctlsocket(far_end, FIONREAD, &number) == 0 && number == 0);
    number = 1;
    CHECK(ioctlsocket(listener, FIONBIO, &number) == 0 && accept(listener, NULL, NULL) == INVALID_SOCKET);
    CHECK(ioctlsocket(far_end, 1, &number) == SOCKET_ERROR && closesocket(far_end) == 0);
    CHECK(closesocket(near_end) == 0 && closesocket(listener) == 0);
}

static void texts(void)
{
    char to[6];

    CHECK(strcpy_s(to, sizeof to, "12345") == 0 && strcpy_s(to, sizeof to, "123456") == ERANGE && to[0] == 0);
    CHECK(strcat_s(to, sizeof to, "123") == 0 && strcat_s(to, sizeof to, "45") == 0);
    CHECK(strcat_s(to, sizeof to, "6") == ERANGE && to[0] == 0);
    CHECK(strncpy_s(to, sizeof to, "1234567", _TRUNCATE) == STRUNCATE && strcmp(to, "12345") == 0);
    CHECK(strncpy_s(to, sizeof to, "1234567", 3) == 0 && strcmp(to, "123") == 0);
    CHECK(sprintf_s(to, sizeof to, "%d", 12345) == 5 && sprintf_s(to, sizeof to, "%d", 123456) == -1 && to[0] == 0);
    CHECK(memcpy_s(to, sizeof to, "1234567", 7) == ERANGE && _stricmp("Ab", "aB") == 0);
    CHECK(MAKEWORD(2, 1) == 0x102 && LOBYTE(0x102) == 2 && HIBYTE(0x102) == 1 && HIWORD(0x12345678) == 0x1234);
#ifndef __cplusplus
    CHECK(min(1, 2) == 1 && max(1, 2) == 2);
#endif
}

static void texts_of_either_kind(void)
{
    TCHAR to[6];

    CHECK(_stprintf(to, _T("%d%c"), 12, _T('x')) == 3 && _tcscmp(to, _T("12x")) == 0);
    CHECK(_stprintf_s(to, 6, _T("%d"), 123456) == -1 && to[0] == 0);
    _tcscpy(to, _T("ab"));
    _tcscat(to, _T("C"));
    CHECK(_tcsicmp(to, _T("aBc")) == 0 && _tcslen(_tcsncpy(to, _T("xy"), 5)) == 2);
    CHECK(_tcscpy_s(to, 6, _T("12345")) == 0 && _tcscat_s(to, 6, _T("6")) == ERANGE && to[0] == 0);
    CHECK(_wcsicmp(L"Ab", L"aB") == 0);
}

static void libraries(void)
{
    typedef DWORD(WINAPI * SetTcpEntryType)(PMIB_TCPROW);
    const char *const names[] = {"iphlpapi.dll", "Iphlpapi.dll", "IPHLPAPI.DLL", "iphlpapi", "IPHlpAPI"};
    MIB_TCPROW row;
    HMODULE library;
    size_t i;

    ZeroMemory(&row, sizeof(row));
    for (i = 0; i < _countof(names); i++) {
        SetTcpEntryType function;

        library = LoadLibraryA(names[i]);
        CHECK(library != NULL);
        function = (SetTcpEntryType)GetProcAddress(library, "SetTcpEntry");
        CHECK(function != NULL && function(&row) == ERROR_INVALID_PARAMETER);
        CHECK(GetProcAddress(library, "NoSuchFunction") == NULL && GetLastError() == ERROR_PROC_NOT_FOUND);
        CHECK(FreeLibrary(library));
    }
    CHECK(GetModuleHandle(NULL) != NULL && GetModuleHandle(_T("nosuch.dll")) == NULL);
    library = LoadLibrary(_T("iphlpapi.dll"));
    CHECK(library != NULL && GetModuleHandle(_T("iphlpapi.dll")) == library && FreeLibrary(library));
    CHECK(LoadLibrary(_T("nosuch.dll")) == NULL && GetLastError() == ERROR_MOD_NOT_FOUND);
}

static void processes(void)
{
    TCHAR path[MAX_PATH], base[MAX_PATH];
    DWORD size = MAX_PATH;
    PROCESSENTRY32 entry;
    BOOL is_found = FALSE;
    HANDLE snapshot, process = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, GetCurrentProcessId());

    CHECK(process != NULL && QueryFullProcessImageName(process, 0, path, &size) && size == _tcslen(path));
    CHECK(GetProcessImageFileName(process, base, MAX_PATH) == size && _tcscmp(path, base) == 0);
    CHECK(GetModuleFileNameEx(process, NULL, base, MAX_PATH) == size && path[0] == _T('/'));
    CHECK(GetModuleBaseName(process, NULL, base, MAX_PATH) == 7 && _tcscmp(base, _T("parts.c")) == 0);
    size = 7;
    CHECK(!QueryFullProcessImageName(process, 0, path, &size) && GetLastError() == ERROR_INSUFFICIENT_BUFFER);
    CHECK(GetModuleBaseName(GetCurrentProcess(), NULL, base, MAX_PATH) == 7 && CloseHandle(GetCurrentProcess()));
    CHECK(CloseHandle(process) && !CloseHandle(NULL) && GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, 0) == NULL && GetLastError() == ERROR_INVALID_PARAMETER);

    snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    CHECK(snapshot != INVALID_HANDLE_VALUE);
    entry.dwSize = 0;
    CHECK(!Process32First(snapshot, &entry) && GetLastError() == ERROR_BAD_LENGTH);
    entry.dwSize = sizeof(PROCESSENTRY32);
    CHECK(Process32First(snapshot, &entry));
    do {
        if (entry.th32ProcessID == GetCurrentProcessId()) {
            is_found = TRUE;
            CHECK(_tcscmp(entry.szExeFile, _T("parts.c")) == 0 && entry.cntThreads == 1);
            CHECK(entry.th32ParentProcessID == (DWORD)getppid());
        }
    } while (Process32Next(snapshot, &entry));
    CHECK(is_found && GetLastError() == ERROR_NO_MORE_FILES && CloseHandle(snapshot));
    CHECK(CreateToolhelp32Snapshot(8, 0) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_NOT_SUPPORTED);
}

static void wide_output(void)
{
    wchar_t text[] = {'w', 0xE9, 0x20AC, 0};

    printf("narrow %s\n", "first");
    wprintf(L"%s|%8s|%-8s|%.2s|%S|%hs|%ls|%c\n", text, L"right", L"left", L"cut", "narrow", "narrow", L"wide", L'c');
    wprintf(L"%d %5u %-4x| %lu %I64u %zu %02x %*d %% %.2f\n", -1, 2u, 255, 3u, (ULONGLONG)1 << 40, sizeof(char), 10, 4, 7,
            1.5);
    fwprintf(stdout, L"%s\n", (wchar_t *)NULL);
    _putts(_T("a line"));
    _fputts(_T("two "), stdout);
    fputws(L"texts\n", stdout);
}

/* The environment, in characters of the same kind as the arguments. */
static void environment(TCHAR *const *envp)
{
    while (*envp != NULL && _tcsncmp(*envp, _T("LD_LIBRARY_PATH="), 16) != 0)
        envp++;
    CHECK(*envp != NULL);
}

int _tmain(int argc, TCHAR *argv[], TCHAR *envp[])
{
    WSADATA data;
    ULONGLONG before = GetTickCount64();

    CHECK(WSAStartup(MAKEWORD(2, 2), &data) == 0 && data.wVersion == 0x202 && WSACleanup() == 0);
    CHECK(argc == 2 && _tcslen(argv[1]) == (sizeof(TCHAR) == 1 ? 2 : 1));
    environment(envp);
    memory();
    allocated_table();
    messages();
    last_error();
    addresses();
    sockets();
    texts();
    texts_of_either_kind();
    libraries();
    processes();
    wide_output();
    Sleep(2);
    CHECK(GetTickCount64() > before && GetCurrentProcessId() == (DWORD)getpid());
    return 0;
}
