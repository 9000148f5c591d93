/* A Windows program that lists and closes connections, and knows nothing of tcpentry.
 *
 *   closer table                          rows of GetTcpTable
 *   closer extended                       rows of GetExtendedTcpTable, with owners, of IPv4, and their number of IPv6
 *   closer close LOCAL PORT PEER PORT [STATE]
 *   closer listed FUNCTION LOCAL PORT PEER PORT    closes the row that GetTcpTable, GetTcpTable2 or GetExtendedTcpTable has
 *   closer everything                     closes each row of GetTcpTable, and those that there are then
 *   closer missing N                      closes what does not exist, N times
 *   closer own N                          makes and closes N connections, and looks at both ends
 *   closer null                           closes NULL
 *   closer wait                           closes a missing row, then waits for a byte on standard input, and repeats
 *
 * The last line of a closing command is `code N`.
 */
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <iphlpapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MIB_TCPTABLE *table(void)
{
    MIB_TCPTABLE *table = NULL;
    DWORD size = 0, code;

    while ((code = GetTcpTable(table, &size, TRUE)) == ERROR_INSUFFICIENT_BUFFER)
        table = realloc(table, size);
    if (code)
    {
        printf("table %lu\n", code);
        exit(1);
    }
    return table;
}

static MIB_TCPTABLE2 *table2(void)
{
    MIB_TCPTABLE2 *table = NULL;
    DWORD size = 0, code;

    while ((code = GetTcpTable2(table, &size, TRUE)) == ERROR_INSUFFICIENT_BUFFER)
        table = realloc(table, size);
    if (code)
    {
        printf("table %lu\n", code);
        exit(1);
    }
    return table;
}

static MIB_TCPTABLE_OWNER_PID *extended_table(void)
{
    MIB_TCPTABLE_OWNER_PID *table = NULL;
    DWORD size = 0, code;

    while ((code = GetExtendedTcpTable(table, &size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0))
           == ERROR_INSUFFICIENT_BUFFER)
        table = realloc(table, size);
    if (code)
    {
        printf("table %lu\n", code);
        exit(1);
    }
    return table;
}

/* Closes this row, if it is the one that is looked for. */
#define CLOSE_IF(it, wanted, code) \
    if ((it)->dwLocalAddr == (wanted).dwLocalAddr && (it)->dwLocalPort == (wanted).dwLocalPort \
        && (it)->dwRemoteAddr == (wanted).dwRemoteAddr && (it)->dwRemotePort == (wanted).dwRemotePort) \
    { \
        MIB_TCPROW listed = {.dwState = MIB_TCP_STATE_DELETE_TCB, .dwLocalAddr = (it)->dwLocalAddr, \
            .dwLocalPort = (it)->dwLocalPort, .dwRemoteAddr = (it)->dwRemoteAddr, .dwRemotePort = (it)->dwRemotePort}; \
        (code) = SetTcpEntry(&listed); \
    }

/* Closes the row that a function lists, and returns the code; -1 for one that is not listed. */
static DWORD close_listed(const char *function, MIB_TCPROW wanted)
{
    DWORD code = (DWORD)-1, index;

    if (!strcmp(function, "GetTcpTable"))
    {
        MIB_TCPTABLE *rows = table();
        for (index = 0; index < rows->dwNumEntries; index++)
            CLOSE_IF(&rows->table[index], wanted, code)
    }
    else if (!strcmp(function, "GetTcpTable2"))
    {
        MIB_TCPTABLE2 *rows = table2();
        for (index = 0; index < rows->dwNumEntries; index++)
            CLOSE_IF(&rows->table[index], wanted, code)
    }
    else
    {
        MIB_TCPTABLE_OWNER_PID *rows = extended_table();
        for (index = 0; index < rows->dwNumEntries; index++)
            CLOSE_IF(&rows->table[index], wanted, code)
    }
    return code;
}

static void print(DWORD state, DWORD local, DWORD local_port, DWORD peer, DWORD peer_port)
{
    const unsigned char *l = (unsigned char *)&local, *p = (unsigned char *)&peer;
    printf("%lu %u.%u.%u.%u:%u %u.%u.%u.%u:%u", state, l[0], l[1], l[2], l[3], ntohs((u_short)local_port), p[0], p[1], p[2],
           p[3], ntohs((u_short)peer_port));
}

static double milliseconds(void)
{
    LARGE_INTEGER now, frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return now.QuadPart * 1000.0 / frequency.QuadPart;
}

static MIB_TCPROW row(char **words, DWORD state)
{
    MIB_TCPROW row;
    row.dwState = state;
    row.dwLocalAddr = inet_addr(words[0]);
    row.dwLocalPort = htons((u_short)atoi(words[1]));
    row.dwRemoteAddr = inet_addr(words[2]);
    row.dwRemotePort = htons((u_short)atoi(words[3]));
    return row;
}

/* Returns true once nothing more can be received and sent. Wine's server may have taken the error of the socket. */
static int has_ended(SOCKET socket)
{
    char byte = 0;
    return recv(socket, &byte, 1, 0) <= 0 && send(socket, &byte, 1, 0) < 0;
}

