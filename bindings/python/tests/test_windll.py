"""Programs written for Windows, as they are."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Connected

PROGRAM = '''
import ctypes, socket, sys
from ctypes import wintypes

class MIB_TCPROW(ctypes.Structure):
    _fields_ = [(name, wintypes.DWORD) for name in
                ("dwState", "dwLocalAddr", "dwLocalPort", "dwRemoteAddr", "dwRemotePort")]

iphlpapi = ctypes.WinDLL("Iphlpapi.dll", use_last_error=True)
SetTcpEntry = ctypes.windll.iphlpapi.SetTcpEntry
SetTcpEntry.argtypes = [ctypes.POINTER(MIB_TCPROW)]
SetTcpEntry.restype = wintypes.DWORD
GetTcpTable = iphlpapi.GetTcpTable
size = wintypes.DWORD(0)
assert GetTcpTable(None, ctypes.byref(size), True) == 122
buffer = ctypes.create_string_buffer(size.value)
assert GetTcpTable(buffer, ctypes.byref(size), True) == 0
count = wintypes.DWORD.from_buffer(buffer).value
rows = (MIB_TCPROW * count).from_buffer(buffer, ctypes.sizeof(wintypes.DWORD))
wanted, state = int(sys.argv[1]), int(sys.argv[2])
for row in rows:
    if socket.ntohs(row.dwLocalPort & 0xFFFF) == wanted:
        row.dwState = state
        code = SetTcpEntry(ctypes.byref(row))
        if code:
            print(code, ctypes.FormatError(code))
            raise ctypes.WinError(code)
        print("deleted", ctypes.windll.kernel32.GetCurrentProcessId() > 0)
'''

LISTING = '''
import socket, struct
from ctypes import POINTER, Structure, byref, cast, create_string_buffer, windll
from ctypes.wintypes import BOOL, DWORD, ULONG

class Row(Structure):
    _fields_ = [(name, DWORD) for name in ("state", "local", "local_port", "remote", "remote_port", "pid")]

get = windll.LoadLibrary("IPHLPAPI.DLL").GetExtendedTcpTable
size = DWORD(0)
get(None, byref(size), True, socket.AF_INET, 5, 0)
table = create_string_buffer(size.value)
assert get(table, byref(size), BOOL(True), ULONG(2), 5, ULONG(0)) == 0
(count,) = struct.unpack_from("=L", table)
for row in cast(byref(table, 4), POINTER(Row * count)).contents:
    ends = [(row.local, row.local_port), (row.remote, row.remote_port)]
    print(row.state, *(f"{socket.inet_ntoa(struct.pack('=L', a))}:{socket.ntohs(p & 0xFFFF)}" for a, p in ends), row.pid)
'''


@pytest.fixture
def program(tmp_path: Path) -> str:
    return written(tmp_path / "closeconn.py", PROGRAM)


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def run(program: str, *words: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tcpentry.windll", program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_program_lists(tmp_path: Path, connected: Connected) -> None:
    done = run(written(tmp_path / "listing.py", LISTING))
    client, server = ("{}:{}".format(*it.getsockname()) for it in (connected.client, connected.server))
    pid = os.getpid()
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert f"5 {client} {server} {pid}" in rows and f"5 {server} {client} {pid}" in rows
    assert f"2 {server} 0.0.0.0:0 {pid}" in rows


def test_a_program_deletes_one_connection(program: str, connected: Connected) -> None:
    done = run(program, connected.port, 12)
    assert (done.returncode, done.stdout) == (0, "deleted True\n"), done.stderr
    with pytest.raises(ConnectionAbortedError):
        connected.client.recv(1)


def test_a_program_gets_the_codes_of_windows(program: str, connected: Connected) -> None:
    wrong_state = run(program, connected.port, 5)
    assert wrong_state.stdout.startswith("87 ") and "OSError" in wrong_state.stderr
    listener = run(program, connected.listener.getsockname()[1], 12)
    assert listener.stdout.startswith("317 ")


def test_the_names_of_the_module() -> None:
    from tcpentry import windll

    assert ctypes.sizeof(windll.wintypes.DWORD) == ctypes.sizeof(windll.wintypes.BOOL) == 4
    assert ctypes.sizeof(windll.wintypes.LPDWORD._type_) == 4  # type: ignore[attr-defined]
    library = windll.windll.iphlpapi
    assert library is windll.windll["IPHLPAPI.DLL"] and library is not windll.windll.LoadLibrary("iphlpapi")
    assert callable(library.SetTcpEntry) and not hasattr(library, "NoSuchFunction")
    assert not hasattr(windll.windll, "user32")
    with pytest.raises(FileNotFoundError):
        windll.WinDLL("user32.dll")
    assert windll.set_last_error(5) == 0 and windll.windll.kernel32.GetLastError() == 5
    error = windll.WinError()
    assert isinstance(error, PermissionError) and error.winerror == 5  # type: ignore[attr-defined]
    assert windll.set_last_error(0) == 5
