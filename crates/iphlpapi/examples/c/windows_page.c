/*
 * A program written for Windows, with the reference page of SetTcpEntry at hand: it prints the table of
 * GetTcpTable, and deletes every connection from the remote address that it is given.
 *
 *   cc windows_page.c -o windows_page $(pkg-config --cflags --libs iphlpapi)
 *
 * What differs from its form for Windows is marked:
 *   [1] the system's includes; there: #include <winsock2.h>, then <ws2tcpip.h>
 *   [2] the allocation calls; there: HeapAlloc(GetProcessHeap(), 0, (x)) and HeapFree(GetProcessHeap(), 0, (x))
 * Everything else is the same, to the letter. (u_short is a type of the system, which gcc shows unless told to be
 * strict: no -std, or -std=gnu11.)
 */
#include <arpa/inet.h>  /* [1] */
#include <netinet/in.h> /* [1] */

#include <iphlpapi.h>
#include <stdio.h>
#include <stdlib.h>

#define MALLOC(x) malloc(x) /* [2] */
#define FREE(x) free(x)     /* [2] */

static void print_row(const MIB_TCPROW *row)
{
    struct in_addr address;

    address.s_addr = row->dwLocalAddr;
    printf("%2d  %s:%d", (int)row->dwState, inet_ntoa(address), ntohs((u_short)row->dwLocalPort));
    address.s_addr = row->dwRemoteAddr;
    printf("  %s:%d\n", inet_ntoa(address), ntohs((u_short)row->dwRemotePort));
}

static int delete_row(MIB_TCPROW row)
{
    DWORD result;

    row.dwState = MIB_TCP_STATE_DELETE_TCB;
    result = SetTcpEntry(&row);
    switch (result) {
    case NO_ERROR:
        printf("deleted: ");
        print_row(&row);
        return 0;
    case ERROR_ACCESS_DENIED:
        printf("access denied: run it as an administrator\n");
        return 1;
    case ERROR_INVALID_PARAMETER:
        printf("invalid parameter\n");
        return 1;
    case ERROR_NOT_SUPPORTED:
        printf("IPv4 is not configured\n");
        return 1;
    case 317:
        printf("317: not elevated, or no such connection\n");
        return 1;
    default:
        printf("error %d\n", (int)result);
        return 1;
    }
}

int main(int argc, char **argv)
{
    PMIB_TCPTABLE pTcpTable;
    DWORD dwSize = sizeof(MIB_TCPTABLE);
    DWORD dwRetVal = 0;
    int failures = 0;
    int i;

    pTcpTable = (MIB_TCPTABLE *)MALLOC(sizeof(MIB_TCPTABLE));
    if (pTcpTable == NULL) {
        printf("Error allocating memory\n");
        return 1;
    }
    while ((dwRetVal = GetTcpTable(pTcpTable, &dwSize, TRUE)) == ERROR_INSUFFICIENT_BUFFER) {
        FREE(pTcpTable);
        pTcpTable = (MIB_TCPTABLE *)MALLOC(dwSize);
        if (pTcpTable == NULL) {
            printf("Error allocating memory\n");
            return 1;
        }
    }
    if (dwRetVal != NO_ERROR) {
        printf("GetTcpTable failed with %d\n", (int)dwRetVal);
        FREE(pTcpTable);
        return 1;
    }
    for (i = 0; i < (int)pTcpTable->dwNumEntries; i++) {
        const MIB_TCPROW *row = &pTcpTable->table[i];

        if (argc < 2)
            print_row(row);
        else if (row->dwState != MIB_TCP_STATE_LISTEN && row->dwRemoteAddr == inet_addr(argv[1]))
            failures += delete_row(*row);
    }
    FREE(pTcpTable);
    return failures != 0;
}
