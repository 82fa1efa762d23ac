from __future__ import annotations

import pytest

from policy.cli.explain import main
from policy.diagnostics.codes import CODES

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


def test_without_a_code_all_are_listed_errors_first(capsys: Capture) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(CODES)
    severities = [line.split()[1] for line in lines]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


def test_an_unknown_code_is_a_usage_error_with_a_suggestion(capsys: Capture) -> None:
    assert main(["unkown-key"]) == 2
    assert "did you mean unknown-key?" in capsys.readouterr().err
    assert main(["zzz"]) == 2
    assert "run `corvus explain`" in capsys.readouterr().err
