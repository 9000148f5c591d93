"""The native part, imported through ``tcpentry``.

Every function gives the interpreter's lock back while it asks the kernel, so that other threads run. Between connections
signals are handled: Ctrl-C ends a long call.
"""

from collections.abc import Sequence
from typing import Literal, Optional, Union, final

from tcpentry.endpoint import Endpoint
from tcpentry.errors import Error

__all__ = [
    "Connection",
    "Filter",
    "Identity",
    "Outcome",
    "Support",
    "TcpInfo",
    "connections",
    "delete",
    "doctor",
]

_End = Union[str, tuple[str, int], tuple[str, int, int, int]]
_Identity = Union[Identity, Connection, str]

@final
class Connection:
    """One TCP socket, as it was when it was listed.

    Two are equal where they are the same socket (:attr:`identity`), whatever has changed between.
    """

    @property
    def local(self) -> Endpoint:
        """The local end."""

    @property
    def peer(self) -> Endpoint:
        """The peer's end."""

    @property
    def state(self) -> str:
        """The state as filters name it, such as ``established`` or ``close-wait``."""

    @property
    def identity(self) -> Identity:
        """The name of this very socket, also for another process."""

    @property
    def netns(self) -> Optional[str]:
        """The name of its network namespace, where not only the caller's own was read."""

    @property
    def uid(self) -> int:
        """The user it belongs to."""

    @property
    def pids(self) -> Optional[tuple[int, ...]]:
        """The processes that hold it; None where they were not asked for. Those that the caller can't look into are missing."""

    @property
    def interface(self) -> Optional[int]:
        """The index of the device it is bound to."""

    @property
    def cookie(self) -> int:
        """The kernel's name of it: ``SO_COOKIE``."""

    @property
    def inode(self) -> Optional[int]:
        """The inode of its file; None where no process holds it."""

    @property
    def mark(self) -> Optional[int]:
        """``SO_MARK``; the kernel shows it only to ``CAP_NET_ADMIN``."""

    @property
    def recv_queue(self) -> int:
        """Bytes received but not yet read."""

    @property
    def send_queue(self) -> int:
        """Bytes sent but not yet acknowledged."""

    @property
    def mptcp(self) -> Optional[bool]:
        """True for a subflow of an MPTCP connection; None where that is not known, as without ``info``."""

    @property
    def info(self) -> Optional[TcpInfo]:
        """Counters, where they were asked for and the state has them."""

    @property
    def idle(self) -> Optional[float]:
        """Seconds since data last moved in either direction; None without ``info``."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class TcpInfo:
    """Counters of a connection, from the kernel's ``struct tcp_info``. Times are in seconds."""

    @property
    def retransmits(self) -> int: ...
    @property
    def total_retransmits(self) -> int: ...
    @property
    def rtt(self) -> float: ...
    @property
    def rtt_variation(self) -> float: ...
    @property
    def congestion_window(self) -> int: ...
    @property
    def last_data_sent(self) -> float: ...
    @property
    def last_data_received(self) -> float: ...
    @property
    def last_ack_received(self) -> float: ...
    @property
    def bytes_acked(self) -> int: ...
    @property
    def bytes_received(self) -> int: ...

