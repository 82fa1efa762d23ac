"""A secret in any place of a document, whole or broken, shows in no format; our words show in all.

The seeds have each code at least once, so that every rule must quote what a secret may stand in.
"""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.cli.check import PRICE_FACTS
from corvus.cli.check_outputs import outcome_of
from corvus.config.check.check import Options, check_paths
from corvus.diagnostics.formats import FORMATS, written
from corvus.diagnostics.secrets import MASK, looks_secret, secret_ranges
from tests.properties import examples

GOLDEN = Path(__file__).parents[1] / "golden"
SEEDS = [
    path.read_text(encoding="utf-8")
    for folder in ("invalid", "valid")
    for path in sorted((GOLDEN / folder).glob("*.toml"))
    if path.read_bytes().isascii()
]
PLAIN_SEEDS = [seed for seed in SEEDS if not secret_ranges(seed)]
TOKENS = re.compile(r"\"[^\"\n]*\"|[\w.$-]+")
SECRETS = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGH23456789", min_size=20, max_size=40)
DIALECTS = st.sampled_from(["auto", "native", "corvus", "zeroclaw"])
JUNK = st.sampled_from(
    ["", "", '"', "'", "=", "[", "]", "{", "}", ",", "\n", " ", ":", "$", "#", "enabled"]
)


def outputs(text: str, dialect: str) -> list[str]:
    options = Options(dialect, text.encode, stdin_name="corvus.toml", facts=PRICE_FACTS)
    run = check_paths(["-"], options)
    outcome = outcome_of(run, failing=("error",), exit_code=1)
    return [written(style, outcome) for style in FORMATS]


@settings(max_examples=examples(2000, by_day=250), deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 10_000), SECRETS, st.booleans(), DIALECTS)
def test_a_planted_secret_shows_in_no_format(
    seed: str, place: int, canary: str, quoted: bool, dialect: str
) -> None:
    tokens = [*TOKENS.finditer(seed)] or [*re.finditer(r"\Z", seed)]
    token = tokens[place % len(tokens)]
    secret = f'"sk-{canary}"' if quoted else f"sk-{canary}"
    text = seed[: token.start()] + secret + seed[token.end() :]
    for shown in outputs(text, dialect):
        assert canary not in shown, text


@settings(max_examples=examples(2000, by_day=250), deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 10_000), SECRETS, JUNK, st.integers(0, 3), DIALECTS)
def test_a_planted_secret_shows_in_no_format_of_a_broken_document(
    seed: str, place: int, canary: str, junk: str, length: int, dialect: str
) -> None:
    place %= len(seed) + 1
    lines = [f'api_key = "{canary}"', f"api_key = {canary}", f'password = ["{canary}", 1']
    line = lines[len(canary) % 3]
    start = seed.find("\n", place) + 1
    text = seed[:start] + line + "\n" + seed[start:]
    text = text[:place] + junk + text[min(place + length, start) if place < start else place :]
    for shown in outputs(text, dialect):
        assert canary not in shown, text


@settings(max_examples=examples(2000, by_day=250), deadline=None)
@given(st.sampled_from(PLAIN_SEEDS), st.integers(0, 10_000), JUNK, st.integers(0, 3), DIALECTS)
def test_nothing_is_hidden_where_there_is_no_secret(
    seed: str, place: int, junk: str, length: int, dialect: str
) -> None:
    place %= len(seed) + 1
    text = seed[:place] + junk + seed[place + length :]
    if secret_ranges(text) or MASK in text or any(map(looks_secret, re.findall(r"[\w-]+", text))):
        return  # what follows a name such as `unknown-key` in a broken line may be hidden
    for shown in outputs(text, dialect):
        assert MASK not in shown, text
