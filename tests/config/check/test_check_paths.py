from __future__ import annotations

from pathlib import Path

import pytest

from corvus.config.check.check import CheckRun, Options, check_paths, check_text


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(name: str, text: str = "") -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def names(checked: CheckRun) -> list[str]:
    return [file.shown for file in checked.files]


def codes(checked: CheckRun) -> list[str]:
    return [diagnostic.code for diagnostic in checked.diagnostics]


def test_a_directory_is_walked_and_sorted() -> None:
    for name in ("b.toml", "a/z.toml", "a/.hidden/c.toml", "readme.md"):
        put(name, "[cost]\n")
    assert names(check_paths(["."])) == ["a/.hidden/c.toml", "a/z.toml", "b.toml"]


def test_files_of_other_tools_are_left_out_of_a_directory_but_not_when_named() -> None:
    for name in ("pyproject.toml", "Cargo.toml", ".venv/lib/x.toml", "corvus.toml"):
        put(name)
    assert names(check_paths(["."])) == ["corvus.toml"]
    assert names(check_paths(["pyproject.toml"])) == ["pyproject.toml"]


def test_below_a_directory_what_is_clearly_of_another_tool_is_passed_over_and_named() -> None:
    put("deny.toml", "[advisories]\nignore = []\n")
    put("book.toml", "[book]\ntitle = 'x'\n")
    put("broken.toml", "[package\n")
    put("agent.toml", "[gateway]\nport = 1\n")
    put("typo.toml", "[costs]\nenabled = true\n")
    put("torn.toml", "[cost]\nenabled =\n")
    put("corvus.toml", "[advisories]\n")
    checked = check_paths(["."])
    assert names(checked) == ["agent.toml", "corvus.toml", "torn.toml", "typo.toml"]
    assert [Path(name).name for name in checked.passed_over] == [
        "book.toml",
        "broken.toml",
        "deny.toml",
    ]
    assert codes(checked) == ["unknown-key", "syntax-error", "unknown-key"]
    assert codes(check_paths(["deny.toml"])) == ["unknown-key"]  # named, so meant


@pytest.mark.parametrize("count", [1, 3])
def test_a_directory_with_files_of_other_tools_only_is_no_pass(count: int) -> None:
    """DIA-5: with the config gone or misnamed, a CI job that checks a folder must fail."""
    for index in range(count):
        put(f"teams/book{index}.toml", "[book]\ntitle = 'x'\n")
    checked = check_paths(["teams"])
    assert codes(checked) == ["no-file-matched"]
    assert checked.unreadable
    assert len(checked.passed_over) == count
    (diagnostic,) = checked.diagnostics
    assert "below the directory `teams` is" in diagnostic.message


def test_an_empty_argument_is_not_the_whole_directory() -> None:
    put("corvus.toml")
    checked = check_paths([""])
    assert (checked.files, codes(checked), checked.unreadable) == ((), ["no-file-matched"], True)


@pytest.mark.usefixtures("unprivileged")
def test_a_directory_that_may_not_be_searched_is_no_pass() -> None:
    put("teams/a.toml", "[cost]\n")
    put("teams/secret/b.toml", "[cost]\n")
    Path("teams/secret").chmod(0)
    checked = check_paths(["teams", "teams/secret/b.toml"])
    Path("teams/secret").chmod(0o700)
    assert codes(checked) == ["file-unreadable", "file-unreadable"]
    assert names(checked)[0] == "teams/a.toml"
    assert checked.unreadable


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, "\0"])
def test_an_impossible_name_hides_nothing(name: str) -> None:
    put("bad.toml", "[costs]\n")
    checked = check_paths([name, "bad.toml"])
    assert codes(checked)[-1] == "unknown-key"
    assert checked.unreadable


def test_one_file_under_two_names_is_checked_once(tmp_path: Path) -> None:
    put("a.toml", "[costs]\n")
    Path("b.toml").symlink_to("a.toml")
    assert (
        len(check_paths(["a.toml", "b.toml", f"../{tmp_path.name}/a.toml", "./a.toml"]).files) == 1
    )


