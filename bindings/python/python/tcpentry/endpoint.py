"""One end of a connection."""

from typing import NamedTuple


class Endpoint(NamedTuple):
    """An address and a port: equal to the tuple that ``socket.getsockname()`` returns for IPv4.

    An IPv4 connection in an IPv6 socket has the IPv4 address. Port 0 is that of the peer of a socket that has none.
    """

    address: str
    port: int

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port or '*'}"
