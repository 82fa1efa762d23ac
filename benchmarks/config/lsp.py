"""From a keystroke to its diagnostics: ``corvus lsp`` over pipes, 500 lines (bar: 50 ms).

A digit is typed into a limit, over and over, in a file that is clean, in one with a misspelt key,
in one that cannot be parsed, and in one with many findings while the editor requests code actions
about all of them before each keystroke, as after a selection of everything. What is measured begins
before the change is written and ends when the diagnostics of its version were read, without making
objects of them. Each keystroke waits for the last one, and for a moment more, as a person's does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HEAD = """\
# Budgets of the search team. Ask #platform before raising any of them.
[cost]
enabled = true
daily_limit_usd = 200
monthly_limit_usd = 4000
warn_at_percent = 75

"""
BUDGET = """\
# {name}: reviewed every quarter.
[[cost.budgets]]
name = "{name}"
period = "week"
limit_usd = {limit}
match = {{ user = "{name}@example.org", model = ["claude-*", "gpt-*"] }}
enforce = "block"

"""
PRICE = """\
[cost.prices."acme/model-{number}"]
input = {number}.5
output = 15
source = "https://acme.example/prices, 2026-11-01"

"""
TAIL = """\
[governance.gateway]
port = 8642
request_timeout_seconds = 300
"""


def config(lines: int, least: int = 20) -> str:
    """Write a config of about so many lines, whose budgets have limits above the least."""
    text = HEAD
    number = 1
    while (text + TAIL).count("\n") < lines - 8:
        text += BUDGET.format(name=f"dev-{number}", limit=least + number)
        if number % 3 == 0:
            text += PRICE.format(number=number)
        number += 1
    return text + TAIL


class Wire:
    """A server, and the bare messages to and from it."""

    def __init__(self, folder: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "corvus", "lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
        )

    def send(self, method: str, params: dict[str, Any], **more: object) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        body = json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def read(self) -> bytes:
        assert self.process.stdout is not None
        size = 0
        while (head := self.process.stdout.readline()) != b"\r\n":
            if head.startswith(b"Content-Length: "):
                size = int(head.split()[1])
        return self.process.stdout.read(size)

    def until(self, mark: bytes) -> bytes:
        while mark not in (body := self.read()):
            pass
        return body

    def cpu_seconds(self) -> float:
        """Return what the server has computed so far, in steps of a hundredth; 0 elsewhere."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def keystrokes(
    text: str, rounds: int, pause: float, *, acting: bool = False
) -> tuple[list[float], float]:
    """Return the seconds from each keystroke to its diagnostics, and those computed for each.

    Args:
        text: What is typed into.
        rounds: How many keystrokes count.
        pause: Seconds before each.
        acting: Whether code actions for the whole file are requested before each.
    """
    line = text.split("\n").index("daily_limit_usd = 200")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corvus.toml"
        path.write_text(text, encoding="utf-8")
        wire = Wire(folder)
        wire.send("initialize", {"capabilities": {}, "processId": None, "rootUri": None}, id=0)
        wire.until(b'"id": 0')
        wire.send("initialized", {})
        document = {"uri": path.as_uri(), "languageId": "toml", "version": 1, "text": text}
        wire.send("textDocument/didOpen", {"textDocument": document})
        wire.until(b'"version": 1')
        taken: list[float] = []
        before = 0.0
        for version in range(2, rounds + 12):
            place = {"line": line, "character": 18}
            end = {"line": line, "character": 19}
            change = {"range": {"start": place, "end": end}, "text": str(version % 10)}
            params = {
                "textDocument": {"uri": document["uri"], "version": version},
                "contentChanges": [change],
            }
            if acting:
                whole = {
                    "start": {"line": 0, "character": 0},
                    "end": {"line": 9999, "character": 0},
                }
                what: dict[str, Any] = {
                    "textDocument": {"uri": document["uri"]},
                    "range": whole,
                    "context": {"diagnostics": []},
                }
                wire.send("textDocument/codeAction", what, id=version)
            time.sleep(pause)
            if version == 12:
                before = wire.cpu_seconds()
            started = time.perf_counter()
            wire.send("textDocument/didChange", params)
            wire.until(b'"version": %d' % version)
            taken.append(time.perf_counter() - started)
        computed = (wire.cpu_seconds() - before) / rounds
        wire.send("exit", {})
        wire.process.wait(10)
    return taken[10:], computed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.03, help="seconds between keystrokes")
    options = parser.parse_args()
    clean = config(options.lines)
    never_bind = config(options.lines, 1000).replace('period = "week"', 'period = "day"')
    kinds = {
        "clean": clean,
        "a misspelt key": clean.replace("enforce", "enfroce", 1),
        "cannot be parsed": clean.replace('period = "week"', "period =", 1),
        "code actions": never_bind,
    }
    for name, text in kinds.items():
        seconds, computed = keystrokes(
            text, options.rounds, options.pause, acting=name == "code actions"
        )
        taken = sorted(seconds)
        middle, late = statistics.median(taken), taken[int(len(taken) * 0.95)]
        print(
            f"{text.count(chr(10))} lines, {name}: median {middle * 1000:.0f} ms, "
            f"95 % within {late * 1000:.0f} ms, {computed * 1000:.0f} ms of CPU "
            f"({len(taken)} keystrokes)"
        )


if __name__ == "__main__":
    main()