def test_a_pattern_is_expanded_and_sorted() -> None:
    for name in ("teams/b/corvus.toml", "teams/a/corvus.toml", "teams/a/x.txt"):
        put(name)
    found = check_paths(["teams/**/*.toml"])
    assert names(found) == ["teams/a/corvus.toml", "teams/b/corvus.toml"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file() -> None:
    put("a[1].toml")
    assert names(check_paths(["a[1].toml"])) == ["a[1].toml"]


def test_a_file_is_checked_once_however_often_it_is_named() -> None:
    put("corvus.toml")
    assert names(check_paths(["corvus.toml", "./corvus.toml", "."])) == ["corvus.toml"]


@pytest.mark.parametrize("argument", ["empty", "*.tmol", "empty/**/*.toml"])
def test_an_argument_without_a_file_is_never_clean(argument: str) -> None:
    Path("empty").mkdir()
    checked = check_paths([argument])
    assert codes(checked) == ["no-file-matched"]
    assert checked.unreadable


def test_a_missing_file_is_unreadable_and_hides_nothing() -> None:
    put("bad.toml", "[costs]\n")
    checked = check_paths(["absent.toml", "bad.toml"])
    assert codes(checked) == ["file-missing", "unknown-key"]
    assert checked.unreadable


@pytest.mark.usefixtures("unprivileged")
def test_a_file_without_permission_is_unreadable() -> None:
    put("secret.toml")
    Path("secret.toml").chmod(0)
    checked = check_paths(["secret.toml"])
    assert (codes(checked), checked.unreadable) == (["file-unreadable"], True)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[cost\n", "syntax-error"),
        (b"[cost]\nenabled = true\nenabled = true\n", "duplicate-key"),
        (b"[cost]\nname = '\xff'\n", "invalid-utf8"),
        (b"[cost]\x00\n", "nul-byte"),
        (b"#" * (1024 * 1024 + 1), "file-too-large"),
    ],
)
def test_a_broken_file_is_a_finding_and_not_unreadable(raw: bytes, code: str) -> None:
    Path("broken.toml").write_bytes(raw)
    checked = check_paths(["broken.toml"])
    assert (codes(checked), checked.unreadable) == ([code], False)


def test_a_byte_order_mark_warns_and_moves_no_column() -> None:
    Path("bom.toml").write_bytes(b"\xef\xbb\xbf[costs]\n")
    checked = check_paths(["bom.toml"])
    assert codes(checked) == ["byte-order-mark", "unknown-key"]
    span = checked.diagnostics[1].span
    assert span is not None
    assert (span.start.line, span.start.column, span.start.byte_offset) == (1, 2, 4)


def test_standard_input_is_read_under_its_name() -> None:
    options = Options(stdin=lambda: b"[costs]\n", stdin_name="corvus.toml")
    checked = check_paths(["-", "-"], options)
    assert names(checked) == ["corvus.toml"]
    assert codes(checked) == ["unknown-key"]
    assert [one.is_error for one in checked.diagnostics] == [True]


def test_diagnostics_are_in_the_order_of_the_arguments_and_of_the_text() -> None:
    put("a.toml", "[cost]\nwarn_at_percent = 0\nx = 1\n[y]\n")
    put("b.toml", "z = 1\n")
    checked = check_paths(["b.toml", "a.toml"])
    places = [(one.file, one.span.start.line) for one in checked.diagnostics if one.span]
    assert places == [("b.toml", 1), ("a.toml", 2), ("a.toml", 3), ("a.toml", 4)]


def test_text_that_is_not_saved_is_checked_as_a_file_is() -> None:
    text = b"[cost]\ndayly_limit_usd = 5\n"
    checked = check_text(text, "corvus.toml")
    read = check_paths(["-"], Options(stdin=lambda: text, stdin_name="corvus.toml"))
    assert checked == read.files[0]
    assert [found.code for found in checked.diagnostics] == ["unknown-key"]
