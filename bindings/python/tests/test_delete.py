"""Deletions, each seen by both ends."""

import pickle
from contextlib import ExitStack

import pytest
import tcpentry
from conftest import Connected, connect


def assert_deleted(connected: Connected) -> None:
    for end in (connected.client, connected.server):
        with pytest.raises(ConnectionError):
            end.recv(1)


def assert_alive(connected: Connected) -> None:
    connected.client.sendall(b"x")
    assert connected.server.recv(1) == b"x"


@pytest.mark.parametrize("arguments", [{}, {"dry_run": True}, {"all_netns": True}, {"max": 1}])
def test_without_filter_pair_and_identity_nothing_is_deleted(connected: Connected, arguments: dict) -> None:
    with pytest.raises(TypeError, match="one of filter, pair and identity"):
        tcpentry.delete(None, **arguments)
    with pytest.raises(TypeError):
        tcpentry.delete(connected.filter, identity=[], **arguments)
    assert_alive(connected)


def test_by_filter(connected: Connected) -> None:
    (outcome,) = tcpentry.delete(connected.filter)
    assert outcome.outcome == "deleted" and outcome.error is None and outcome.hint is None
    assert outcome.method in ("sock-diag", "borrow") and outcome.reset_sent is True
    assert outcome.connection is not None and outcome.connection.local == outcome.local
    outcome.raise_for_error()
    assert_deleted(connected)
    assert tcpentry.delete(connected.filter) == []


def test_by_the_tuples_of_the_socket_module(connected: Connected, connected6: Connected) -> None:
    for one in (connected, connected6):
        (outcome,) = tcpentry.delete(pair=(one.client.getsockname(), one.client.getpeername()))
        assert outcome.outcome == "deleted", outcome
        assert_deleted(one)


def test_by_text_and_once_more(connected: Connected) -> None:
    pair = (f"127.0.0.1:{connected.port}", "127.0.0.1:%d" % connected.client.getpeername()[1])
    assert tcpentry.delete(pair=pair)[0].outcome == "deleted"
    (again,) = tcpentry.delete(pair=pair)
    assert again.outcome == "gone" and again.connection is None
    assert isinstance(again.error, tcpentry.NotFoundError) and isinstance(again.error, LookupError)
    assert (again.error.errno, again.error.win32) == (2, 317)
    with pytest.raises(tcpentry.NotFoundError, match="cannot delete"):
        again.raise_for_error()


def test_by_identity_in_order(connected: Connected) -> None:
    with ExitStack() as stack:
        others = [connect(stack) for _ in range(3)]
        listed = [tcpentry.connections(it.filter)[0] for it in others]
        gone = tcpentry.connections(connected.filter)[0]
        tcpentry.delete(identity=gone)
        mixed = [listed[2], gone.identity, str(listed[0].identity), listed[1]]
        outcomes = tcpentry.delete(identity=mixed)
        assert [it.outcome for it in outcomes] == ["deleted", "gone", "deleted", "deleted"]
        assert [it.local for it in outcomes] == [listed[2].local, gone.local, listed[0].local, listed[1].local]
        for one in others:
            assert_deleted(one)
    assert tcpentry.delete(identity=[]) == []


def test_a_rehearsal_deletes_nothing(connected: Connected) -> None:
    (outcome,) = tcpentry.delete(connected.filter, dry_run=True)
    assert outcome.dry_run and outcome.outcome == "deleted" and "would be deleted" in str(outcome)
    assert_alive(connected)


def test_too_many_is_none(connected: Connected) -> None:
    port = connected.server.getsockname()[1]
    both = f"sport = :{connected.port} or dport = :{connected.port}"
    with pytest.raises(tcpentry.TooManyError) as raised:
        tcpentry.delete(both, max=1)
    assert raised.value.count == 2
    identities = tcpentry.connections(both)
    with pytest.raises(tcpentry.TooManyError):
        tcpentry.delete(identity=identities, max=1)
    assert port and len(identities) == 2
    assert_alive(connected)


def test_a_listener_is_refused_unless_asked_for(connected: Connected) -> None:
    port = connected.listener.getsockname()[1]
    listening = f"state listening sport = :{port}"
    (outcome,) = tcpentry.delete(listening)
    assert outcome.outcome == "guarded" and isinstance(outcome.error, tcpentry.RefusedError)
    assert outcome.error.guard == "listener" and outcome.hint is not None
    (outcome,) = tcpentry.delete(listening, listeners=True)
    assert outcome.outcome == "deleted"


@pytest.mark.parametrize(
    "pair",
    [
        ("127.0.0.1:1", "[::1]:2"),
        ("localhost:1", "127.0.0.1:2"),
        (("localhost", 1), ("127.0.0.1", 2)),
        ("127.0.0.1", "127.0.0.1:2"),
    ],
)
def test_what_names_no_connection_is_a_value_error(pair: tuple) -> None:
    with pytest.raises(ValueError):
        tcpentry.delete(pair=pair)


def test_errors_can_be_carried_to_another_process(connected: Connected) -> None:
    pair = ("192.0.2.1:1", "192.0.2.2:2")
    (outcome,) = tcpentry.delete(pair=pair)
    again = pickle.loads(pickle.dumps(outcome.error))
    assert type(again) is tcpentry.NotFoundError and str(again) == str(outcome.error) and again.win32 == 317
    denied = tcpentry.AccessDeniedError("denied", hint="become root", errno=1, win32=5)
    assert isinstance(denied, PermissionError) and str(denied) == "denied" and denied.errno == 1
    again = pickle.loads(pickle.dumps(denied))
    assert type(again) is tcpentry.AccessDeniedError and str(again) == "denied" and again.hint == "become root"
    with pytest.raises(ValueError, match="one of"):
        tcpentry.delete("sport = :1", method="reset")  # type: ignore[arg-type]
