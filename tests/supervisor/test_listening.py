from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pygateway.config import Address
from pygateway.supervisor.listening import CannotListen, Listening
from tests.support.patience import PATIENCE

ANY_PORT = Address("127.0.0.1", 0)


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening()
    yield made
    made.close()


def port_of(name: str) -> int:
    return int(name.rpartition(":")[2])


def can_connect(target: tuple[str, int] | str) -> bool:
    family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(PATIENCE)
        try:
            client.connect(target)
        except OSError:
            return False
    return True


def test_all_workers_share_the_port_that_zero_became(listening: Listening) -> None:
    plan = listening.prepare([ANY_PORT], 3)
    listening.adopt(plan)
    (name,) = plan.names()
    sockets = [plan.for_slot(slot) for slot in range(3)]
    assert [len(each) for each in sockets] == [1, 1, 1]
    assert len({each[0].fileno() for each in sockets}) == 3
    assert {each[0].getsockname() for each in sockets} == {("127.0.0.1", port_of(name))}


def test_two_listeners_on_port_zero_get_two_ports(listening: Listening) -> None:
    plan = listening.prepare([ANY_PORT, ANY_PORT], 1)
    listening.adopt(plan)
    assert len(set(plan.names())) == 2
    again = listening.prepare([ANY_PORT, ANY_PORT], 1)
    assert again.names() == plan.names()


def test_a_connection_waits_before_there_is_a_worker(listening: Listening) -> None:
    plan = listening.prepare([ANY_PORT], 2)
    listening.adopt(plan)
    assert can_connect(("127.0.0.1", port_of(plan.names()[0])))


