"""``corvus agent`` and ``corvus code`` fail closed, and burn nothing when they do (CLI-4)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from corvus.cli.main import main

ENFORCED = "[cost]\nenabled = true\nallow_override = true\ndaily_limit_usd = 5\n"
MADE = ".local/state/corvus"


@pytest.fixture(autouse=True)
def _no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> int:
        raise AssertionError("a refused run has started its command")

    monkeypatch.setattr("corvus.cli.agents.run.run_child", never)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run, and return the exit code and what was said; nothing may have been recorded."""
    code = main([*words, "--", "true"] if "--" not in words else [*words])
    out, said = capsys.readouterr()
    assert out == ""
    assert "starts" not in said
    assert not (Path.home() / MADE).exists()
    return code, said


@pytest.mark.parametrize("name", ["agent", "code"])
def test_without_a_config_nothing_is_run(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, said = refused(capsys, name)
    assert code == 2
    for way in ("--daily 5", "corvus init", "--ungoverned"):
        assert way in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[cost]\ndaily_limit_usd = 5\n", "does not set cost.enabled = true"),
        ("[cost]\nenabled = false\n", "does not set cost.enabled = true"),
        (
            "[cost]\nenabled = true\nsession_limit_usd = 0\ndaily_limit_usd = 0\n"
            "monthly_limit_usd = 0\n",
            "every limit of",
        ),
        (
            "[cost]\nenabled = true\nsession_limit_usd = 0\ndaily_limit_usd = 0\n"
            'monthly_limit_usd = 0\nunpriced_models = "warn"\n[[cost.budgets]]\nname = "gateway"\n'
            'period = "day"\nlimit_usd = 5\nmatch = { surface = "proxy" }\n',
            "can match calls of cli-agent",
        ),
        (
            "[cost]\nenabled = true\nsession_limit_usd = 0\ndaily_limit_usd = 0\n"
            "monthly_limit_usd = 0\n[mission]\nenabled = true\n",
            "can match calls of cli-agent",
        ),
    ],
)
def test_a_config_that_limits_nothing_is_no_budget(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "corvus.toml").write_text(text)
    code, said = refused(capsys, "agent")
    assert code == 2
    assert why in said
    assert str(tmp_path / "corvus.toml") in said


@pytest.mark.parametrize("option", ["--limit", "--daily", "--session-limit"])
@pytest.mark.parametrize(
    "amount", ["0", "-1", "nan", "-nan", "inf", "1e10", "0.0000000001", "five", "", "1e-400"]
)
def test_a_limit_that_cannot_be_enforced_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str, amount: str
) -> None:
    (tmp_path / "corvus.toml").write_text(ENFORCED)
    code, said = refused(capsys, "agent", f"{option}={amount}")
    assert code == 2
    assert option in said


def test_an_invalid_or_unreadable_config_stops_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "corvus.toml").write_text("[cost]\nenabledd = true\n")
    assert refused(capsys, "agent", "--daily", "5")[0] == 2
    assert refused(capsys, "agent", "--ungoverned")[0] == 2
    (tmp_path / "corvus.toml").unlink()
    (tmp_path / "corvus.toml").symlink_to("absent")
    assert refused(capsys, "agent", "--daily", "5")[0] == 2


def test_a_wish_for_a_limit_and_for_none_contradict_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = refused(capsys, "code", "--ungoverned", "--daily", "5")
    assert code == 2
    assert "--ungoverned contradicts --daily" in said


def test_a_run_inside_of_a_run_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its provider would get the key of the outer run, and refuse every call."""
    monkeypatch.setenv("CORVUS_RUN", "outer")
    code, said = refused(capsys, "agent", "--daily", "5")
    assert code == 2
    assert "governed run already" in said


def test_the_key_that_the_run_replaces_cannot_be_passed_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = refused(capsys, "agent", "--daily", "5", "--pass-env", "OPENAI_API_KEY")
    assert code == 2
    assert "--pass-through" in said


def test_an_unknown_command_is_127_and_one_that_may_not_be_executed_126(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["agent", "--daily", "5", "--session", "s", "--mission", "m", "--"]
    assert refused(capsys, *words, "no-such-command-here")[0] == 127
    assert refused(capsys, *words, "/no/such/command")[0] == 127
    assert refused(capsys, *words, "")[0] == 127
    (tmp_path / "notes").write_text("no program")
    assert refused(capsys, *words, "./notes")[0] == 126
    assert refused(capsys, *words, str(tmp_path))[0] == 126
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(capsys, *words, "notes")[0] == 126


def test_a_missing_extra_is_said_before_anything_is_opened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("corvus.gateway.proxy.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "httptools", None)
    code, said = refused(capsys, "agent", "--daily", "5", "--session", "s", "--mission", "m")
    assert code == 2
    assert "pip install 'corvus-policy[gateway]'" in said


def test_a_missing_module_of_our_own_is_not_blamed_on_an_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "corvus.gateway.proxy.local", None)
    code, said = refused(capsys, "agent", "--daily", "5", "--session", "s", "--mission", "m")
    assert code == 3
    assert "corvus.gateway.proxy.local" in said
    assert "pip install" not in said


@pytest.mark.parametrize("name", ["agent", "code"])
def test_a_password_on_the_command_line_is_refused(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The system shows the command line of a process to all others, its command among them."""
    Path("corvus.toml").write_text(ENFORCED)
    url = "governance.ledger.url=postgresql://ana:hush@127.0.0.1:9/x"
    code, said = refused(capsys, name, "--set", url)
    assert (code, "hush" in said) == (2, False)
    assert "CORVUS_GOVERNANCE__LEDGER__URL" in said
