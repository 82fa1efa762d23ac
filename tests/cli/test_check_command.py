from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from corvus.cli.check import main

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
WARNS = "[autonomy]\nmax_cost_per_day_cents = 500\n"
FAILS = "[costs]\n"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.toml").write_text("[cost]\nenabled = false\n")
    Path("warns.toml").write_text(WARNS)
    Path("fails.toml").write_text(FAILS)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good.toml"], 0),
        (["warns.toml"], 0),
        (["warns.toml", "--strict"], 1),
        (["warns.toml", "--fail-on", "warning"], 1),
        (["fails.toml"], 1),
        (["good.toml", "fails.toml"], 1),
        (["absent.toml"], 2),
        (["fails.toml", "absent.toml"], 2),
        (["*.tmol"], 2),
        ([], 2),
        (["good.toml", "--nonsense"], 2),
        (["good.toml", "--dialect", "klingon"], 2),
        (["--help"], 0),
    ],
)
def test_the_exit_code_is_the_documented_one(arguments: list[str], code: int) -> None:
    """DIA-5."""
    assert main(arguments) == code


def test_help_ends_with_examples_and_exit_codes(capsys: Capture) -> None:
    main(["--help"])
    printed = capsys.readouterr().out
    assert "corvus check corvus.toml" in printed
    assert "2 usage, unreadable input or no file matched" in printed


def test_a_clean_run_says_ok_and_nothing_else(capsys: Capture) -> None:
    main(["good.toml"])
    expected = "ok: no problems in 1 file; checked as native: no key of a host runtime\n"
    assert capsys.readouterr() == (expected, "")


def test_findings_go_to_standard_output_with_a_summary(capsys: Capture) -> None:
    main(["."])
    out, err = capsys.readouterr()
    assert out.splitlines()[-3:] == [
        "1 error, 1 warning in 2 of 3 files",
        "3 files checked as native: no key of a host runtime",
        "1 fixable with `--fix` (1 more with `--unsafe-fixes`)",
    ]
    assert err == ""


def test_the_summary_says_what_a_file_was_checked_as_and_why(capsys: Capture) -> None:
    """CFG-2."""
    Path("host.toml").write_text("[storage]\n[proxy]\n[gateway]\n")
    main(["host.toml"])
    assert "checked as zeroclaw: found [storage], [proxy]\n" in capsys.readouterr().out
    main(["host.toml", "--dialect", "zeroclaw"])
    assert "checked as zeroclaw: as --dialect says\n" in capsys.readouterr().out


def test_quiet_leaves_the_findings_only(capsys: Capture) -> None:
    main(["good.toml", "--quiet"])
    assert capsys.readouterr().out == ""
    main(["fails.toml", "--quiet"])
    assert capsys.readouterr().out.endswith("= help: Did you mean `[cost]`?\n")


def test_concise_is_one_line_for_each_finding(capsys: Capture) -> None:
    main([".", "--format", "concise"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["fails.toml:1:2:", "warns.toml:2:1:"]


def test_json_carries_files_diagnostics_and_summary(capsys: Capture) -> None:
    main(["warns.toml", "absent.toml", "--format", "json"])
    output = json.loads(capsys.readouterr().out)
    assert output["files"][0] == {
        "file": "warns.toml",
        "dialect": "native",
        "dialect_evidence": [],
        "deprecated_fields": ["autonomy.max_cost_per_day_cents"],
        "ignored": 0,
    }
    assert output["files"][1]["dialect"] is None
    assert [one["code"] for one in output["diagnostics"]] == ["deprecated-key", "file-missing"]
    assert output["summary"] == {"files": 2, "errors": 1, "warnings": 1, "notes": 0}


def test_standard_input_has_the_name_it_is_given(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FAILS.encode())))
    assert main(["-", "--stdin-filename", "team.toml", "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("team.toml:1:2: error[unknown-key]")


def test_colour_is_for_terminals_unless_it_is_asked_for(capsys: Capture) -> None:
    main(["fails.toml"])
    assert "\x1b" not in capsys.readouterr().out
    main(["fails.toml", "--color", "always"])
    assert "\x1b[1;31m" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": ""}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_may_be_forced_and_forbidden(
    variables: dict[str, str], is_coloured: bool, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    main(["fails.toml"])
    assert ("\x1b[" in capsys.readouterr().out) == is_coloured


@pytest.mark.parametrize("style", ["text", "concise", "json"])
def test_a_secret_appears_in_no_output(style: str, capsys: Capture) -> None:
    canary = "sk-canary-8f2c"
    Path("leaky.toml").write_text(
        f'api_key = "{canary}"\napi_keyy = "{canary}"\n[costs]\n'
        f'[governance]\nledger.url = "mysql://user:{canary}@db"\n'
        f'[governance.upstreams.a]\nbase_url = "u:{canary}@x"\napi_key_env = "{canary}"\n'
    )
    main(["leaky.toml", "--format", style, "--dialect", "native"])
    printed = capsys.readouterr().out
    assert printed.count("unknown") >= 3
    assert canary not in printed


TEAM = """
[cost]
enabled = true
session_limit_usd = 0.80
daily_limit_usd = 5.00
warn_at_percent = 80

[cost.prices."acme/house-model"]
input = 0.40
output = 1.60

[[cost.budgets]]
name = "search"
period = "week"
limit_usd = 30

[autonomy]
max_actions_per_hour = 60
"""
"""What a team writes: each table that some rule judges."""


EXAMPLES = [str(path) for path in sorted((ROOT / "examples").glob("*/corvus.toml"))]


@pytest.mark.parametrize("target", ["good.toml", "team/0.toml", "team", *EXAMPLES])
def test_checking_loads_no_heavy_module(target: str) -> None:
    """PRF-1: the bar holds only while a check imports none of these, of a file or of a folder."""
    Path("team").mkdir()
    for number in range(3):
        Path("team", f"{number}.toml").write_text(TEAM)
    heavy = ["duckdb", "rich", "typer", "corvus.reporting", "corvus.ledger", "corvus.cli.app"]
    needless = ["difflib", "dataclasses", "shutil", "pydantic", "corvus.diagnostics.model"]
    needless += ["zoneinfo", "inspect", "pathlib", "argparse", "hashlib", "ipaddress", "urllib"]
    if target.endswith(".toml"):  # a folder is walked, and its files are worth the quicker reader
        needless += ["typing", "re", "tomli", "json", "contextlib", "subprocess"]
    script = (
        "import sys\nfrom corvus.cli.main import main\n"
        f"code = main(['check', {target!r}])\n"
        f"print(code, [name for name in {heavy!r} if name in sys.modules])\n"
        f"print([name for name in {needless!r} if name in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "policy")},
    )
    assert run.stdout.splitlines()[-2:] == ["0 []", "[]"], run.stderr


@pytest.mark.parametrize(
    "text",
    [
        "[gateway]\nport = 1\n",
        '[cost.prices]\n"a/x" = {input = 1, output = 1}\n"a/y" = {input = 2, output = 1}\n',
    ],
)
def test_a_clean_file_needs_no_pydantic(text: str) -> None:
    Path("clean.toml").write_text(text)
    script = (
        "import sys\nfrom corvus.cli.check import main\n"
        "code = main(['clean.toml'])\nprint(code, 'pydantic' in sys.modules)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "policy")},
    )
    assert run.stdout.splitlines()[-1] == "0 False", run.stderr
