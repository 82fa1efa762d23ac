"""A network that loses every packet holds a caller for seconds, wherever it was (STO-1)."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest

from corvus.base.errors import StoreUnavailable
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.store.postgres.answers import SILENCE_SECONDS
from corvus.store.postgres.connection import CUT_SECONDS
from tests.delay_proxy import DelayProxy
from tests.faults.governed import cents
from tests.faults.hosts.opening import Open, through

BUSY_SECONDS = 2.5
"""How much longer it may take on a machine that others use, too; 10 s would still be too long."""


def test_a_cut_under_an_open_connection_is_found_in_seconds(
    opening: Open, proxy: DelayProxy, postgres_url: str
) -> None:
    governor = opening(through(proxy, postgres_url))
    assert governor.reserve(cents(1)).allowed
    proxy.pull()
    for bound in (CUT_SECONDS + SILENCE_SECONDS, SILENCE_SECONDS):
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"did not answer in time"):
            governor.reserve(cents(1))
        assert time.monotonic() - started < bound + BUSY_SECONDS
    proxy.plug()
    assert governor.reserve(cents(1)).allowed


def test_a_cut_while_others_have_the_lock_is_found_in_seconds(
    opening: Open, proxy: DelayProxy, postgres_url: str
) -> None:
    """Nothing of ours is on its way then: keepalive asks for it."""
    governor = opening(through(proxy, postgres_url))
    assert governor.reserve(cents(1)).allowed
    schema = postgres_url.rpartition("=")[2]
    with psycopg.connect(postgres_url.partition("?")[0]) as other:
        other.execute("SELECT set_config('search_path', %s, false)", (schema,))
        other.execute("SELECT * FROM store_lock FOR UPDATE")
        refused = threading.Event()

        def wait() -> None:
            with pytest.raises(StoreUnavailable, match=r"did not answer in time"):
                governor.reserve(cents(1))
            refused.set()

        caller = threading.Thread(target=wait)
        caller.start()
        time.sleep(1)
        proxy.pull()
        assert refused.wait(2 + CUT_SECONDS + SILENCE_SECONDS + BUSY_SECONDS)
        caller.join()
    proxy.plug()


def test_a_command_against_a_server_that_says_nothing_ends_in_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The start of Python comes on top, and one connection is tried, not several."""
    tried: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        def accept() -> None:
            with ExitStack() as kept, suppress(OSError):
                while True:
                    kept.enter_context(silent.accept()[0])
                    tried.append(time.monotonic())

        listener = threading.Thread(target=accept)
        listener.start()
        (tmp_path / "corvus.toml").write_text(
            f'[governance.ledger]\nurl = "postgresql://127.0.0.1:{port}/d"\n'
            "[cost]\nenabled = true\ndaily_limit_usd = 1.0\n"
        )
        monkeypatch.chdir(tmp_path)
        assert main(["agent", "--", "true"]) == Exit.LEDGER_UNAVAILABLE
        seconds = time.monotonic() - tried[0]
        silent.shutdown(socket.SHUT_RDWR)
        listener.join()
    assert len(tried) == 1
    assert seconds < SILENCE_SECONDS + 0.3 + BUSY_SECONDS
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}/d did not answer in time; look at the network" in said
