// closeconn: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows, as it is:
//
//   cl closeconn.c iphlpapi.lib ws2_32.lib
//   closeconn
//   closeconn LOCALADDR LOCALPORT REMOTEADDR REMOTEPORT [STATE]

#define _WINSOCK_DEPRECATED_NO_WARNINGS
#define WIN32_LEAN_AND_MEAN

#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <iphlpapi.h>
#include <stdio.h>

#pragma comment(lib, "iphlpapi.lib")
#pragma comment(lib, "ws2_32.lib")

#define MALLOC(x) HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, (x))
#define FREE(x) HeapFree(GetProcessHeap(), 0, (x))

static LPCSTR StateName(DWORD dwState)
{
    switch (dwState) {
    case MIB_TCP_STATE_LISTEN:
        return "LISTEN";
    case MIB_TCP_STATE_ESTAB:
        return "ESTAB";
    default:
        return "OTHER";
    }
}

static VOID PrintEnd(DWORD dwAddr, DWORD dwPort)
{
    CHAR szAddr[128];
    struct in_addr IpAddr;

    IpAddr.S_un.S_addr = (u_long)dwAddr;
    strcpy_s(szAddr, sizeof(szAddr), inet_ntoa(IpAddr));
    printf(" %s:%d", szAddr, ntohs((u_short)dwPort));
}

static VOID PrintError(DWORD dwError)
{
    LPVOID lpMsgBuf = NULL;

    if (FormatMessage(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
                      NULL, dwError, MAKELANGID(LANG_NEUTRAL, SUBLANG_DEFAULT), (LPTSTR)&lpMsgBuf, 0, NULL)) {
        printf("%d: %s", (int)dwError, (LPSTR)lpMsgBuf);
        LocalFree(lpMsgBuf);
    } else {
        printf("%d: no text (%d)\n", (int)dwError, (int)GetLastError());
    }
}

static int List(void)
{
    PMIB_TCPTABLE_OWNER_PID pTcpTable = NULL;
    DWORD dwSize = 0;
    DWORD dwRetVal;
    DWORD i;

    while ((dwRetVal = GetExtendedTcpTable(pTcpTable, &dwSize, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0)) ==
           ERROR_INSUFFICIENT_BUFFER) {
        if (pTcpTable != NULL)
            FREE(pTcpTable);
        pTcpTable = (MIB_TCPTABLE_OWNER_PID *)MALLOC(dwSize);
        if (pTcpTable == NULL) {
            fprintf(stderr, "Error allocating memory\n");
            return 1;
        }
    }
    if (dwRetVal != NO_ERROR) {
        PrintError(dwRetVal);
        FREE(pTcpTable);
        return 1;
    }
    for (i = 0; i < pTcpTable->dwNumEntries; i++) {
        const MIB_TCPROW_OWNER_PID *pRow = &pTcpTable->table[i];

        printf("%s", StateName(pRow->dwState));
        PrintEnd(pRow->dwLocalAddr, pRow->dwLocalPort);
        PrintEnd(pRow->dwRemoteAddr, pRow->dwRemotePort);
        printf(" %u\n", pRow->dwOwningPid);
    }
    FREE(pTcpTable);
    return 0;
}

int __cdecl main(int argc, char **argv)
{
    WSADATA wsaData;
    MIB_TCPROW row;
    DWORD dwRetVal;

    if (WSAStartup(MAKEWORD(2, 2), &wsaData) != 0)
        return 1;
    if (argc < 5)
        return List();
    ZeroMemory(&row, sizeof(row));
    row.dwState = argc > 5 ? (DWORD)atoi(argv[5]) : MIB_TCP_STATE_DELETE_TCB;
    row.dwLocalAddr = inet_addr(argv[1]);
    row.dwLocalPort = htons((u_short)atoi(argv[2]));
    row.dwRemoteAddr = inet_addr(argv[3]);
    row.dwRemotePort = htons((u_short)atoi(argv[4]));
    dwRetVal = SetTcpEntry(&row);
    PrintError(dwRetVal);
    WSACleanup();
    return dwRetVal == NO_ERROR ? 0 : 1;
}
