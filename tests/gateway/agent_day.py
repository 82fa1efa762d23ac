"""Real agents at work until their budget is used up, before a provider that bills truly.

A run ends when the agent has done its turns, or was refused; then the next one begins, as a
developer would go on. The day is over with the first run in which nothing but refusals came.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field

from corvus.cli.exits import Exit
from tests.gateway import wiretap
from tests.gateway.provider import Call
from tests.gateway.real_agents import Place
from tests.gateway.truthful import MAXIMA, Truthful
from tests.gateway.wiretap import Half

PATHS = ("/v1/messages", "/v1/responses")
RUNS_MAX = 60
TURNS = 24
"""Commands in a run: the conversation grows by some thousand bytes with each."""
CLAUDE = ("claude", "-p", "Read on", "--output-format", "json", "--allowedTools", "Bash(seq:*)")
CODEX = ("codex", "exec", "--skip-git-repo-check", "-m", "gpt-5.1-codex", "Read on")
_MAXIMUM = re.compile(rb'("(?:%s)"\s*:\s*)(\d+)' % b"|".join(name.encode() for name in MAXIMA))


@dataclass
class Day:
    """What came of a day.

    Attributes:
        codes: Exit codes of ``corvus code``, in order.
        same: Requests that reached the provider byte for byte as the agent had sent them.
        capped: Requests that differ in the number of their maximum alone.
        bounded: Requests that stated no maximum and were given one, and differ in nothing else.
        changed: Requests that differ otherwise; there must be none.
        headers: Answers that name a cap, a wait or another model, by header.
        refused: Answers with 402.
        last: Of the last run, as it was.
    """

    nano_usd: int = 0
    calls: int = 0
    cut: int = 0
    codes: list[int] = field(default_factory=list[int])
    same: int = 0
    capped: int = 0
    bounded: int = 0
    changed: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    headers: Counter[str] = field(default_factory=Counter[str])
    refused: int = 0
    last: subprocess.CompletedProcess[str] | None = None


def work_through(
    place: Place, script: Truthful, command: list[str], *, options: tuple[str, ...], cost: str
) -> Day:
    """Run an agent again and again until it gets nothing but refusals.

    Args:
        place: Where it works.
        script: What its provider does.
        command: The agent with its words.
        options: Of ``corvus code``.
        cost: The text of the config, but for its upstreams.
    """
    day = Day()
    for _ in range(RUNS_MAX):
        before = len(script.bill)
        script.asked, script.turns = 0, TURNS
        day.last = place.run(command, options=options, cost=cost)
        day.codes.append(day.last.returncode)
        if len(script.bill) == before:
            assert day.last.returncode == Exit.DENIED_SPEND, day.last.stderr
            break
    day.nano_usd, day.calls, day.cut = script.nano_usd, len(script.bill), script.cut
    _compare(day, wiretap.requests(place.tapped), script.received)
    for one in wiretap.answers(place.tapped):
        day.refused += one.first.split()[1] == "402"
        ours = ("x-corvus-output-cap", "x-corvus-waited", "x-corvus-downgraded")
        day.headers.update(name for name in ours if name in one.headers)
    return day


def _compare(day: Day, sent: list[Half], received: list[Call]) -> None:
    """Find for each request that the provider got the one that the agent sent."""
    unmatched = Counter(one.body for one in sent if one.first.split()[1].partition("?")[0] in PATHS)
    others: list[bytes] = []
    for call in received:
        if unmatched[call.body]:
            unmatched[call.body] -= 1
            day.same += 1
        else:
            others.append(call.body)
    by_rest: dict[bytes, list[bytes]] = {}
    for body in unmatched.elements():
        by_rest.setdefault(_without_maximum(body), []).append(body)
    for body in others:
        if by_rest.get(_without_maximum(body)):
            by_rest[_without_maximum(body)].pop()
            day.capped += 1
        elif (origin := _origin_of_bounded(body, unmatched)) is not None:
            unmatched[origin] -= 1
            day.bounded += 1
        else:
            day.changed.append((body, b""))


def _without_maximum(body: bytes) -> bytes:
    """Return a request without the number that is its maximum."""
    return _MAXIMUM.sub(rb"\1", body)


def _origin_of_bounded(body: bytes, unmatched: Counter[bytes]) -> bytes | None:
    """Return the request to which one member was added, in front of the others or behind them."""
    document = json.loads(body)
    added = next((name for name in MAXIMA if name in document), None)
    if added is None:
        return None
    member = rb'"%s":\s*\d+' % added.encode()
    for pattern in (rb"(?<=\{)%s,\s*" % member, rb",\s*%s(?=\s*\}$)" % member):
        rest = re.sub(pattern, b"", body, count=1)
        if rest != body and unmatched[rest]:
            return rest
    return None
