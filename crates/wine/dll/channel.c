#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>

#include "channel.h"

/* Longer than what tcpentry-wine may take to borrow from a holder that does not answer. */
#define ANSWER_MILLISECONDS 60000
#define HELLO_MILLISECONDS 15000
#define VERSION 1

struct hello
{
    char name[8];
    DWORD version;
};

struct reply
{
    DWORD sequence;
    DWORD code;
    DWORD length;
};

/* The path of tcpentry-wine behind the mark, which `tcpentry wine install` writes here. */
#define PATH_SIZE 1024
static const volatile char program[24 + PATH_SIZE] = "tcpentry-wine is here: \0";

static SRWLOCK lock = SRWLOCK_INIT;
/* All below is read and written under the lock only. */
static SOCKET channel = INVALID_SOCKET;
static struct sockaddr_in own_end, far_end;
static DWORD last_sequence;

static void forget(void)
{
    if (channel != INVALID_SOCKET)
        closesocket(channel);
    channel = INVALID_SOCKET;
}

static BOOL is_same(const struct sockaddr_in *one, const struct sockaddr_in *other)
{
    return one->sin_family == other->sin_family && one->sin_addr.s_addr == other->sin_addr.s_addr
           && one->sin_port == other->sin_port;
}

static BOOL name_of(SOCKET socket, struct sockaddr_in *own)
{
    int size = sizeof *own;
    return !getsockname(socket, (struct sockaddr *)own, &size) && size == sizeof *own;
}

static BOOL peer_of(SOCKET socket, struct sockaddr_in *peer)
{
    int size = sizeof *peer;
    return !getpeername(socket, (struct sockaddr *)peer, &size) && size == sizeof *peer;
}

/* Sends all bytes. */
static BOOL give(SOCKET socket, const void *bytes, int size)
{
    const char *from = bytes;
    while (size > 0)
    {
        int sent = send(socket, from, size, 0);
        if (sent <= 0)
            return FALSE;
        from += sent;
        size -= sent;
    }
    return TRUE;
}

/* Receives so many bytes; FALSE if the connection ends, or nothing comes for too long. */
static BOOL take(SOCKET socket, void *bytes, DWORD size)
{
    char *to = bytes;
    while (size > 0)
    {
        int received = recv(socket, to, size > 0x10000 ? 0x10000 : (int)size, 0);
        if (received <= 0)
            return FALSE;
        to += received;
        size -= received;
    }
    return TRUE;
}

