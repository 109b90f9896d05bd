"""Ports: the same again if they are free, and a clear error when they are not."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from durable_research.local.errors import LocalError, PortInUse
from durable_research.local.processes import ports


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_refused_with_the_process_that_holds_it(
    used_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "PATIENCE_SECONDS", 0.2)

    with pytest.raises(PortInUse) as refused:
        ports.require_free(used_port, "127.0.0.1")

    me = f"{psutil.Process().name()} (pid {os.getpid()})"
    assert str(refused.value) == (
        f"port {used_port} on 127.0.0.1 is in use by {me}; stop it, or choose another port by --port"
    )


def test_stored_ports_are_used_again(tmp_path: Path) -> None:
    first = ports.choose_ports(tmp_path / "ports.json", ["postgres", "temporal"])

    assert ports.choose_ports(tmp_path / "ports.json", ["postgres", "temporal"]) == first


def test_a_stored_port_that_is_in_use_is_replaced(tmp_path: Path, used_port: int) -> None:
    (tmp_path / "ports.json").write_text(f'{{"temporal": {used_port}}}')

    assert ports.choose_ports(tmp_path / "ports.json", ["temporal"])["temporal"] != used_port


def test_ports_are_chosen_below_the_ephemeral_range(tmp_path: Path) -> None:
    chosen = ports.choose_ports(tmp_path / "ports.json", ["a", "b", "c", "d"])

    assert all(20_000 <= port < 32_768 for port in chosen.values())
    assert len(set(chosen.values())) == 4


def test_a_non_local_address_is_refused_with_its_reason() -> None:
    with pytest.raises(LocalError, match=r"cannot listen on 192\.0\.2\.1, port 8000"):
        ports.is_free(8000, "192.0.2.1")
