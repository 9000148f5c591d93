"""closeconn: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows but for `cdll`."""

import socket
import sys
from ctypes import Structure, byref, c_uint32, cdll, create_string_buffer, sizeof

iphlpapi = cdll.LoadLibrary("Iphlpapi.dll")


class MIB_TCPROW(Structure):
    _fields_ = [(f"dw{name}", c_uint32) for name in ("State", "LocalAddr", "LocalPort", "RemoteAddr", "RemotePort")]


class MIB_TCPROW_OWNER_PID(Structure):
    _fields_ = MIB_TCPROW._fields_ + [("dwOwningPid", c_uint32)]


def end(address, port):
    return f"{socket.inet_ntoa(address.to_bytes(4, sys.byteorder))}:{socket.ntohs(port & 0xFFFF)}"


def show():
    size, buffer = c_uint32(0), None
    while (code := iphlpapi.GetExtendedTcpTable(buffer, byref(size), True, 2, 5, 0)) == 122:
        buffer = create_string_buffer(size.value)
    if code:
        sys.exit(code)
    count = c_uint32.from_buffer(buffer).value
    for row in (MIB_TCPROW_OWNER_PID * count).from_buffer(buffer, sizeof(c_uint32)):
        local, remote = end(row.dwLocalAddr, row.dwLocalPort), end(row.dwRemoteAddr, row.dwRemotePort)
        print(row.dwState, local, remote, row.dwOwningPid)


def delete(local, local_port, remote, remote_port, state=12):
    addresses = (int.from_bytes(socket.inet_aton(it), sys.byteorder) for it in (local, remote))
    ports = (socket.htons(int(it)) for it in (local_port, remote_port))
    row = MIB_TCPROW(int(state), next(addresses), next(ports), next(addresses), next(ports))
    code = iphlpapi.SetTcpEntry(byref(row))
    print(code)
    return code != 0


sys.exit(delete(*sys.argv[1:]) if len(sys.argv) > 1 else show())
