#!/usr/bin/env python3
"""closeconn: prints the IPv4 TCP table, or deletes one connection of it.

  closeconn.py
  closeconn.py LOCALADDR LOCALPORT REMOTEADDR REMOTEPORT
"""

import ctypes
import socket
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_uint32, c_void_p

AF_INET = 2
TCP_TABLE_OWNER_PID_ALL = 5
MIB_TCP_STATE_DELETE_TCB = 12
NO_ERROR = 0
ERROR_INSUFFICIENT_BUFFER = 122

STATES = (
    "? CLOSED LISTEN SYN_SENT SYN_RCVD ESTAB FIN_WAIT1"
    " FIN_WAIT2 CLOSE_WAIT CLOSING LAST_ACK TIME_WAIT DELETE_TCB"
).split()


class MIB_TCPROW(ctypes.Structure):
    _fields_ = [
        ("dwState", c_uint32),
        ("dwLocalAddr", c_uint32),
        ("dwLocalPort", c_uint32),
        ("dwRemoteAddr", c_uint32),
        ("dwRemotePort", c_uint32),
    ]


class MIB_TCPROW_OWNER_PID(ctypes.Structure):
    _fields_ = MIB_TCPROW._fields_ + [("dwOwningPid", c_uint32)]


iphlpapi = ctypes.CDLL("libiphlpapi.so.1")
iphlpapi.SetTcpEntry.argtypes = [POINTER(MIB_TCPROW)]
iphlpapi.SetTcpEntry.restype = c_uint32
iphlpapi.GetExtendedTcpTable.argtypes = [c_void_p, POINTER(c_uint32), c_int, c_uint32, c_int, c_uint32]
iphlpapi.GetExtendedTcpTable.restype = c_uint32
iphlpapi.tcpentry_message.argtypes = [c_uint32, c_char_p, c_uint32]
iphlpapi.tcpentry_message.restype = c_uint32


def message(code):
    buffer = ctypes.create_string_buffer(512)
    iphlpapi.tcpentry_message(code, buffer, len(buffer))
    return f"{code}: {buffer.value.decode()}"


def table():
    """The rows of the IPv4 TCP table."""
    size, buffer = c_uint32(0), None
    while True:
        code = iphlpapi.GetExtendedTcpTable(buffer, byref(size), True, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0)
        if code != ERROR_INSUFFICIENT_BUFFER:
            break
        # The table may grow between two calls.
        buffer = ctypes.create_string_buffer(size.value)
    if code != NO_ERROR:
        sys.exit(message(code))
    count = c_uint32.from_buffer(buffer).value
    return (MIB_TCPROW_OWNER_PID * count).from_buffer(buffer, ctypes.sizeof(c_uint32))


def end(address, port):
    """The port is in the low 16 bits, in network byte order; the others may hold anything."""
    address = socket.inet_ntoa(address.to_bytes(4, sys.byteorder))
    return f"{address}:{socket.ntohs(port & 0xFFFF)}"


def show():
    for row in table():
        state = STATES[row.dwState] if row.dwState < len(STATES) else "?"
        local = end(row.dwLocalAddr, row.dwLocalPort)
        remote = end(row.dwRemoteAddr, row.dwRemotePort)
        print(f"{state:<10}  {local:<21}  {remote:<21}  {row.dwOwningPid}")


def parse(address, port):
    """An address and a port as a row holds them."""
    port = int(port)
    if not 0 <= port <= 0xFFFF:
        raise ValueError(port)
    return int.from_bytes(socket.inet_aton(address), sys.byteorder), socket.htons(port)


def delete(words):
    try:
        ends = *parse(*words[:2]), *parse(*words[2:])
    except (OSError, ValueError):
        sys.exit("not the ends of an IPv4 connection")
    code = iphlpapi.SetTcpEntry(byref(MIB_TCPROW(MIB_TCP_STATE_DELETE_TCB, *ends)))
    print(message(code))
    return 0 if code == NO_ERROR else 1


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(show())
    if len(sys.argv) == 5:
        sys.exit(delete(sys.argv[1:]))
    sys.exit(f"usage: {sys.argv[0]} [LOCALADDR LOCALPORT REMOTEADDR REMOTEPORT]")