def test_a_host_name_listens_on_each_of_its_addresses(listening: Listening) -> None:
    plan = listening.prepare([Address("localhost", 0)], 2)
    listening.adopt(plan)
    found = {info[4][0] for info in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    bound = {each.getsockname()[0] for each in plan.for_slot(0)}
    assert bound <= found
    assert "127.0.0.1" in bound


def test_ipv6_names_are_bracketed_and_leave_ipv4_alone(listening: Listening) -> None:
    plan = listening.prepare([Address("::1", 0)], 1)
    listening.adopt(plan)
    (name,) = plan.names()
    assert name == f"[::1]:{port_of(name)}"
    (bound,) = plan.for_slot(0)
    assert bound.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


@pytest.mark.parametrize("reuse_port", [False, True])
def test_a_port_that_somebody_listens_on_is_refused(listening: Listening, reuse_port: bool) -> None:
    with socket.socket() as other:
        # Another gateway has SO_REUSEPORT too, and must not be joined by mistake.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}: the address is in use"):
            listening.prepare([Address("127.0.0.1", port)], 2)


def test_a_port_whose_last_connections_have_just_closed_is_free(listening: Listening) -> None:
    with socket.socket() as earlier:
        earlier.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        earlier.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        earlier.bind(("127.0.0.1", 0))
        earlier.listen()
        port = earlier.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = earlier.accept()
            accepted.close()  # the server closes first, so TIME_WAIT stays on its side
            assert client.recv(1) == b""
    listening.adopt(listening.prepare([Address("127.0.0.1", port)], 2))
    assert can_connect(("127.0.0.1", port))


def test_an_address_of_another_machine_is_refused(listening: Listening) -> None:
    with pytest.raises(CannotListen, match="no interface of this machine has this address"):
        listening.prepare([Address("192.0.2.1", 0)], 1)


def test_a_name_that_does_not_resolve_is_refused(listening: Listening) -> None:
    with pytest.raises(CannotListen, match=r"cannot listen on nowhere\.invalid:1: "):
        listening.prepare([Address("nowhere.invalid", 1)], 1)


def test_refusal_closes_what_was_bound_on_the_way(listening: Listening) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(CannotListen):
        listening.prepare([ANY_PORT, Address("192.0.2.1", 0)], 4)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_new_plan_keeps_sockets_that_are_still_wanted(listening: Listening) -> None:
    first = listening.prepare([ANY_PORT], 2)
    listening.adopt(first)
    second = listening.prepare([ANY_PORT, Address("127.0.0.1", 0)], 2)
    listening.adopt(second)
    assert second.names()[0] == first.names()[0]
    assert second.for_slot(0)[0] is first.for_slot(0)[0]


def test_adopting_closes_what_is_not_wanted_any_more(listening: Listening) -> None:
    first = listening.prepare([ANY_PORT, ANY_PORT], 1)
    listening.adopt(first)
    kept, dropped = first.names()
    listening.adopt(listening.prepare([ANY_PORT], 1))
    assert can_connect(("127.0.0.1", port_of(kept)))
    assert not can_connect(("127.0.0.1", port_of(dropped)))


def test_more_workers_get_sockets_of_their_own(listening: Listening) -> None:
    listening.adopt(listening.prepare([ANY_PORT], 1))
    grown = listening.prepare([ANY_PORT], 3)
    listening.adopt(grown)
    assert len({each.fileno() for slot in range(3) for each in grown.for_slot(slot)}) == 3


def test_fewer_workers_share_every_socket_so_that_nothing_queued_is_lost(
    listening: Listening,
) -> None:
    first = listening.prepare([ANY_PORT], 4)
    listening.adopt(first)
    everything = {first.for_slot(slot)[0].fileno() for slot in range(4)}
    fewer = listening.prepare([ANY_PORT], 3)
    listening.adopt(fewer)
    shared = [[each.fileno() for each in fewer.for_slot(slot)] for slot in range(3)]
    assert [len(each) for each in shared] == [2, 1, 1]
    assert {number for each in shared for number in each} == everything


def test_an_abandoned_plan_leaves_no_socket_that_nobody_accepts_from(listening: Listening) -> None:
    first = listening.prepare([ANY_PORT], 1)
    listening.adopt(first)
    before = len(os.listdir("/proc/self/fd"))
    plan = listening.prepare([ANY_PORT, ANY_PORT], 4)
    port = port_of(plan.names()[1])
    listening.abandon(plan)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not can_connect(("127.0.0.1", port))
    assert can_connect(("127.0.0.1", port_of(first.names()[0])))


def test_a_unix_socket_is_for_owner_and_group_and_for_all_workers(
    listening: Listening, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.sock"
    plan = listening.prepare([Address("", 0, str(path))], 2)
    listening.adopt(plan)
    assert plan.names() == [f"unix:{path}"]
    assert plan.for_slot(0) == plan.for_slot(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert can_connect(str(path))


def test_a_stale_socket_file_is_replaced(listening: Listening, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as earlier:
        earlier.bind(str(path))
    listening.adopt(listening.prepare([Address("", 0, str(path))], 1))
    assert can_connect(str(path))


def test_a_socket_file_that_somebody_listens_behind_is_refused(
    listening: Listening, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(CannotListen, match=f"unix:{path}: the address is in use"):
            listening.prepare([Address("", 0, str(path))], 1)
        assert can_connect(str(path))


def test_a_file_that_is_no_socket_is_never_removed(listening: Listening, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(CannotListen, match="in use"):
        listening.prepare([Address("", 0, str(path))], 1)
    assert path.read_text() == "data"


def test_closing_removes_the_socket_file(listening: Listening, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    listening.adopt(listening.prepare([Address("", 0, str(path))], 1))
    listening.close()
    assert not path.exists()


def test_closing_leaves_the_socket_file_of_a_successor(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    first, second = Listening(), Listening()
    first.adopt(first.prepare([Address("", 0, str(path))], 1))
    path.unlink()
    second.adopt(second.prepare([Address("", 0, str(path))], 1))
    first.close()
    assert can_connect(str(path))
    second.close()
    assert not path.exists()


def test_a_missing_directory_is_named(listening: Listening, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "gateway.sock"
    with pytest.raises(CannotListen, match=f"unix:{path}: No such file or directory"):
        listening.prepare([Address("", 0, str(path))], 1)