/* Starts tcpentry-wine with this socket as its standard output. */
static DWORD start(SOCKET listener)
{
    static const WCHAR unix_root[] = L"\\\\?\\unix";
    WCHAR path[ARRAYSIZE(unix_root) + PATH_SIZE], words[] = L"tcpentry-wine";
    WCHAR no_variables[] = {0, 0};
    STARTUPINFOW startup;
    PROCESS_INFORMATION process;
    SIZE_T index, end = ARRAYSIZE(unix_root) - 1;

    for (index = 0; index < end; index++)
        path[index] = unix_root[index];
    for (index = 24; index < sizeof program && program[index]; index++)
        path[end++] = program[index] == '/' ? '\\' : (unsigned char)program[index];
    path[end] = 0;
    SecureZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = INVALID_HANDLE_VALUE;
    startup.hStdOutput = (HANDLE)listener;
    startup.hStdError = INVALID_HANDLE_VALUE;
    SetHandleInformation((HANDLE)listener, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    if (!CreateProcessW(path, words, NULL, NULL, TRUE, CREATE_UNICODE_ENVIRONMENT, no_variables, NULL, &startup, &process))
        return GetLastError() == ERROR_ACCESS_DENIED ? ERROR_ACCESS_DENIED : ERROR_NOT_SUPPORTED;
    /* Wine has no handles for a Linux process. */
    if (process.hProcess)
        CloseHandle(process.hProcess);
    if (process.hThread)
        CloseHandle(process.hThread);
    return NO_ERROR;
}

/* Connects to a tcpentry-wine that is started for it. */
static DWORD open_channel(void)
{
    SOCKET listener = INVALID_SOCKET;
    struct sockaddr_in end;
    struct hello hello;
    static const struct hello expected = {"tcpentry", VERSION};
    DWORD code = ERROR_GEN_FAILURE, index;
    int yes = 1, milliseconds = HELLO_MILLISECONDS;
    WSADATA data;

    /* For as long as the process lives, whatever the program does with its own. */
    if (WSAStartup(MAKEWORD(2, 2), &data))
        return ERROR_NOT_SUPPORTED;
    listener = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, 0);
    channel = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, 0);
    if (listener == INVALID_SOCKET || channel == INVALID_SOCKET)
        goto out;
    SetHandleInformation((HANDLE)channel, HANDLE_FLAG_INHERIT, 0);
    SecureZeroMemory(&end, sizeof end);
    end.sin_family = AF_INET;
    end.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (char *)&yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&end, sizeof end) || listen(listener, 4) || !name_of(listener, &far_end))
        goto out;
    setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, (char *)&milliseconds, sizeof milliseconds);
    setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, (char *)&milliseconds, sizeof milliseconds);
    setsockopt(channel, IPPROTO_TCP, TCP_NODELAY, (char *)&yes, sizeof yes);
    if (connect(channel, (struct sockaddr *)&far_end, sizeof far_end) || !name_of(channel, &own_end)
        || !peer_of(channel, &end) || !is_same(&end, &far_end) || own_end.sin_addr.s_addr != far_end.sin_addr.s_addr)
        goto out;
    code = start(listener);
    if (code != NO_ERROR)
        goto out;
    code = ERROR_GEN_FAILURE;
    if (!take(channel, &hello, sizeof hello))
        goto out;
    for (index = 0; index < sizeof hello; index++)
        if (((const BYTE *)&hello)[index] != ((const BYTE *)&expected)[index])
            goto out;
    milliseconds = ANSWER_MILLISECONDS;
    if (setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, (char *)&milliseconds, sizeof milliseconds))
        goto out;
    code = NO_ERROR;
out:
    /* Nobody else can connect from here on. */
    if (listener != INVALID_SOCKET)
        closesocket(listener);
    if (code != NO_ERROR)
        forget();
    return code;
}

/* Returns TRUE while the channel is the connection that was made, with nothing to be read and no end: the program may have
 * closed the handle, and another socket may have it now. */
static BOOL is_alive(void)
{
    struct sockaddr_in own, peer;
    struct timeval now = {0, 0};
    fd_set readable;

    if (channel == INVALID_SOCKET)
        return FALSE;
    if (!name_of(channel, &own) || !is_same(&own, &own_end) || !peer_of(channel, &peer) || !is_same(&peer, &far_end))
    {
        /* Not ours to be closed. */
        channel = INVALID_SOCKET;
        return FALSE;
    }
    readable.fd_count = 1;
    readable.fd_array[0] = channel;
    if (select(0, &readable, NULL, NULL, &now) != 0)
    {
        forget();
        return FALSE;
    }
    return TRUE;
}

/* Returns TRUE for a row of the channel itself, from either end. */
static BOOL is_own_row(const struct request *request)
{
    const DWORD *words = request->words;
    DWORD address = own_end.sin_addr.s_addr;

    return request->what == REQUEST_SET && words[1] == address && words[3] == address
           && ((words[2] == own_end.sin_port && words[4] == far_end.sin_port)
               || (words[2] == far_end.sin_port && words[4] == own_end.sin_port));
}

DWORD channel_ask(struct request *request, BYTE *buffer, DWORD *length)
{
    struct reply reply;
    DWORD code = NO_ERROR, room = *length;

    *length = 0;
    AcquireSRWLockExclusive(&lock);
    if (!is_alive())
        code = open_channel();
    if (code == NO_ERROR && is_own_row(request))
        code = ERROR_ACCESS_DENIED;
    else if (code == NO_ERROR)
    {
        request->sequence = ++last_sequence;
        /* Once it may have been sent, it is not sent again: what came of it is not known. */
        if (give(channel, request, sizeof *request) && take(channel, &reply, sizeof reply)
            && reply.sequence == request->sequence && reply.length <= room && take(channel, buffer, reply.length))
        {
            code = reply.code;
            *length = reply.length;
        }
        else
        {
            forget();
            code = ERROR_GEN_FAILURE;
        }
    }
    ReleaseSRWLockExclusive(&lock);
    return code;
}
