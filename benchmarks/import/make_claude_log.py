"""Writes session logs in the format of Claude Code, all invented, for examples and benchmarks.

The same arguments give the same bytes. What the logs hold on purpose: streaming snapshots of one
message (the last one counts), cache reads, 5-minute and 1-hour cache writes, some without the split
by lifetime, two priced models and one without a price, web searches, a sub-agent in a file of its
own, a second session that begins with copied lines of the first (as a fork does), lines that are no
calls, API errors that the client made up, and a torn last line.

    python benchmarks/import/make_claude_log.py --out examples/first-light/sessions
    python benchmarks/import/make_claude_log.py --lines 480000 --sessions 40 --out /tmp/logs
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SONNET = "claude-sonnet-4-5-20250929"
HAIKU = "claude-haiku-4-5-20251001"
UNPRICED = "nimbus-1-preview"
FIRST_DAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
DAYS = 5
WORKDAY_SECONDS = 8 * 3600
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FILLER = "the harbour master counts every crate twice and writes the tally into the ledger, " * 40


@dataclass
class Writer:
    """One file: the lines of a session or of a sub-agent."""

    chance: random.Random
    session: str
    agent: str | None = None
    text_chars: int = 120
    lines: list[str] = field(default_factory=list)
    parent: str | None = None
    first: bool = False  # the first session has what the others need not have

    def line(self, kind: str, at: datetime, **rest: Any) -> None:
        uuid = self.uuid()
        entry: dict[str, Any] = {"parentUuid": self.parent, "isSidechain": self.agent is not None}
        if self.agent:
            entry["agentId"] = self.agent
        entry |= {
            "userType": "external",
            "cwd": "/home/dev/harbour",
            "sessionId": self.session,
            "version": "2.1.37",
            "gitBranch": "main",
            "type": kind,
            **rest,
            "uuid": uuid,
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        self.parent = uuid
        self.lines.append(json.dumps(entry, separators=(",", ":")))

    def other(self, **entry: Any) -> None:
        self.lines.append(json.dumps(entry, separators=(",", ":")))

    def uuid(self) -> str:
        digits = f"{self.chance.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def token(self, prefix: str, length: int) -> str:
        return prefix + "".join(self.chance.choices(_BASE58, k=length))

    def text(self) -> str:
        start = self.chance.randrange(80)
        return _FILLER[start : start + self.chance.randint(8, 2 * self.text_chars)]


def user(writer: Writer, at: datetime) -> None:
    writer.line("user", at, message={"role": "user", "content": writer.text()})


def message(writer: Writer, number: int, at: datetime) -> None:
    """Write one message of the model as 1 to 3 snapshots, its counts growing."""
    chance = writer.chance
    counts = usage(writer, number)
    final = 10 * chance.randint(30, 420)
    snapshots = 1 + number % 3
    head = {
        "model": model(writer, number),
        "id": writer.token("msg_01", 22),
        "type": "message",
        "role": "assistant",
    }
    request = writer.token("req_011", 21)
    for snapshot in range(1, snapshots + 1):
        last = snapshot == snapshots
        block = {"type": "text", "text": writer.text()}
        output = final if last else snapshot
        writer.line(
            "assistant",
            at + timedelta(milliseconds=700 * snapshot),
            message=head
            | {
                "content": [block],
                "stop_reason": "end_turn" if last else None,
                "stop_sequence": None,
                "usage": counts | {"output_tokens": output, "service_tier": "standard"},
            },
            requestId=request,
        )


def model(writer: Writer, number: int) -> str:
    if writer.agent or number % 5 == 4:
        return HAIKU
    return UNPRICED if number % 50 == 7 and writer.first else SONNET


def usage(writer: Writer, number: int) -> dict[str, Any]:
    """Return the counts of a message but for its output; no token is in two of them."""
    chance = writer.chance
    write = 100 * chance.randint(20, 160)
    counts: dict[str, Any] = {
        "input_tokens": chance.randint(3, 40),
        "cache_creation_input_tokens": write,
        "cache_read_input_tokens": 1000 * chance.randint(15, 140) if number else 0,
    }
    if number % 6 != 5:  # older versions of the client write no split by lifetime
        one_hour = write if number % 4 == 0 else 0
        counts["cache_creation"] = {
            "ephemeral_5m_input_tokens": write - one_hour,
            "ephemeral_1h_input_tokens": one_hour,
        }
    if number % 50 == 3 and writer.first:
        counts["server_tool_use"] = {"web_search_requests": 2, "web_fetch_requests": 0}
    return counts


def api_error(writer: Writer, at: datetime) -> None:
    none = {"input_tokens": 0, "output_tokens": 0}
    words = [{"type": "text", "text": "API Error: 529 Overloaded"}]
    said = {"model": "<synthetic>", "id": writer.uuid(), "role": "assistant", "content": words}
    writer.line("assistant", at, message=said | {"usage": none}, isApiErrorMessage=True)


def session(writer: Writer, lines: int, days: list[int]) -> None:
    """Fill a file up to so many lines, the turns spread evenly over the days."""
    writer.other(type="summary", summary="Tally of the harbour", leafUuid=writer.uuid())
    turns = max(1, (lines - 2) // 3)
    number = 0
    while len(writer.lines) < lines:
        part = min(number / turns, 0.999) * len(days)
        day, rest = days[int(part)], part - int(part)
        at = FIRST_DAY + timedelta(days=day, seconds=int(rest * WORKDAY_SECONDS))
        user(writer, at)
        message(writer, number, at + timedelta(seconds=2))
        if number % 40 == 9:
            api_error(writer, at + timedelta(seconds=8))
        if number % 7 == 6:
            writer.other(type="file-history-snapshot", messageId=writer.uuid(), snapshot={})
        number += 1


def logs(lines: int, sessions: int, seed: int, text_chars: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the path and the lines of each file."""
    chance = random.Random(seed)
    each = max(6, 2 * lines // (2 * sessions + 1))  # the sub-agent gets half as many
    before: list[str] = []
    for index in range(sessions):
        writer = Writer(chance, f"{index:08x}-5e55-4a0e-8a11-{chance.getrandbits(48):012x}")
        writer.text_chars, writer.first = text_chars, index == 0
        span = [day for day in range(DAYS) if day * sessions // DAYS == index] or [index % DAYS]
        session(writer, each, span)
        copied = forked(before, writer.session) if index == 1 else []
        yield f"{writer.session}.jsonl", copied + writer.lines
        before = writer.lines
        if index == 0:
            agent = Writer(chance, writer.session, agent="a3f8a9c", text_chars=text_chars)
            session(agent, max(6, each // 2), span[:1])
            yield f"{writer.session}/subagents/agent-{agent.agent}.jsonl", agent.lines[1:]


def forked(lines: list[str], name: str) -> list[str]:
    """Return the last turns of a session as a fork of it copies them: under its own session id."""
    entries = [json.loads(line) for line in lines[-6:]]
    return [
        json.dumps(entry | {"sessionId": name}, separators=(",", ":"))
        for entry in entries
        if "sessionId" in entry
    ]


def write(out: Path, *, lines: int, sessions: int, seed: int, text_chars: int) -> int:
    """Write all files, the last one with a torn last line; return how many lines."""
    files = list(logs(lines, sessions, seed, text_chars))
    for name, content in files:
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{line}\n" for line in content)
        if name == files[-1][0]:
            # The client was stopped while it wrote the last snapshot of a message.
            text = text[: text.rindex('"cache_read_input_tokens"')]
        path.write_text(text, encoding="utf-8")
    return sum(len(content) for _, content in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--lines", type=int, default=75, help="about how many lines in all")
    parser.add_argument("--sessions", type=int, default=2, help="files besides the sub-agent's")
    parser.add_argument("--seed", type=int, default=20261116)
    parser.add_argument("--text", type=int, default=60, help="mean characters of a text")
    wanted = parser.parse_args()
    count = write(
        wanted.out,
        lines=wanted.lines,
        sessions=wanted.sessions,
        seed=wanted.seed,
        text_chars=wanted.text,
    )
    print(f"{count} lines in {wanted.out}")


if __name__ == "__main__":
    main()
