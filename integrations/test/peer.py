"""Both ends of a test's connections, and the time at which each learns that it has ended.

peer.py serve PORT...          echoes what comes, over IPv4 and IPv6
peer.py connect NAME HOST PORT sends a byte every 100 ms and reads the echo
peer.py log SOCKET FILE        is a system log
peer.py wait NAME HOST PORT    waits for bytes, and sends none
peer.py wait NAME HOST PORT half-closed
                               does so after it has said that it will send none
peer.py hold PORT              takes connections, and never reads

Each end of a connection is a file below $LAB: `served/PORT/PEER:PORT` and `clients/NAME`. It has one line: `open ECHOES`, or
`ended ERRNO TIME`.
"""

import errno
import os
import selectors
import socket
import sys
import time

LAB = os.environ["LAB"]


def note(path, text):
    with open(path + ".new", "w") as file:
        file.write(text + "\n")
    os.rename(path + ".new", path)


def end(path, error):
    name = errno.errorcode.get(error.errno, str(error)) if error else "EOF"
    note(path, f"ended {name} {time.time():.3f}")


def echo(path, connection):
    """Returns false once the connection has ended."""
    try:
        data = connection.recv(4096)
        if data:
            connection.send(data)
            return True
        end(path, None)
    except BlockingIOError:
        return True
    except OSError as error:
        end(path, error)
    connection.close()
    return False


def serve(ports):
    selector = selectors.DefaultSelector()
    for port in map(int, ports):
        os.makedirs(f"{LAB}/served/{port}", exist_ok=True)
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            listener = socket.socket(family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, port))
            listener.listen()
            selector.register(listener, selectors.EVENT_READ, port)
    while True:
        for key, _ in selector.select():
            if isinstance(key.data, int):
                connection, peer = key.fileobj.accept()
                connection.setblocking(False)
                path = f"{LAB}/served/{key.data}/{peer[0]}:{peer[1]}"
                note(path, "open")
                selector.register(connection, selectors.EVENT_READ, path)
            else:
                connection = key.fileobj
                descriptor = connection.fileno()
                if not echo(key.data, connection):
                    selector.unregister(connection if connection.fileno() >= 0 else descriptor)


def connect(name, host, port):
    path = f"{LAB}/clients/{name}"
    connection = socket.create_connection((host, int(port)), timeout=5)
    note(path + ".port", str(connection.getsockname()[1]))
    connection.settimeout(0.1)
    echoes = 0
    while True:
        note(path, f"open {echoes}")
        try:
            connection.send(b".")
            if not connection.recv(4096):
                return end(path, None)
            echoes += 1
            time.sleep(0.1)
        except socket.timeout:
            pass
        except OSError as error:
            return end(path, error)


def log(path, file):
    received = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    received.bind(path)
    while True:
        message = received.recv(65536)
        with open(file, "ab") as lines:
            lines.write(message.rstrip(b"\0\n") + b"\n")


def wait(name, host, port, half_closed=None):
    path = f"{LAB}/clients/{name}"
    connection = socket.create_connection((host, int(port)), timeout=5)
    note(path + ".port", str(connection.getsockname()[1]))
    connection.settimeout(None)
    if half_closed:
        connection.shutdown(socket.SHUT_WR)
    note(path, "open 0")
    try:
        while connection.recv(4096):
            pass
        end(path, None)
    except OSError as error:
        end(path, error)


def hold(port):
    listener = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    held = []
    while True:
        held.append(listener.accept())


if sys.argv[1] == "serve":
    serve(sys.argv[2:])
elif sys.argv[1] == "log":
    log(*sys.argv[2:])
elif sys.argv[1] == "wait":
    wait(*sys.argv[2:])
elif sys.argv[1] == "hold":
    hold(*sys.argv[2:])
else:
    connect(*sys.argv[2:])
