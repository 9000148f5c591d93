"""Real connections over the loopback of the network namespace that the tests are run in."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest


@dataclass
class Connected:
    """A connection whose ends are both here."""

    listener: socket.socket
    client: socket.socket
    server: socket.socket

    @property
    def port(self) -> int:
        """The client's port, which no other connection has."""
        return int(self.client.getsockname()[1])

    @property
    def filter(self) -> str:
        return f"sport = :{self.port}"


def connect(stack: ExitStack, address: str = "127.0.0.1") -> Connected:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = stack.enter_context(socket.create_server((address, 0), family=family))
    client = stack.enter_context(socket.create_connection(listener.getsockname()[:2]))
    server = stack.enter_context(listener.accept()[0])
    client.settimeout(10)
    server.settimeout(10)
    return Connected(listener, client, server)


@pytest.fixture
def connected() -> Iterator[Connected]:
    with ExitStack() as stack:
        yield connect(stack)


@pytest.fixture
def connected6() -> Iterator[Connected]:
    with ExitStack() as stack:
        yield connect(stack, "::1")


def pytest_configure() -> None:
    # A namespace of its own has the loopback only: nothing of the host can be hit.
    if os.listdir("/sys/class/net") != ["lo"] and len(socket.if_nameindex()) > 1:
        others = [name for _, name in socket.if_nameindex() if name != "lo"]
        if any(not name.startswith(("tunl", "sit", "ip6", "gre", "erspan", "ip_vti")) for name in others):
            pytest.exit("run these tests in a network namespace of their own: cargo xtask python", returncode=2)
