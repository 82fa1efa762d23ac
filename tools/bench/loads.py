"""Work inside one process, in the interpreter of the checkout that is measured.

``python loads.py PACKAGE FOLDER pairs CALLERS`` or ``… evaluate``; prints seconds and CPU seconds
of each pair or evaluation. Uses public names alone, which are the same in all checkouts.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_CONFIG = """
[cost]
enabled = true
session_limit_usd = 1000000
daily_limit_usd = 1000000
monthly_limit_usd = 1000000

[cost.prices.m]
input = 3
output = 15
"""
_PAIRS = 1_024
_EVALUATIONS = 1_000


def _timed(times: int, work: Callable[[], None]) -> None:
    started, worked = time.perf_counter(), time.process_time()
    work()
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    print(json.dumps([seconds / times, worked / times]))


def _pairs(governor: Any, usage: Any, callers: int) -> None:
    def work(number: int, pairs: int) -> None:
        for _ in range(pairs):
            request = governor.request("m", session_id=f"s{number}", input_tokens=900)
            governor.commit(governor.reserve(request).reservation, usage)

    def all_callers() -> None:
        threads = [
            threading.Thread(target=work, args=(number, _PAIRS // callers))
            for number in range(callers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    work(0, 20)
    _timed(_PAIRS // callers * callers, all_callers)


def _evaluate(governor: Any) -> None:
    request = governor.request("m", session_id="s", input_tokens=900)

    def work() -> None:
        for _ in range(_EVALUATIONS):
            governor.evaluate(request)

    governor.evaluate(request)
    _timed(_EVALUATIONS, work)


def main(package: str, folder: str, kind: str, *words: str) -> None:
    """Open a governor over a new store and do the work."""
    public = import_module(package)
    config = Path(folder, "corvus.toml")
    config.write_text(_CONFIG)
    runtime = public.open_runtime([config], ledger=Path(folder, "l.duckdb"))
    with runtime.governor() as governor:
        if kind == "pairs":
            _pairs(governor, public.Usage(input_tokens=900, output_tokens=100), int(words[0]))
        else:
            _evaluate(governor)


if __name__ == "__main__":
    main(*sys.argv[1:])
