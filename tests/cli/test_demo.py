"""``corvus demo`` shows the main job, and the numbers it ends with are those of a hand computation.

The calls of the last day of the example log, read off it, are the four of ``LAST_DAY``; those of
the day before, in the same session, are the five of ``DAY_BEFORE``. Each is input, output, cache
read, 5-minute write, 1-hour write; prices are those of ``test_first_light_example``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

SONNET = (3_000, 15_000, 300, 3_750, 6_000)  # nano-USD per token
HAIKU = (1_000, 5_000, 100, 1_250, 2_000)
LAST_DAY = [
    (3, 4070, 96000, 9900, 0),
    (35, 880, 41000, 14600, 0),
    (16, 890, 85000, 15100, 0),
    (16, 2700, 115000, 0, 3100),
]
DAY_BEFORE = [
    (3, 2240, 0, 0, 2000),
    (35, 480, 71000, 5800, 0),
    (26, 2470, 61000, 11200, 0),
    (37, 1050, 83000, 3400, 0),
]
DAY_BEFORE_HAIKU = (14, 2420, 138000, 0, 13100)


def cost(call: tuple[int, ...], price: tuple[int, ...]) -> int:
    return sum(count * rate for count, rate in zip(call, price, strict=True))


DAY_NANO_USD = sum(cost(call, SONNET) for call in LAST_DAY)
SESSION_NANO_USD = (
    DAY_NANO_USD + sum(cost(call, SONNET) for call in DAY_BEFORE) + cost(DAY_BEFORE_HAIKU, HAIKU)
)


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["demo"]) == Exit.CLEAN
    return capsys.readouterr().out


def section(shown: str, number: int) -> str:
    """Return what one step of the demo printed."""
    body = shown.partition(f"\n{number}. ")[2].partition(f"\n{number + 1}. ")[0]
    return body.partition("\nNext ")[0]


def test_three_mistakes_are_shown_and_the_deprecated_key_with_what_to_write(shown: str) -> None:
    assert "3 errors in 1 file" in shown
    codes = ("unknown-key", "wrong-type", "missing-key")
    assert [shown.count(f"error[{code}]") for code in codes] == [1, 1, 1]
    assert "Did you mean `daily_limit_usd`?" in shown
    advice = section(shown, 2)
    assert "warning[deprecated-key]" in advice
    assert "set `cost.daily_limit_usd = 5`" in advice
    assert "\n-max_cost_per_day_cents = 500\n" in advice  # the diff of migrate


def test_the_summary_is_what_the_hand_computation_says(shown: str) -> None:
    assert (DAY_NANO_USD, SESSION_NANO_USD) == (396_510_000, 695_527_000)
    rows = {line.split()[0]: line for line in section(shown, 5).splitlines() if line.split()}
    assert "$0.6955" in rows["session"]  # of 0.80: 86.94 percent, a warning
    assert "86.9 %" in rows["session"]
    assert "warning" in rows["session"]
    assert "$0.3965" in rows["day"]
    assert "7.9 %" in rows["day"]
    assert "$1.6449" in rows["month"]  # TOTAL_NANO_USD of test_first_light_example
    assert "governed by session, set by cost.session_limit_usd" in section(shown, 5)


def test_history_has_a_bar_for_each_day_and_the_total(shown: str) -> None:
    history = section(shown, 6)
    drawn = [line for line in history.splitlines() if line.startswith("2026-11-")]
    assert [line[:10] for line in drawn] == [f"2026-11-{day}" for day in range(14, 21)]
    assert ["█" in line for line in drawn] == [False, False, True, True, True, True, True]
    assert "0.3965" in drawn[-1]
    assert "total 1.6449 USD, 24 calls" in history


def test_by_model_says_what_is_unknown(shown: str) -> None:
    rows = {line.split()[1]: line for line in section(shown, 7).splitlines() if "-" in line}
    assert "1.3723" in rows["claude-sonnet-4-5-20250929"]  # SONNET_NANO_USD
    assert "0.2727" in rows["claude-haiku-4-5-20251001"]  # HAIKU_NANO_USD
    assert "unknown" in rows["nimbus-1-preview"]


def test_it_fits_80_columns(shown: str) -> None:
    tables = "".join(section(shown, number) for number in (5, 6, 7))
    assert max(len(line) for line in tables.splitlines() if not line.startswith("$")) <= 80


@pytest.mark.usefixtures("shown")
def test_nothing_is_left_outside_the_named_folder(tmp_path: Path) -> None:
    assert [path.name for path in tmp_path.iterdir()] == ["corvus-demo"]
    assert (tmp_path / "corvus-demo" / "ledger.duckdb").is_file()


@pytest.mark.usefixtures("shown")
def test_it_runs_again_in_its_own_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == Exit.CLEAN
    assert "new=24" in capsys.readouterr().out


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("name", ["corvus.toml", "ledger.duckdb"])
def test_what_was_changed_since_is_not_overwritten(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "corvus-demo" / name
    changed.write_bytes(changed.read_bytes() + b"# mine\n")
    before = changed.read_bytes()
    assert main(["demo"]) == Exit.USAGE
    assert "was changed since `corvus demo` made it" in capsys.readouterr().err
    assert changed.read_bytes() == before


def test_a_folder_of_somebody_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "work" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("twenty years")
    assert main(["demo", "--dir", "work"]) == Exit.USAGE
    assert "was not made by `corvus demo`" in capsys.readouterr().err
    assert [path.name for path in precious.parent.iterdir()] == ["thesis.txt"]


def test_a_file_where_the_folder_should_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corvus-demo").write_text("x")
    assert main(["demo"]) == Exit.USAGE
    assert "Traceback" not in capsys.readouterr().err
