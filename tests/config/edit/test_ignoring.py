"""Comments that ignore are put where they work, and nowhere else."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from corvus.config.check.check import CheckedFile, Options, check_text
from corvus.config.edit import ignoring
from corvus.config.edit.ignoring import add_ignore, add_ignores, is_ignorable
from corvus.diagnostics.reasons import PLACEHOLDER

REASON = "paged by hand"
GOLDEN = sorted((Path(__file__).parents[2] / "golden").rglob("*.toml"))


def added(text: str) -> tuple[str, int]:
    result = add_ignores(text.encode(), "corvus.toml", Options(), REASON)
    return result.after.decode(), result.added


def codes(text: str) -> list[str]:
    return [one.code for one in check_text(text.encode(), "corvus.toml").diagnostics]


def note(*names: str, what: str = "ignore") -> str:
    return f"# corvus: {what}[{', '.join(names)}] {REASON}"


THRESHOLD = note("extreme-threshold")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[cost]\nwarn_at_percent = 100\n", f"[cost]\nwarn_at_percent = 100  {THRESHOLD}\n"),
        ("[cost]\nwarn_at_percent = 100", f"[cost]\nwarn_at_percent = 100  {THRESHOLD}"),
        (
            "[cost]\r\nwarn_at_percent = 100\r\nenabled = true\r\n",
            f"[cost]\r\nwarn_at_percent = 100  {THRESHOLD}\r\nenabled = true\r\n",
        ),
        (
            "[cost]\nwarn_at_percent = 100 # as ops wants\n",
            f"[cost]\nwarn_at_percent = 100 # as ops wants  {THRESHOLD}\n",
        ),
        (
            "[cost]\nwarn_at_percent = 100 # corvus: ignore[limit-never-binds] no\n",
            f"[cost]\n{THRESHOLD}\nwarn_at_percent = 100 # corvus: ignore[limit-never-binds] no\n",
        ),
        (
            "cost = { warn_at_percent = 100, zzz = 1 }\n",
            "cost = { warn_at_percent = 100, zzz = 1 }  "
            + note("extreme-threshold", "unknown-key")
            + "\n",
        ),
        (
            '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 5\nthresholds = [\n'
            "  100, # last\n]\n",
            '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 5\nthresholds = [\n'
            f"  100, # last  {THRESHOLD}\n]\n",
        ),
        ('[cost]\nzzz = """\nx"""\n', f'[cost]\n{note("unknown-key")}\nzzz = """\nx"""\n'),
        (
            "# ours\n[cost]\nenabled = true\ndaily_limit_usd = 0\nsession_limit_usd = 0\n"
            "monthly_limit_usd = 0\n",
            None,
        ),
    ],
)
def test_the_comment_is_at_the_right_place(before: str, after: str | None) -> None:
    wanted = codes(before)
    assert wanted
    text, count = added(before)
    assert count >= 1
    if after is not None:
        assert text == after
    assert tomllib.loads(text) == tomllib.loads(before)
    assert set(codes(text)) <= {"ignore-unknown-code", "unused-ignore"}
    assert added(text) == (text, 0)


def test_one_finding_alone_can_be_ignored() -> None:
    raw = b"[cost]\nwarn_at_percent = 100\nzzz = 1\n"
    checked = check_text(raw, "a.toml")
    for finding, line in zip(checked.diagnostics, (2, 3), strict=True):
        changed = add_ignore(raw, checked, finding, Options())
        assert changed is not None
        text = changed.decode().replace(PLACEHOLDER, REASON)
        assert note(finding.code) in text.splitlines()[line - 1]
        assert codes(text) == [one.code for one in checked.diagnostics if one is not finding]


def test_a_comment_has_no_effect_until_its_placeholder_is_replaced() -> None:
    raw = b"[cost]\nwarn_at_percent = 100\n"
    checked = check_text(raw, "a.toml")
    text = add_ignore(raw, checked, checked.diagnostics[0], Options())
    assert text is not None
    assert codes(text.decode()) == ["extreme-threshold", "ignore-without-reason"]


def test_a_byte_order_mark_stays_where_it_is() -> None:
    result = add_ignores(
        b"\xef\xbb\xbf[cost]\nwarn_at_percent = 100\n", "a.toml", Options(), REASON
    )
    assert (
        result.after == b"\xef\xbb\xbf[cost]\nwarn_at_percent = 100  " + THRESHOLD.encode() + b"\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "[cost]\nwarn_at_percent = 900\n",
        "[cost\nwarn_at_percent = 100\n",
        "[cost]\nenabled = false\n",
        "[cost]\nsk-0123456789abcdef0123456789abcdef = 1\n",
        "",
    ],
)
def test_what_no_comment_may_ignore_is_left_alone(text: str) -> None:
    assert added(text) == (text, 0)


def test_bytes_that_are_no_text_are_left_alone() -> None:
    raw = b"[cost]\nwarn_at_percent = 100\nx = '\xff'\n"
    assert add_ignores(raw, "a.toml", Options(), REASON).after == raw


def test_more_findings_than_are_reported_at_once_are_all_ignored() -> None:
    text = "[cost]\n" + "".join(f"zz{number} = 1\n" for number in range(130))
    after, count = added(text)
    assert count == 130
    assert codes(after) == []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_whatever_a_file_holds_it_means_the_same_and_no_finding_comes(path: Path) -> None:
    raw = path.read_bytes()
    result = add_ignores(raw, path.name, Options(), REASON)
    before = check_text(raw, path.name).diagnostics
    after = check_text(result.after, path.name).diagnostics
    assert not Counter(one.code for one in after) - Counter(one.code for one in before)
    assert add_ignores(result.after, path.name, Options(), REASON) == (result.after, 0)
    if result.added:
        assert tomllib.loads(result.after.decode("utf-8-sig")) == tomllib.loads(
            raw.decode("utf-8-sig")
        )
    if not any(one.is_error for one in before):
        assert not any(map(is_ignorable, after))


def test_a_file_that_cannot_be_read_gets_no_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def count(text: bytes, name: str, options: Options) -> CheckedFile:
        looked.append(name)
        return check_text(text, name, options)

    monkeypatch.setattr(ignoring, "check_text", count)
    text = ("[cost]\nx =\n" + "".join(f"k{number} = 1\n" for number in range(60))).encode()
    assert add_ignores(text, "c.toml", Options(), "why") == (text, 0)
    assert len(looked) == 1
