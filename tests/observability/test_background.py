"""OBS-3: a sink that is slow or broken neither slows nor breaks a call."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from corvus import Usage
from corvus.events import Event, LimitsChanged
from corvus.observability.background import Background
from tests.observability.happenings import scene


def make_calls(folder: Path, listener: Background, times: int) -> float:
    """Make calls and return how long they took, in seconds."""
    with scene(folder, listener) as on:
        begin = time.monotonic()
        for _ in range(times):
            held = on.governor.reserve(on.governor.request("acme/house", input_tokens=1))
            assert held.reservation is not None
            on.governor.commit(held.reservation, Usage(1))
        return time.monotonic() - begin


def test_no_call_waits_for_a_slow_listener(tmp_path: Path) -> None:
    heard: list[Event] = []
    go_on = threading.Event()

    def slow(event: Event) -> None:
        go_on.wait(20)
        heard.append(event)

    background = Background(slow)
    took = make_calls(tmp_path, background, 20)
    assert heard == []
    assert took < 10, "a call that waited for the listener would have waited 20 s"
    go_on.set()
    background.close()
    assert len(heard) == 20
    assert background.dropped == 0


def test_a_listener_that_raises_breaks_no_call_and_hears_the_next_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Event] = []

    def broken(event: Event) -> None:
        heard.append(event)
        raise RuntimeError("no collector")

    background = Background(broken)
    make_calls(tmp_path, background, 2)
    background.close()
    assert len(heard) == 2
    assert caplog.text.count("a listener failed on CallSettled") == 2


def test_what_does_not_fit_is_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()
    heard: list[Event] = []

    def slow(event: Event) -> None:
        go_on.wait(20)
        heard.append(event)

    background = Background(slow, waiting_max=3)
    make_calls(tmp_path, background, 10)
    go_on.set()
    background.close()
    assert background.dropped + len(heard) == 10
    assert len(heard) in (3, 4)  # three that waited, and the one that was being told
    assert f"{background.dropped} events were not delivered" in caplog.text


def test_closing_waits_no_longer_than_asked() -> None:
    stuck = threading.Event()

    def hang(event: Event) -> None:
        stuck.wait(20)

    background = Background(hang)
    background(LimitsChanged("h"))
    begin = time.monotonic()
    background.close(0.1)
    assert time.monotonic() - begin < 5
    stuck.set()
