// table6: prints the IPv6 TCP table with wide characters, or with an argument the ends of one of its ports. A program
// for Windows, as it is.

#define UNICODE 1

#include <winsock2.h>
#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <stdio.h>

#pragma comment(lib, "iphlpapi.lib")
#pragma comment(lib, "ws2_32.lib")

#define MALLOC(x) HeapAlloc(GetProcessHeap(), 0, (x))
#define FREE(x) HeapFree(GetProcessHeap(), 0, (x))

static void PrintEnd(const wchar_t *name, const IN6_ADDR *address, DWORD port)
{
    wchar_t buffer[46];

    if (InetNtop(AF_INET6, address, buffer, 46) == NULL)
        wprintf(L"\tInetNtop failed\n");
    else
        wprintf(L"\t%-6s [%s]:%d first %02x last %04x\n", name, buffer, ntohs((u_short)port), address->u.Byte[0],
                ntohs(address->u.Word[7]));
}

int wmain(int argc, wchar_t *argv[])
{
    PMIB_TCP6TABLE pTcpTable;
    DWORD dwSize = 0;
    DWORD dwRetVal = 0;
    int i;

    pTcpTable = (MIB_TCP6TABLE *)MALLOC(sizeof(MIB_TCP6TABLE));
    if (pTcpTable == NULL) {
        wprintf(L"Error allocating memory\n");
        return 1;
    }
    dwSize = sizeof(MIB_TCP6TABLE);
    while ((dwRetVal = GetTcp6Table(pTcpTable, &dwSize, TRUE)) == ERROR_INSUFFICIENT_BUFFER) {
        FREE(pTcpTable);
        pTcpTable = (MIB_TCP6TABLE *)MALLOC(dwSize);
        if (pTcpTable == NULL) {
            wprintf(L"Error allocating memory\n");
            return 1;
        }
    }
    if (dwRetVal != NO_ERROR) {
        wprintf(L"GetTcp6Table failed with %d\n", dwRetVal);
        FREE(pTcpTable);
        return 1;
    }
    for (i = 0; i < (int)pTcpTable->dwNumEntries; i++) {
        if (argc > 1 && ntohs((u_short)pTcpTable->table[i].dwLocalPort) != wcstol(argv[1], NULL, 10))
            continue;
        printf("%s\n", pTcpTable->table[i].State == MIB_TCP_STATE_LISTEN ? "LISTEN" : "OTHER");
        PrintEnd(L"local", &pTcpTable->table[i].LocalAddr, pTcpTable->table[i].dwLocalPort);
        PrintEnd(L"remote", &pTcpTable->table[i].RemoteAddr, pTcpTable->table[i].dwRemotePort);
    }
    FREE(pTcpTable);
    return 0;
}