static DWORD own(int count)
{
    int index, size = sizeof(struct sockaddr_in);
    double slowest = 0, sum = 0;

    for (index = 0; index < count; index++)
    {
        SOCKET listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), server;
        struct sockaddr_in name = {0}, peer;
        MIB_TCPROW row;
        DWORD code;
        double before;

        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        bind(listener, (struct sockaddr *)&name, size);
        listen(listener, 1);
        getsockname(listener, (struct sockaddr *)&name, &size);
        connect(client, (struct sockaddr *)&name, size);
        server = accept(listener, NULL, NULL);
        getsockname(client, (struct sockaddr *)&peer, &size);
        row.dwState = MIB_TCP_STATE_DELETE_TCB;
        row.dwLocalAddr = peer.sin_addr.s_addr;
        row.dwLocalPort = peer.sin_port;
        row.dwRemoteAddr = name.sin_addr.s_addr;
        row.dwRemotePort = name.sin_port;
        before = milliseconds();
        code = SetTcpEntry(&row);
        before = milliseconds() - before;
        if (code)
            return code;
        if (index)
        {
            sum += before;
            slowest = before > slowest ? before : slowest;
        }
        else
            printf("first %.2f ms\n", before);
        if (!has_ended(client) || !has_ended(server))
            printf("connection %d lives\n", index);
        closesocket(client);
        closesocket(server);
        closesocket(listener);
    }
    if (count > 1)
        printf("others %.3f ms on average, %.2f at most\n", sum / (count - 1), slowest);
    return 0;
}

int main(int count, char **words)
{
    const char *command = count > 1 ? words[1] : "";
    DWORD code = 0, index;
    char *nothing[] = {"127.0.0.1", "1", "127.0.0.1", "2"};
    WSADATA data;

    setvbuf(stdout, NULL, _IONBF, 0);
    WSAStartup(MAKEWORD(2, 2), &data);
    if (!strcmp(command, "table") || !strcmp(command, "everything"))
    {
        int rounds = strcmp(command, "everything") ? 1 : 2;
        while (rounds--)
        {
            MIB_TCPTABLE *rows = table();
            for (index = 0; index < rows->dwNumEntries; index++)
            {
                MIB_TCPROW *it = &rows->table[index];
                print(it->dwState, it->dwLocalAddr, it->dwLocalPort, it->dwRemoteAddr, it->dwRemotePort);
                if (!strcmp(command, "everything"))
                {
                    it->dwState = MIB_TCP_STATE_DELETE_TCB;
                    printf(" %lu", SetTcpEntry(it));
                }
                printf("\n");
            }
        }
        return 0;
    }
    if (!strcmp(command, "extended"))
    {
        DWORD size = 0;
        MIB_TCPTABLE_OWNER_PID *rows = extended_table();
        for (index = 0; index < rows->dwNumEntries; index++)
        {
            MIB_TCPROW_OWNER_PID *it = &rows->table[index];
            print(it->dwState, it->dwLocalAddr, it->dwLocalPort, it->dwRemoteAddr, it->dwRemotePort);
            printf("\n");
        }
        MIB_TCP6TABLE_OWNER_PID *rows6 = NULL;
        while ((code = GetExtendedTcpTable(rows6, &size, TRUE, AF_INET6, TCP_TABLE_OWNER_PID_ALL, 0))
               == ERROR_INSUFFICIENT_BUFFER)
            rows6 = realloc(rows6, size);
        if (!code)
            printf("ipv6 %lu\n", rows6->dwNumEntries);
    }
    else if (!strcmp(command, "close") && count >= 6)
    {
        MIB_TCPROW it = row(words + 2, count > 6 ? (DWORD)atoi(words[6]) : 12);
        code = SetTcpEntry(&it);
    }
    else if (!strcmp(command, "listed") && count == 7)
        code = close_listed(words[2], row(words + 3, MIB_TCP_STATE_DELETE_TCB));
    else if (!strcmp(command, "missing") && count == 3)
    {
        MIB_TCPROW it = row(nothing, MIB_TCP_STATE_DELETE_TCB);
        double before = milliseconds(), all;
        int times = atoi(words[2]);
        for (index = 0; (int)index < times; index++)
        {
            DWORD now = SetTcpEntry(&it);
            if (index && now != code)
                printf("call %lu has %lu\n", index, now);
            code = now;
        }
        all = milliseconds() - before;
        printf("%.3f ms each\n", all / times);
    }
    else if (!strcmp(command, "null"))
        code = SetTcpEntry(NULL);
    else if (!strcmp(command, "own") && count == 3)
        code = own(atoi(words[2]));
    else if (!strcmp(command, "wait"))
    {
        MIB_TCPROW it = row(nothing, MIB_TCP_STATE_DELETE_TCB);
        char byte[2];
        do
        {
            code = SetTcpEntry(&it);
            printf("code %lu\n", code);
        } while (fgets(byte, sizeof byte, stdin));
        return 0;
    }
    else
        return 2;
    printf("code %lu\n", code);
    return 0;
}
