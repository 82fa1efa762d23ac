"""Golden diagnostics: a file and the exact text that ``corvus check`` prints for it.

``<code>--<slug>.toml`` may name a dialect before its ending: ``<code>--<slug>.corvus.toml``.
What no file of text can show is set up by ``SITUATIONS``; its text is ``situations/<code>.txt``.
``pytest --update-golden`` writes the expected texts again; the diff is what gets reviewed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from corvus.cli.check import main, price_clashes
from corvus.cli.exits import Exit
from corvus.config.check.check import Options, check_paths
from corvus.config.check.codes import ABOVE_FILES, CODES
from corvus.config.check.codes_elsewhere import OF_DOCUMENTS, OF_TESTS
from corvus.config.check.subject import PriceFacts
from corvus.config.toml.bounds import MAX_BYTES
from corvus.diagnostics.codes import CodeInfo

GOLDEN = Path(__file__).parent
INVALID = sorted((GOLDEN / "invalid").glob("*.toml"))
VALID = sorted((GOLDEN / "valid").glob("*.toml"))


def _unreadable(folder: Path) -> str:
    """Link a file to itself: unlike permissions, that stops root, too."""
    (folder / "mine.toml").symlink_to("mine.toml")
    return "mine.toml"


def _written(name: str, raw: bytes) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / name).write_bytes(raw)
        return name

    return write


def _unusable_settings(folder: Path) -> str:
    (folder / "corvus.toml").write_text("[governance.check]\nexclude = [\n")
    (folder / "agents").mkdir()
    (folder / "agents/a.toml").write_text("[cost]\n")
    return "agents/a.toml"


def _readable_password(folder: Path) -> str:
    path = folder / "corvus.toml"
    path.write_text(
        '[governance.ledger]\nurl = "postgresql://corvus:hunter2hunter2@db.example.com/corvus"\n'
    )
    path.chmod(0o644)
    return path.name


SITUATIONS: dict[str, Callable[[Path], str]] = {
    "file-missing": lambda _folder: "corvsu.toml",
    "file-too-large": _written("log.toml", b"#" * (MAX_BYTES + 1)),
    "file-unreadable": _unreadable,
    "invalid-utf8": _written("latin-1.toml", "[cost]\nowner = 'José' # team\n".encode("latin-1")),
    "no-file-matched": lambda _folder: "config/*.tmol",
    "readable-password": _readable_password,
    "unusable-settings": _unusable_settings,
}
"""What each code needs: sets it up in an empty folder and returns the argument of the check."""
_ELSEWHERE = (*ABOVE_FILES, *OF_DOCUMENTS, *OF_TESTS)
"""Variables and options, JSON, and what a run of policy tests finds: no check looks at these."""
REPORTED = [info for info in CODES.values() if info not in _ELSEWHERE]
SHOWN_IN_A_FILE = [info for info in CODES.values() if info.bad_is_text]


def dialect_of(path: Path) -> str:
    middle = path.name.split(".")[1]
    return middle if middle in {"native", "corvus", "zeroclaw"} else "auto"


def name_of(path: Path) -> str:
    return path.stem


def code_of(info: CodeInfo) -> str:
    return info.code


def unpriced(_model: str) -> bool:
    return False


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_the_text_is_exactly_the_expected_one(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    update_golden: bool,
) -> None:
    monkeypatch.chdir(path.parent)
    main(["--color", "never", "--dialect", dialect_of(path), path.name])
    printed = capsys.readouterr().out
    expected = path.with_suffix(".txt")
    if update_golden:
        expected.write_text(printed, encoding="utf-8")
    assert printed == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_a_case_shows_its_own_code_first(path: Path) -> None:
    checked = check_paths(
        [str(path)], Options(dialect=dialect_of(path), facts=PriceFacts(unpriced, price_clashes))
    )
    assert path.name.split("--")[0] in {diagnostic.code for diagnostic in checked.diagnostics}


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_a_valid_file_is_clean(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--strict", str(path)]) == 0
    assert re.match(r"ok: no problems in 1 file[;\n] ?checked as ", capsys.readouterr().out)


@pytest.mark.parametrize("code", SITUATIONS)
def test_the_text_of_a_situation_is_exactly_the_expected_one(
    code: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    update_golden: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    exit_code = main(["--color", "never", SITUATIONS[code](tmp_path)])
    printed = capsys.readouterr().out
    expected = GOLDEN / "situations" / f"{code}.txt"
    if update_golden:
        expected.write_text(printed, encoding="utf-8")
    assert printed == expected.read_text(encoding="utf-8")
    assert printed.startswith(f"{CODES[code].severity.value}[{code}]: ")
    is_read = {"invalid-utf8": Exit.FINDINGS, "file-too-large": Exit.FINDINGS}
    assert exit_code == (is_read | {"readable-password": Exit.CLEAN}).get(code, Exit.USAGE)


@pytest.mark.parametrize("info", REPORTED, ids=code_of)
def test_every_code_that_a_check_reports_has_a_case(info: CodeInfo) -> None:
    shown = any(path.name.startswith(f"{info.code}--") for path in INVALID)
    assert shown or (info.code in SITUATIONS and not info.bad_is_text)


@pytest.mark.parametrize("info", SHOWN_IN_A_FILE, ids=code_of)
def test_the_examples_of_explain_are_true(info: CodeInfo, tmp_path: Path) -> None:
    """DIA-4: the failing example yields exactly its code, the passing one does not."""
    for text, is_bad in ((info.bad, True), (info.good, False)):
        path = tmp_path / "corvus.toml"
        path.write_bytes(text.encode())
        found = check_paths(
            [str(path)], Options(facts=PriceFacts(unpriced, price_clashes))
        ).diagnostics
        codes = [diagnostic.code for diagnostic in found]
        assert (codes == [info.code]) if is_bad else info.code not in codes


def test_no_expected_text_is_left_over() -> None:
    texts = {path.stem for path in (GOLDEN / "invalid").glob("*.txt")}
    assert texts == {path.stem for path in INVALID}
    assert {path.stem for path in (GOLDEN / "situations").iterdir()} == set(SITUATIONS)
