// closeconn, in C++ with TCHARs: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows, as
// it is.

#include <Windows.h>
#include <WinSock2.h>
#include <WS2tcpip.h>
#include <Iphlpapi.h>
#include <tchar.h>

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#pragma comment(lib, "Iphlpapi.lib")
#pragma comment(lib, "Ws2_32.lib")

class Winsock
{
public:
    Winsock()
    {
        WSADATA data;
        if (WSAStartup(MAKEWORD(2, 2), &data) != NO_ERROR)
            throw std::runtime_error("WSAStartup");
    }
    ~Winsock() { WSACleanup(); }
};

static std::string Text(DWORD code)
{
    TCHAR buffer[512];
    DWORD length = FormatMessage(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code, 0, buffer,
                                 ARRAYSIZE(buffer), NULL);
    while (length > 0 && (buffer[length - 1] == _T('\n') || buffer[length - 1] == _T('\r')))
        length--;
    return std::string(buffer, buffer + length);
}

static std::string End(DWORD address, DWORD port)
{
    IN_ADDR in;
    char text[INET_ADDRSTRLEN] = {};

    in.S_un.S_addr = address;
    sprintf_s(text, "%d.%d.%d.%d", in.S_un.S_un_b.s_b1, in.S_un.S_un_b.s_b2, in.S_un.S_un_b.s_b3,
              in.S_un.S_un_b.s_b4);
    return std::string(text) + ":" + std::to_string(ntohs(static_cast<USHORT>(port)));
}

static int List()
{
    std::vector<BYTE> buffer;
    ULONG size = 0;
    DWORD result;

    while ((result = GetExtendedTcpTable(buffer.data(), &size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0)) ==
           ERROR_INSUFFICIENT_BUFFER)
        buffer.resize(size);
    if (result != NO_ERROR)
        throw std::runtime_error(Text(result));
    auto table = reinterpret_cast<PMIB_TCPTABLE_OWNER_PID>(buffer.data());
    for (DWORD i = 0; i < (std::min)(table->dwNumEntries, static_cast<DWORD>(1000)); i++) {
        const auto &row = table->table[i];
        const char *state = row.dwState == MIB_TCP_STATE_LISTEN  ? "LISTEN"
                            : row.dwState == MIB_TCP_STATE_ESTAB ? "ESTAB"
                                                                 : "OTHER";
        std::cout << state << ' ' << End(row.dwLocalAddr, row.dwLocalPort) << ' '
                  << End(row.dwRemoteAddr, row.dwRemotePort) << ' ' << row.dwOwningPid << std::endl;
    }
    return 0;
}

static DWORD Address(const TCHAR *text)
{
    IN_ADDR address;

    if (InetPton(AF_INET, text, &address) != 1)
        throw std::runtime_error("not an address");
    return address.s_addr;
}

int _tmain(int argc, _TCHAR *argv[])
{
    try {
        Winsock winsock;
        if (argc < 5)
            return List();
        MIB_TCPROW row = {};
        row.dwState = argc > 5 ? _ttoi(argv[5]) : MIB_TCP_STATE_DELETE_TCB;
        row.dwLocalAddr = Address(argv[1]);
        row.dwLocalPort = htons(static_cast<u_short>(_ttoi(argv[2])));
        row.dwRemoteAddr = Address(argv[3]);
        row.dwRemotePort = htons(static_cast<u_short>(_ttoi(argv[4])));
        DWORD result = SetTcpEntry(&row);
        std::cout << result << ": " << Text(result) << std::endl;
        return result == NO_ERROR ? 0 : 1;
    } catch (const std::exception &error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
}
