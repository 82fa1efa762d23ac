"""Whatever names, keys and values hold: every output can be read back, and none can do harm."""

from __future__ import annotations

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from corvus.cli.check_outputs import outcome_of
from corvus.config.check.check import Options, check_paths
from corvus.config.check.codes import CODES
from corvus.config.toml.values import as_items, is_table
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats import FORMATS, written
from corvus.diagnostics.model import Diagnostic, Edit, Fix, Label, Position, Span
from corvus.diagnostics.outcome import Input, Outcome
from tests.properties import examples

UNSEEN: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
SCHEMA: Final = json.loads(
    (Path(__file__).parents[1] / "standards/sarif-2.1.0-rtm.5.json").read_text()
)
VALIDATOR: Final[Any] = Draft4Validator(SCHEMA)

anything = st.text(st.characters(exclude_categories=()), max_size=12)
short = st.one_of(
    anything,
    st.sampled_from(["\x7f", "\x9b", "\r\n", "::error::x", "##[group]", "%0A", "]]>", "](", "{0}"]),
)
spans = st.lists(st.integers(0, 90), min_size=2, max_size=2).map(
    lambda pair: Span(*(Position(one, one, one // 9 + 1, one % 9 + 1) for one in sorted(pair)))
)
fixes = st.builds(Fix, short, st.tuples(st.builds(Edit, spans, short)), st.booleans())
diagnostics = st.builds(
    Diagnostic,
    code=st.sampled_from(sorted(CODES)),
    severity=st.sampled_from(Severity),
    message=short,
    file=st.just("a.toml"),
    span=st.none() | spans,
    label=short,
    related=st.tuples(st.builds(Label, spans, short)) | st.just(()),
    help=st.tuples(short) | st.just(()),
    path=st.tuples(short, st.integers(0, 3)) | st.just(()),
    fix=st.none() | fixes,
)

_LOG_ISSUE = "##vso[task.logissue type="


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    name = draw(short)
    found = draw(st.lists(diagnostics, max_size=4))
    renamed = tuple(
        Diagnostic(
            one.code, one.severity, one.message, name, one.span, one.label, one.related,
            one.help, one.path, one.fix,
        )
        for one in found
    )  # fmt: skip
    file = Input(name, draw(st.none() | short), draw(st.none() | st.just("native")), (draw(short),))
    unmatched = tuple(draw(st.lists(diagnostics, max_size=1)))
    return Outcome(
        (file._replace(diagnostics=renamed),), unmatched, summary=("1 file",), codes=CODES
    )


def strings(value: object) -> list[str]:
    """Return every string of a JSON value, keys too."""
    if isinstance(value, str):
        return [value]
    parts: list[object] = as_items(value)
    if is_table(value):
        parts = [*value.keys(), *value.values()]
    return [text for part in parts for text in strings(part)]


def assert_harmless(style: str, output: str) -> None:
    raw = {char for char in output if unicodedata.category(char) in UNSEEN} - {"\n"}
    assert raw == set()
    output.encode()
    if style in {"json", "sarif", "gitlab", "rdjson"}:
        value = json.loads(output)
        assert all(text.encode() is not None for text in strings(value))
        if style == "sarif":
            assert VALIDATOR.is_valid(value)
    elif style in {"jsonl", "rdjsonl"}:
        values = [json.loads(line) for line in output.splitlines()]
        assert all(isinstance(value, dict) for value in values)
    elif style in {"junit", "checkstyle"}:
        ET.fromstring(output)
    elif style == "github":
        commands = [line for line in output.split("\n") if line.startswith("::")]
        assert all(line.startswith(("::error", "::warning", "::notice")) for line in commands)
        assert not any("##[" in line for line in output.split("\n") if line not in commands)
    elif style == "azure":
        others = [line for line in output.split("\n") if not line.startswith(_LOG_ISSUE)]
        assert not any(re.search(r"##\s*(?:vso)?\[", line) for line in others)


@settings(
    max_examples=examples(60, by_day=25),
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
)
@given(outcomes())
def test_every_output_of_made_up_findings_can_be_read_back(outcome: Outcome) -> None:
    for style in FORMATS:
        assert_harmless(style, written(style, outcome))


toml_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
    lambda text: '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'
)
documents = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(st.builds("{} = {}\n".format, toml_text, toml_text | st.just("1")), max_size=4).map(
        lambda lines: "[cost]\n" + "".join(lines)
    ),
    st.builds("[autonomy]\nlevel = {}\n[{}]\n".format, toml_text, toml_text),
)


@settings(
    max_examples=examples(60, by_day=25),
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
)
@given(documents, short)
def test_every_output_of_a_real_check_can_be_read_back(text: str, name: str) -> None:
    checked = check_paths(["-"], Options(stdin=text.encode, stdin_name=name))
    outcome = outcome_of(checked, failing=("error", "warning"), exit_code=1)
    for style in FORMATS:
        assert_harmless(style, written(style, outcome))


CANARY: Final = "hunter2canary8f2c"
LEAKS: Final = {
    "a key that sounds secret": f'api_key = "{CANARY}"\n',
    "a quoted key": f'"api key".token = "{CANARY}"\n',
    "a misspelt key": f'[cost]\napi_tokn = 1\nsecret = "{CANARY}"\n',
    "an inline table": f'cost = {{ password = "{CANARY}", x = 1 }}\n',
    "an array": f'[cost]\ntokens = ["{CANARY}", "b"]\n',
    "several lines": f'[cost]\npassword = """\n{CANARY}\n"""\nenabled = 1\n',
    "a pasted key": f'[governance.upstreams.a]\nbase_url = "x"\napi_key_env = "{CANARY}-x"\n',
    "a password in a URL": f'[governance.ledger]\nurl = "mysql://u:{CANARY}@db/x"\n',
    "no quotes": f"password = {CANARY}\n[cost]\n",
    "no end of the string": f'password = "{CANARY}\n[cost]\nenabled = 1\n',
    "beside a mistake": f'a = {{ token = "{CANARY}", b = , }}\n',
    "twice": f'token = "{CANARY}"\ntoken = "{CANARY}"\n',
    "below a header": f'[secrets]\n[secrets.x]\npassword = "{CANARY}"\npassword = 1\n',
    "a comment that ignores": f"[cost]\na = 1 # corvus: ignore[sk-{CANARY}] ours\n",
    "a key that is one": f"[cost]\nsk-{CANARY} = 1 # corvus: ignore[unknown-key] ours\n",
    "a number that was a string": f'[cost]\nsecret = "{CANARY}"\ndaily_limit_usd = "5"\n',
}


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_a_secret_is_in_no_output(text: str) -> None:
    checked = check_paths(["-"], Options(dialect="native", stdin=text.encode))
    assert checked.diagnostics
    outcome = outcome_of(checked, failing=("error", "warning", "note"), exit_code=1)
    assert [style for style in FORMATS if CANARY in written(style, outcome)] == []