@final
class Identity:
    """The name of one socket: boot, network namespace, cookie, interface and both ends.

    ``str(identity)`` is one word, to be stored or carried to another process, which makes an identity of it again. The
    program ``tcpentry`` has the same words.
    """

    def __new__(cls, text: str) -> Identity: ...
    @property
    def local(self) -> Endpoint: ...
    @property
    def peer(self) -> Endpoint: ...
    @property
    def cookie(self) -> int: ...
    @property
    def boot(self) -> str: ...
    @property
    def netns(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __getnewargs__(self) -> tuple[str]: ...

@final
class Filter:
    """A filter in the language of ``ss`` and of the program ``tcpentry``, such as ``state close-wait sport = :443``.

    Its names are looked up when it is made: a later process of a pid that it names is not meant. The functions take the text
    as well. Where they read other network namespaces they read the text again for each of them.

    :raises FilterError: the text is not a filter; so is an empty one
    """

    def __new__(cls, text: str) -> Filter: ...
    @property
    def text(self) -> str:
        """The text it was made of; ``str(filter)`` is its canonical form."""

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Outcome:
    """The outcome of the deletion of one connection."""

    @property
    def connection(self) -> Optional[Connection]:
        """The connection as it was last seen; None where it was not found."""

    @property
    def local(self) -> Endpoint: ...
    @property
    def peer(self) -> Endpoint: ...
    @property
    def outcome(self) -> str:
        """``deleted`` (confirmed by the kernel), ``gone``, ``denied``, ``guarded``, ``spared``, ``unsupported`` or ``failed``.

        With :attr:`dry_run`, ``deleted`` is what would come of it.
        """

    @property
    def error(self) -> Optional[Error]:
        """The reason; None where it was deleted."""

    @property
    def hint(self) -> Optional[str]:
        """The way out."""

    @property
    def method(self) -> Optional[str]:
        """``sock-diag`` (the kernel's ``SOCK_DESTROY``) or ``borrow`` (the descriptor of its process)."""

    @property
    def reset_sent(self) -> Optional[bool]:
        """True where its peer was sent a reset; None where that is not known."""

    @property
    def dry_run(self) -> bool: ...
    def raise_for_error(self) -> None:
        """Raises :attr:`error`, if there is one."""

@final
class Support:
    """What the kernel and the caller's rights allow in a network namespace."""

    @property
    def deletable(self) -> Literal["all", "own", "none"]:
        """The connections that can be deleted: all, those of the caller's own processes, or none."""

    @property
    def hint(self) -> Optional[str]:
        """The right that is missing."""

    @property
    def tcp_diag(self) -> bool:
        """True where the table can be read."""

    @property
    def destroy(self) -> bool:
        """True where the kernel has ``SOCK_DESTROY``."""

    @property
    def net_admin(self) -> bool:
        """True where the caller may use it: ``CAP_NET_ADMIN``."""

    @property
    def borrow(self) -> bool:
        """True where descriptors can be borrowed (``pidfd_getfd``)."""

    @property
    def sys_ptrace(self) -> bool:
        """True where the caller holds ``CAP_SYS_PTRACE``."""

    @property
    def ptrace_scope(self) -> Literal["classic", "restricted", "admin-only", "no-attach", "unknown"]:
        """The restriction by Yama."""

    @property
    def kernel(self) -> Optional[tuple[int, int]]:
        """The first two numbers of the kernel's release."""

def connections(
    filter: Optional[Union[Filter, str]] = None,
    *,
    all_netns: bool = False,
    netns: Optional[str] = None,
    pids: bool = False,
    info: bool = False,
) -> list[Connection]:
    """Lists the connections that a filter selects, in the kernel's order; without one, all.

    A filter that names no state is about connections: neither listeners nor TIME_WAIT; ``state all`` is everything.

    :param all_netns: read every network namespace that can be found
    :param netns: read another one: a name of ``ip netns``, the pid of a process in it, or a path
    :param pids: find the processes that hold them, which costs a search of ``/proc``
    :param info: ask for counters as well
    :raises FilterError: the text is not a filter
    :raises AccessDeniedError: the network namespace may not be entered
    :warns IncompleteWarning: something could not be looked into
    """

def delete(
    filter: Optional[Union[Filter, str]] = None,
    *,
    pair: Optional[tuple[_End, _End]] = None,
    identity: Optional[Union[_Identity, Sequence[_Identity]]] = None,
    dry_run: bool = False,
    max: Optional[int] = None,
    listeners: bool = False,
    method: Literal["auto", "sock-diag", "borrow"] = "auto",
    all_netns: bool = False,
    netns: Optional[str] = None,
) -> list[Outcome]:
    """Deletes connections, and returns the outcome of each; what could not be deleted raises nothing.

    Exactly one of ``filter``, ``pair`` and ``identity`` says which. What a filter selects is listed, and evaluated again
    immediately before each deletion. An empty result means that nothing was selected.

    :param pair: both ends, local first, each a text (``192.0.2.1:443``) or a tuple as ``socket.getsockname()`` returns it
    :param identity: one or several: identities, their words, or connections that were listed
    :param dry_run: find out what would come of it, and delete nothing
    :param max: raise instead of deleting more than so many
    :param listeners: delete listening sockets as well, which are refused otherwise
    :param method: restrict it to one way
    :raises TypeError: none of the three is given, or several
    :raises TooManyError: more than ``max`` are selected; nothing was deleted
    :raises AccessDeniedError: the caller may not see what the filter asks for, of some sockets; nothing was deleted
    :raises FilterError: the text is not a filter
    :warns IncompleteWarning: a network namespace could not be read
    :raises KeyboardInterrupt: its attribute ``outcomes`` is the list of what was done before
    """

def doctor(*, netns: Optional[str] = None) -> Support:
    """Finds out what can be deleted here, without deleting anything."""
