from __future__ import annotations

import json

import pytest

from corvus.base.links import rule_page
from corvus.cli.explain import main
from corvus.config.check.codes import CODES

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_explained_with_both_examples_and_the_remedy(
    code: str, capsys: Capture
) -> None:
    """DIA-4."""
    info = CODES[code]
    assert main([code]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{code} ({info.severity}): {info.title}\n")
    for words in ("Reported ", "Not reported for:", "How to mend it:"):
        assert words in printed
    flat = " ".join(printed.split())
    for text in (info.explanation, info.mend):
        assert " ".join(text.split()) in flat
    assert printed.endswith(f"\nThe same on the web: {rule_page(code)}\n")


def test_without_a_code_all_are_listed_errors_first(capsys: Capture) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(CODES)
    severities = [line.split()[1] for line in lines]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


def test_an_unknown_code_is_a_usage_error_with_a_suggestion(capsys: Capture) -> None:
    assert main(["unkown-key"]) == 2
    assert "did you mean 'unknown-key'?" in capsys.readouterr().err
    assert main(["zzz"]) == 2
    assert "`corvus explain` lists them" in capsys.readouterr().err


def test_list_prints_what_no_argument_prints(capsys: Capture) -> None:
    main([])
    listed = capsys.readouterr().out
    assert main(["--list"]) == 0
    assert capsys.readouterr().out == listed


def test_list_and_a_code_exclude_each_other(capsys: Capture) -> None:
    assert main(["--list", "unknown-key"]) == 2
    assert "'--list' takes no CODE" in capsys.readouterr().err


@pytest.mark.parametrize("code", sorted(CODES))
def test_json_holds_the_whole_entry(code: str, capsys: Capture) -> None:
    info = CODES[code]
    assert main([code, "--format", "json"]) == 0
    entry = json.loads(capsys.readouterr().out)
    names = ("code", "severity", "title", "explanation", "bad", "bad_is_text", "good", "mend")
    assert entry == {name: getattr(info, name) for name in names} | {"url": rule_page(code)}


def test_json_lists_every_code_in_the_order_of_the_text(capsys: Capture) -> None:
    main([])
    codes = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert main(["--list", "--format", "json"]) == 0
    assert [entry["code"] for entry in json.loads(capsys.readouterr().out)] == codes


@pytest.mark.parametrize("code", sorted(CODES))
def test_an_explanation_shows_no_character_that_cannot_be_seen(code: str, capsys: Capture) -> None:
    main([code])
    printed = capsys.readouterr().out
    assert all(char.isprintable() for char in printed.replace("\n", ""))


def test_an_unknown_code_is_shown_without_its_escapes(capsys: Capture) -> None:
    assert main(["\x1b[31m"]) == 2
    assert "no code '\\x1b[31m';" in capsys.readouterr().err
