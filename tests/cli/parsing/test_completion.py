"""The shell completes what the program knows: options, codes, keys, reports, schemas."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.cli.main import main
from corvus.config.check.codes import CODES
from corvus.diagnostics.formats import FORMATS


def completed(line: str, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> set[str]:
    """Return what bash offers at the end of a line."""
    patch.setenv("_CORVUS_COMPLETE", "complete_bash")
    patch.setenv("COMP_WORDS", line)
    patch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    main([])
    return set(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("corvus check --form", {"--format"}),
        ("corvus check --fail-on n", {"note", "never"}),
        ("corvus check --severity limit-never", {"limit-never-binds="}),
        ("corvus migrate --leg", {"--legacy-cap"}),
        ("corvus migrate --legacy-cap k", {"keep-canonical"}),
        ("corvus explain unknown-v", {"unknown-variable"}),
        ("corvus report by-mod", {"by-model"}),
        ("corvus report li", {"list"}),
        ("corvus report show by-mod", {"by-model"}),
        ("corvus report by-model -p sess", {"session="}),
        ("corvus report no-such -p ", set[str]()),
        ("corvus cost summary --set cost.dai", {"cost.daily_limit_usd="}),
        ("corvus config get cost.daily", {"cost.daily_limit_usd"}),
        ("corvus config set cost.warn", {"cost.warn_at_percent"}),
        ("corvus config unset autonomy.lev", {"autonomy.level"}),
        ("corvus schema show us", {"usage-record"}),
        ("corvus sch", {"schema"}),
        ("corvus check teams/a", set[str]()),
        ("corvus lsp --x", set[str]()),
    ],
)
def test_a_beginning_is_completed(
    line: str,
    offered: set[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert completed(line, capsys, monkeypatch) == offered
    assert not [*tmp_path.iterdir()]


def test_every_word_of_a_closed_set_is_offered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed("corvus check --format ", capsys, monkeypatch) == set(FORMATS)
    assert completed("corvus explain ", capsys, monkeypatch) == set(CODES)
    assert completed("corvus check --severity unknown-key=", capsys, monkeypatch) == {
        f"unknown-key={level}" for level in ("error", "warning", "note", "off")
    }
