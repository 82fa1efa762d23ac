"""``corvus check --fix`` and ``--diff`` as a user types them (DIA-1, CFG-12)."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from corvus.base.files import rewrite_file
from corvus.cli.checks import fix
from corvus.cli.main import main
from corvus.diagnostics.unified import unified_diff
from tests.cli.places import CONFIG, Place

Capture = pytest.CaptureFixture[str]
TYPOS = b'[cost]\nenabeld = true\ndaily_limit_usd = "5"\n'
MENDED = b"[cost]\nenabled = true\ndaily_limit_usd = 5\n"
UNKNOWN = b"[cost]\nnothing_like_it = 1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(data: bytes, name: str = "corvus.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_guesses_are_written_when_they_are_allowed(capsys: Capture) -> None:
    path = put(TYPOS)
    assert main(["check", "--fix", "--unsafe-fixes", "corvus.toml"]) == 0
    assert path.read_bytes() == MENDED
    assert capsys.readouterr().out.endswith("Found 2 errors (2 fixed, 0 remaining).\n")


def test_guesses_are_not_written_by_fix_alone(capsys: Capture) -> None:
    path = put(TYPOS)
    assert main(["check", "--fix", "corvus.toml"]) == 1
    assert path.read_bytes() == TYPOS
    out = capsys.readouterr().out
    assert out.endswith("2 fixable with `--fix --unsafe-fixes`\n")
    assert "error[unknown-key] [*]: unknown key `cost.enabeld`" in out


def test_what_remains_is_reported_and_decides_the_exit_code(capsys: Capture) -> None:
    put(TYPOS + b"nothing_like_it = 1\n")
    assert main(["check", "--fix", "--unsafe", "corvus.toml"]) == 1
    out = capsys.readouterr().out
    assert "unknown key `cost.nothing_like_it`" in out
    assert "enabeld" not in out
    assert out.endswith("Found 3 errors (2 fixed, 1 remaining).\n")


def test_fix_only_neither_reports_nor_fails(capsys: Capture) -> None:
    path = put(TYPOS + b"nothing_like_it = 1\n")
    assert main(["check", "--fix-only", "--unsafe-fixes", "corvus.toml"]) == 0
    assert path.read_bytes() == MENDED + b"nothing_like_it = 1\n"
    assert capsys.readouterr().out == "Fixed 2 errors.\n"


def test_show_fixes_lists_them_by_file_and_code(capsys: Capture) -> None:
    put(TYPOS)
    put(TYPOS, "other/corvus.toml")
    assert main(["check", "--fix", "--unsafe-fixes", "--show-fixes", "."]) == 0
    assert capsys.readouterr().out.splitlines()[-8:] == [
        "Fixed 4 errors:",
        "- corvus.toml:",
        "    1 x unknown-key",
        "    1 x wrong-type",
        "- other/corvus.toml:",
        "    1 x unknown-key",
        "    1 x wrong-type",
        "Found 4 errors (4 fixed, 0 remaining).",
    ]


@pytest.mark.parametrize(
    "data",
    [
        TYPOS,
        TYPOS.replace(b"\n", b"\r\n"),
        TYPOS.rstrip(),
        b"\xef\xbb\xbf" + TYPOS,
        TYPOS + "# é𝄞\u2028 \x0b".encode().replace(b"\x0b", b""),
    ],
)
def test_the_diff_makes_of_the_file_what_fix_writes(
    data: bytes, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = put(data)
    assert main(["check", "--diff", "--unsafe-fixes", "corvus.toml"]) == 1
    patch, said = capfdbinary.readouterr()
    assert b"Would fix" in said
    assert path.read_bytes() == data
    copy = put(data, "copy/corvus.toml")
    command = ["patch", "--binary", "-p1", "-d", "copy"]
    subprocess.run(command, input=patch, check=True, capture_output=True)
    assert main(["check", "--fix-only", "--unsafe-fixes", "corvus.toml"]) == 0
    assert path.read_bytes() == copy.read_bytes() != data


def test_without_a_fix_there_is_no_diff(capsys: Capture) -> None:
    put(UNKNOWN)
    assert main(["check", "--diff", "--unsafe-fixes", "corvus.toml"]) == 0
    assert capsys.readouterr() == ("", "There is no fix.\n")


def test_diff_never_writes_not_even_with_fix(capsys: Capture) -> None:
    path = put(TYPOS)
    assert main(["check", "--diff", "--fix", "--unsafe-fixes", "-q", "corvus.toml"]) == 1
    assert path.read_bytes() == TYPOS
    assert capsys.readouterr().err == ""


def test_standard_input_goes_fixed_to_standard_output(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, TYPOS)
    assert main(["check", "--fix", "--unsafe-fixes", "-"]) == 0
    out, err = capsys.readouterr()
    assert out == MENDED.decode()
    assert "Found 2 errors (2 fixed, 0 remaining)." in err


@pytest.mark.parametrize("data", [UNKNOWN, b"[cost\n", b""])
def test_standard_input_without_a_fix_passes_through(
    data: bytes, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, data)
    main(["check", "--fix", "-"])
    assert capsys.readouterr().out == data.decode()


def test_a_file_is_not_taken_for_standard_input_of_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(TYPOS)
    pipe(monkeypatch, TYPOS)
    arguments = ["--fix", "--unsafe-fixes", "-", "corvus.toml", "--stdin-filename", "corvus.toml"]
    assert main(["check", *arguments]) == 2


def test_what_was_fixed_goes_to_standard_error_with_a_report_for_programs(capsys: Capture) -> None:
    put(TYPOS + b"nothing_like_it = 1\n")
    assert main(["check", "--fix", "--unsafe-fixes", "--format", "json", "corvus.toml"]) == 1
    out, err = capsys.readouterr()
    assert [found["code"] for found in json.loads(out)["diagnostics"]] == ["unknown-key"]
    assert err == "Found 3 errors (2 fixed, 1 remaining).\n"


def test_mode_and_link_stay() -> None:
    path = put(TYPOS, "real.toml")
    path.chmod(0o640)
    Path("corvus.toml").symlink_to("real.toml")
    assert main(["check", "--fix", "--unsafe-fixes", "corvus.toml"]) == 0
    assert Path("corvus.toml").is_symlink()
    assert path.read_bytes() == MENDED
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_cannot_be_written_is_not_reported_as_fixed(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(TYPOS)

    def other_writer(file: Path, change: object) -> object:
        """Stand in for a program that does not wait and writes between our look and our rename."""
        assert callable(change)

        def changing(now: bytes) -> object:
            result = change(now)
            path.write_bytes(b"# other\n" + now)
            return result

        return rewrite_file(file, changing)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(fix, "rewrite", other_writer)
    assert main(["check", "--fix", "--unsafe-fixes", "corvus.toml"]) == 2
    out, err = capsys.readouterr()
    assert path.read_bytes() == b"# other\n" + TYPOS
    assert "changed since it was read" in err
    assert "fixed" not in out
    assert "unknown key `cost.enabeld`" in out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_not_written() -> None:
    path = put(TYPOS)
    path.chmod(0o400)
    assert main(["check", "--fix", "--unsafe-fixes", "corvus.toml"]) == 2
    assert path.read_bytes() == TYPOS


def test_a_read_only_file_without_a_fix_to_apply_is_only_checked() -> None:
    put(UNKNOWN).chmod(0o400)
    assert main(["check", "--fix", "corvus.toml"]) == 1


def test_a_missing_file_is_exit_2_whatever_is_fixed(capsys: Capture) -> None:
    path = put(TYPOS)
    assert main(["check", "--fix-only", "--unsafe-fixes", "corvus.toml", "missing.toml"]) == 2
    assert path.read_bytes() == MENDED
    assert "missing.toml" in capsys.readouterr().err


def test_a_file_with_a_syntax_error_keeps_what_cannot_be_proved() -> None:
    data = b"[cost]\nenabled = \nwarn_at_percent = 80\n"
    path = put(data)
    assert main(["check", "--fix", "--unsafe-fixes", "corvus.toml"]) == 1
    assert path.read_bytes() == data


def test_a_deprecated_key_that_is_fixed_is_in_the_audit(tmp_path: Path, capsys: Capture) -> None:
    """AUD-1."""
    place = Place(tmp_path)
    old = "[autonomy]\nmax_cost_per_day_cents = 500\n"
    place.config.write_text(f'{CONFIG}[governance.ledger]\npath = "{place.ledger}"\n\n{old}')
    place.make_store()
    place.run("cost", "override")  # whoever steers, has it in force
    assert main(["check", "--fix", str(place.config)]) == 0
    assert "max_actions_per_hour = 500" in place.config.read_text()
    capsys.readouterr()
    assert place.run("cost", "audit", "--format", "json", "--kind", "config_migrated") == 0
    (event,) = json.loads(capsys.readouterr().out)["events"]
    assert event["details"]["keys"] == ["autonomy.max_cost_per_day_cents"]


SECRET = "sk-abcdefghijklmnop0123456789"


@pytest.mark.parametrize(
    "words", [["check", "--diff", "--unsafe-fixes"], ["migrate", "--diff"], ["migrate", "--check"]]
)
def test_no_difference_shows_a_secret(words: list[str], capsys: Capture) -> None:
    """A hook and a job print differences into logs that many can read."""
    put(
        f"# the key was {SECRET}\n[autonomy]\nmax_cost_per_day_cents = 5\n".encode()
        + b'[governance.upstreams.a]\nkind = "openia"\nbase_url = "https://a.example"\n'
    )
    assert main([*words, "corvus.toml"]) == (0 if words == ["migrate", "--diff"] else 1)
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    if "--diff" in words:
        assert "# the key ****" in said.out
    if "check" in words:
        assert "secrets are shown as *" in said.err


def test_a_change_of_a_secret_is_a_difference() -> None:
    before, after = (f'api_key = "{SECRET}{end}"\n'.encode() for end in ("a", "b"))
    lines = unified_diff(before, after, "c.toml").splitlines()
    assert len(lines) == 5
    assert SECRET.encode() not in b"".join(lines)


def test_a_file_is_fixed_although_standard_input_would_be_called_so(capsys: Capture) -> None:
    path = put(b"[autonomy]\nmax_cost_per_day_cents = 5\n")
    words = ["check", "--fix", "--stdin-filename", "corvus.toml", "corvus.toml"]
    assert main(words) == 0
    assert path.read_bytes() == b"[autonomy]\nmax_actions_per_hour = 5\n"
    assert "(1 fixed, 0 remaining)" in capsys.readouterr().out


def test_where_only_guesses_are_left_fix_only_names_them(capsys: Capture) -> None:
    put(TYPOS)
    assert main(["check", "--fix-only", "corvus.toml"]) == 0
    said = "There is no safe fix; 2 fixable with `--fix --unsafe-fixes`.\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--unsafe-fixes"], "'--unsafe-fixes' needs '--fix', '--fix-only' or '--diff'"),
        (["--show-fixes"], "'--show-fixes' needs '--fix', '--fix-only' or '--diff'"),
        (["--show-settings", "--fix"], "'--fix' and '--show-settings' exclude each other"),
        (["--watch", "-"], "'--watch' needs files"),
        (["--baseline", "b.json", "--write-baseline", "-"], "needs '--stdin-filename NAME'"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    words: list[str], said: str, capsys: Capture
) -> None:
    put(TYPOS)
    assert main(["check", *words, *(["corvus.toml"] if "-" not in words else [])]) == 2
    assert said in capsys.readouterr().err
