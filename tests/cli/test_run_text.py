"""What passes without a limit is said: by a run, and by a gateway (CLI-4, CFG-6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.cli.agents.run_budgets import budgets_of_run, known_of_run
from corvus.cli.agents.run_text import cautions
from corvus.cli.options import say_governing, warn_unlimited
from corvus.runtime import Runtime, open_runtime

NO_LIMITS = "session_limit_usd = 0\ndaily_limit_usd = 0\nmonthly_limit_usd = 0\n"
OPUS = '[[cost.budgets]]\nname = "o"\nperiod = "day"\nlimit_usd = 1\nmatch = { model = "opus-*" }\n'


def said(folder: Path, cost: str, *, own: bool = False, log_in: bool = False) -> list[str]:
    """Return what a run of ``corvus agent`` under such a config is warned of."""
    runtime = runtime_of(folder, cost)
    known = known_of_run("cli-agent")
    budgets = budgets_of_run(runtime.policy, known, {"openai"}, in_mission=False)
    return cautions(runtime, budgets, has_own_limit=own, keeps_log_in=log_in)


def runtime_of(folder: Path, cost: str) -> Runtime:
    (folder / "corvus.toml").write_text(f"[cost]\n{cost}")
    return open_runtime([folder / "corvus.toml"])


def test_budgets_for_some_models_only_are_no_limit_for_others(tmp_path: Path) -> None:
    partial = f"enabled = true\n{NO_LIMITS}{OPUS}"
    assert "calls of others have no limit" in " ".join(said(tmp_path, partial))
    assert said(tmp_path, partial, own=True) == []
    assert said(tmp_path, f"enabled = true\n{OPUS}") == [], "the day limits all of them"


def test_models_without_a_price_and_own_log_ins_are_said(tmp_path: Path) -> None:
    (warning,) = said(tmp_path, 'enabled = true\nunpriced_models = "warn"\n')
    assert 'cost.unpriced_models = "warn"' in warning
    (warning,) = said(tmp_path, "enabled = true\n", log_in=True)
    assert "own log-in" in warning


def test_a_password_that_the_command_can_read_in_the_config_is_said(tmp_path: Path) -> None:
    shared = 'enabled = true\n[governance.ledger]\nurl = "postgresql://ana{}@db.example/x"\n'
    (warning,) = said(tmp_path, shared.format(":hush"))
    assert "the password of the store" in warning
    assert "hush" not in warning
    assert said(tmp_path, shared.format("")) == []


@pytest.mark.parametrize(
    ("cost", "why"),
    [
        ("", "cost.enabled"),
        (f"enabled = true\n{NO_LIMITS}", "every limit is 0"),
        ("enabled = true", ""),
    ],
)
def test_a_gateway_that_nothing_limits_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cost: str, why: str
) -> None:
    runtime = runtime_of(tmp_path, cost)
    say_governing(runtime)
    warn_unlimited(runtime)
    governed, *warning = capsys.readouterr().err.splitlines()
    assert governed == f"corvus: governed by {tmp_path / 'corvus.toml'}"
    assert [why in one for one in warning] == ([True] if why else [])
