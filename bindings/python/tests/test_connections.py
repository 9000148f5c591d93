"""Listing, filters, identities."""

import copy
import os
import pickle
import socket

import pytest
import tcpentry
from conftest import Connected


def only(found: list) -> "tcpentry.Connection":
    (one,) = found
    return one


def test_a_connection_has_its_ends_as_the_socket_module_has_them(connected: Connected) -> None:
    found = only(tcpentry.connections(connected.filter))
    assert found.local == connected.client.getsockname()
    assert found.peer == connected.client.getpeername()
    assert found.state == "established"
    assert found.uid == os.getuid()
    assert found.inode == os.fstat(connected.client.fileno()).st_ino
    assert found.netns is None
    assert str(found.local) == f"127.0.0.1:{connected.port}"
    assert str(found).endswith("(established)")


def test_without_a_filter_all_are_listed(connected: Connected) -> None:
    ports = {it.local.port for it in tcpentry.connections()}
    assert {connected.port, connected.server.getsockname()[1]} <= ports
    assert all(it.state != "listening" for it in tcpentry.connections())
    assert any(it.state == "listening" for it in tcpentry.connections("state all"))


def test_pids_and_counters_only_if_asked_for(connected: Connected) -> None:
    plain = only(tcpentry.connections(connected.filter))
    assert plain.pids is None and plain.info is None and plain.idle is None
    whole = only(tcpentry.connections(connected.filter, pids=True, info=True))
    assert whole.pids == (os.getpid(),)
    assert whole.info is not None and whole.info.rtt >= 0 and whole.info.congestion_window > 0
    assert whole.idle is not None and 0 <= whole.idle < 60
    assert whole == plain and hash(whole) == hash(plain) and len({whole, plain}) == 1


def test_an_identity_is_one_word(connected: Connected) -> None:
    identity = only(tcpentry.connections(connected.filter)).identity
    again = tcpentry.Identity(str(identity))
    assert again == identity and hash(again) == hash(identity)
    assert pickle.loads(pickle.dumps(identity)) == identity == copy.deepcopy(identity)
    assert identity.local == connected.client.getsockname()
    cookie = connected.client.getsockopt(socket.SOL_SOCKET, 57, 8)
    assert identity.cookie == int.from_bytes(cookie, "little" if os.sys.byteorder == "little" else "big")  # type: ignore[attr-defined]
    with pytest.raises(ValueError) as raised:
        tcpentry.Identity("no identity")
    assert isinstance(raised.value, tcpentry.InvalidParameterError)


def test_a_filter_is_read_once(connected: Connected) -> None:
    filter = tcpentry.Filter(connected.filter)
    assert filter.text == str(filter) == connected.filter
    assert filter == tcpentry.Filter(connected.filter)
    assert tcpentry.connections(filter) == tcpentry.connections(connected.filter)


@pytest.mark.parametrize("text", ["", "dport = :80 an src 10.0.0.1"])
def test_what_is_no_filter_is_a_value_error(text: str) -> None:
    for make in (tcpentry.Filter, tcpentry.connections, tcpentry.delete):
        with pytest.raises(ValueError) as raised:
            make(text)
        assert isinstance(raised.value, tcpentry.FilterError)
    if text:
        assert raised.value.column == 12 and raised.value.length == 2
        assert raised.value.hint == "did you mean `and`?"
        assert raised.value.corrected == text.replace(" an ", " and ")
        assert str(raised.value).endswith("^^")


def test_namespaces(connected: Connected) -> None:
    with pytest.raises(TypeError):
        tcpentry.connections(all_netns=True, netns="1")
    own = only(tcpentry.connections(connected.filter, netns=str(os.getpid())))
    assert own.netns == str(os.getpid()) and own == only(tcpentry.connections(connected.filter))
    with pytest.raises(tcpentry.InvalidParameterError):
        tcpentry.connections(netns="no-such-namespace")


def test_doctor() -> None:
    support = tcpentry.doctor()
    assert support.tcp_diag and support.kernel is not None and support.kernel >= (5, 10)
    assert support.deletable in ("all", "own")
    assert (support.hint is None) == (support.deletable == "all")
    assert "can be deleted" in str(support)
