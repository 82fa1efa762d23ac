"""Whatever mistakes a file has, a published fix mends, and a safe one changes no policy (DIA-1).

The corpus is made here: valid files, each with a few mistakes that people make. A sample of it runs
with every change, the whole by night.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corvus.compile import compile_policy
from corvus.config.check.check import CheckedFile, Options, check_text
from corvus.config.check.documents import load_documents
from corvus.config.edit.fixing import fix_text, prove
from corvus.config.toml.document import BOM, read_document
from corvus.diagnostics.formats.json import as_json

ROOT = Path(__file__).parents[3]
SOURCES = [path.read_bytes() for path in sorted((ROOT / "tests/golden/valid").glob("*.toml"))]
SOURCES.append(
    b"""\
# corvus: ignore-file[extreme-threshold] we look at every call
[cost]
enabled = true
daily_limit_usd = 5.5
on_exceeded = ["cap", "wait"] # in this order
unpriced_models = "warn"

[cost.prices."gpt-4.1"]
input = 2
output = 8

[[cost.budgets]]
name = "team"
period = "week"
limit_usd = 20
match = { user = ["ana", "bo"] }

[autonomy]
level = "supervised"
max_actions_per_hour = 20
allowed_commands = ["git"]
"""
)
OPTIONS = Options()
Mutation = Callable[[list[str], random.Random], None]


def some_line(lines: list[str], chance: random.Random, part: str) -> int | None:
    found = [place for place, line in enumerate(lines) if part in line and line[0] not in "#["]
    return chance.choice(found) if found else None


def misspell(lines: list[str], chance: random.Random) -> None:
    place = some_line(lines, chance, "=")
    if place is not None and len(lines[place]) > 3:
        key, sign, value = lines[place].partition("=")
        at = chance.randrange(max(1, len(key.strip()) - 1))
        key = chance.choice((key[:at] + key[at + 1 :], key[:at] + key[at] + key[at:], key.upper()))
        lines[place] = key + sign + value


def quote(lines: list[str], chance: random.Random) -> None:
    place = some_line(lines, chance, "= ")
    if place is not None:
        key, _, value = lines[place].partition("= ")
        lines[place] = f'{key}= "{value}"' if '"' not in value else f"{key}= {value[1:-1]}"


def change_case(lines: list[str], chance: random.Random) -> None:
    place = some_line(lines, chance, '= "')
    if place is not None:
        key, _, value = lines[place].partition("= ")
        lines[place] = f"{key}= {value.title()}"


def add(text: str) -> Mutation:
    def mutation(lines: list[str], chance: random.Random) -> None:
        lines.insert(chance.randrange(len(lines) + 1), text)

    return mutation


def double(lines: list[str], chance: random.Random) -> None:
    place = chance.randrange(len(lines))
    lines.insert(place, lines[place])


def drop(lines: list[str], chance: random.Random) -> None:
    place = chance.randrange(len(lines))
    if lines[place]:
        at = chance.randrange(len(lines[place]))
        lines[place] = lines[place][:at] + lines[place][at + 1 :]


MUTATIONS: list[Mutation] = [
    misspell,
    misspell,
    quote,
    change_case,
    double,
    drop,
    add("max_cost_per_day_cents = 20"),
    add("[autonomy]"),
    add("daily_limit_eur = 3"),
    add("daily_limit_cents = 300"),
    add("workspace_only = true"),
    add("[cost.prices.claude-3.5.sonnet]"),
    add("# corvus: ignore[extreme-threshold, unknwon-key] for a reason"),
    add("limit_calls = 5 # corvus: ignore[unused-ladder] no more"),
    add('on_exceeded = ["cap", "cap", "refuse", "wait"]'),
    add('workspace_dir = "/srv"'),
    add('[[budgets]]\nname = "x"\nperiod = "day"\nlimit_usd = 1'),
]


def mutant(seed: int) -> bytes:
    chance = random.Random(seed)
    lines = chance.choice(SOURCES).decode().splitlines() or [""]
    for mutation in chance.sample(MUTATIONS, chance.randint(1, 3)):
        mutation(lines, chance)
    end = chance.choice(("\n", "\n", "\r\n"))
    text = end.join(lines) + chance.choice((end, ""))
    return chance.choice((b"", b"", BOM)) + text.encode()


def by_its_offsets(text: str, fix: Any) -> str:
    """Apply edits as a program does that knows nothing but the report."""
    for edit in reversed(fix["edits"]):
        start, end = edit["start"]["offset"], edit["end"]["offset"]
        text = text[:start] + edit["replacement"] + text[end:]
    return text


def errors(checked: CheckedFile) -> Counter[str]:
    return Counter(found.code for found in checked.diagnostics if found.is_error)


def policy_hash(raw: bytes) -> str | None:
    document, _ = read_document(raw, "corvus.toml")
    settings = load_documents((document,)).settings if document else None
    return compile_policy(settings).content_hash if settings else None


def judge(seed: int) -> int:
    """Return how many fixes a mutant has, each of which mends."""
    raw = mutant(seed)
    has_bom, text = raw.startswith(BOM), raw.removeprefix(BOM).decode()
    before = prove(check_text(raw, "corvus.toml", OPTIONS), OPTIONS)
    reported = as_json(before.diagnostics)
    published = [one for one in reported if one["fix"] and one["code"] != "byte-order-mark"]
    for one in published:
        fix: Any = one["fix"]
        written = (BOM if has_bom else b"") + by_its_offsets(text, fix).encode()
        after = check_text(written, "corvus.toml", OPTIONS)
        assert errors(after) <= errors(before), (seed, one)
        assert len(after.diagnostics) < len(before.diagnostics) or errors(after) < errors(before)
        if fix["is_safe"]:
            assert policy_hash(raw) == policy_hash(written), (seed, one)
    for unsafe in (False, True):
        once = fix_text(raw, "corvus.toml", OPTIONS, unsafe=unsafe)
        assert errors(once.remaining) <= errors(before), seed
        assert fix_text(once.after, "corvus.toml", OPTIONS, unsafe=unsafe).after == once.after
        if not unsafe:
            assert policy_hash(raw) == policy_hash(once.after), seed
    return len(published)


def test_fixes_of_a_sample_of_mutants_mend() -> None:
    assert sum(map(judge, range(30))) > 10


@pytest.mark.nightly
@pytest.mark.parametrize("hundred", range(20))
def test_fixes_of_many_mutants_mend(hundred: int) -> None:
    assert sum(map(judge, range(hundred * 100, hundred * 100 + 100))) > 20
