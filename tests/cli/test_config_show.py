"""``corvus config show`` and ``get``: what is in force, and where it comes from (CFG-5, CFG-6)."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.runtime import open_runtime

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 5.00

[cost.prices."acme/house.1"]
input = 0.000000001
output = 2
effective_from = 2026-11-01

[[cost.budgets]]
name = "night"
period = "day"
limit_usd = 1
match = { user = "ana*" }

[autonomy]
max_cost_per_day_cents = 7

[governance.observability]
otlp_endpoint = "https://corvus:hunter4@otel.example/x?password=hunter3"
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "corvus.toml"
    path.write_text(CONFIG)
    return path


def output(capsys: Capture, *words: str) -> str:
    assert main(["config", *words]) == Exit.CLEAN
    return capsys.readouterr().out


@pytest.mark.usefixtures("config")
def test_what_is_set_is_shown_with_its_place(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORVUS_COST__DAILY_LIMIT_USD", "25")
    assert (
        output(capsys, "show", "--changed", "--origin", "--set", "cost.warn_at_percent=90")
        == """\
# corvus.toml
[cost]
enabled = true        # corvus.toml:3:1
daily_limit_usd = 25  # env CORVUS_COST__DAILY_LIMIT_USD, over corvus.toml:4:1
warn_at_percent = 90  # --set

[cost.prices."acme/house.1"]
input = 0.000000001          # corvus.toml:7:1
output = 2                   # corvus.toml:8:1
effective_from = 2026-11-01  # corvus.toml:9:1

[[cost.budgets]]
name = "night"             # corvus.toml:12:1
period = "day"             # corvus.toml:13:1
limit_usd = 1              # corvus.toml:14:1
match = { user = "ana*" }  # corvus.toml:15:1

[autonomy]
max_actions_per_hour = 7  # corvus.toml:18:1

[governance.observability]
otlp_endpoint = "https://***@otel.example/x?password=***"  # corvus.toml:21:1

# deprecated key autonomy.max_cost_per_day_cents at corvus.toml:18:1
"""
    )


@pytest.mark.usefixtures("config")
def test_the_toml_is_a_document_that_means_the_same(capsys: Capture) -> None:
    """Without the secrets; every key that has a value is there."""
    plain = output(capsys, "show")
    assert tomllib.loads(plain) == tomllib.loads(output(capsys, "show", "--origin"))
    again = Path("again.toml")
    again.write_text(plain.replace("***@", ""))
    first, second = open_runtime(["corvus.toml"]), open_runtime([again])
    assert second.policy.budgets == first.policy.budgets
    assert second.policy.prices == first.policy.prices
    assert second.policy.autonomy == first.policy.autonomy


def test_without_a_file_the_defaults_are_said_to_apply(capsys: Capture) -> None:
    shown = output(capsys, "show", "--origin")
    assert shown.startswith("# defaults (no corvus.toml")
    data = tomllib.loads(shown)
    assert data["cost"]["daily_limit_usd"] == 10
    assert all(line.endswith("# default") for line in shown.splitlines() if "=" in line)


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("form", ["toml", "json", "table"])
def test_secrets_are_never_shown(form: str, capsys: Capture) -> None:
    shown = output(capsys, "show", "--format", form)
    assert "hun" not in shown
    assert "***" in shown
    assert output(capsys, "get", "governance.observability.otlp_endpoint") == (
        "https://***@otel.example/x?password=***\n"
    )
    upstream = (
        '{ token = { base_url = "https://hunter5", api_key_env = "hunter6", kind = "openai" } }'
    )
    sets = ["--set", f"governance.upstreams={upstream}"]
    assert "hun" not in output(capsys, "show", "--format", form, *sets)
    revealed = output(capsys, "get", "governance.observability.otlp_endpoint", "--reveal")
    assert revealed == "https://corvus:hunter4@otel.example/x?password=hunter3\n"


@pytest.mark.usefixtures("config")
def test_json_has_value_exact_text_and_origin(capsys: Capture) -> None:
    shown = json.loads(
        output(capsys, "show", "--format", "json", "--set", "cost.daily_limit_usd=9")
    )
    assert shown["settings"]["cost.daily_limit_usd"] == {
        "value": 9,
        "toml": "9",
        "layer": "set",
        "origin": "--set",
        "shadowed": ["corvus.toml:4:1"],
    }
    price = shown["settings"]['cost.prices."acme/house.1".input']
    assert Decimal(price["toml"]) == Decimal("0.000000001")
    assert shown["settings"]["governance.ledger.path"]["value"] is None
    assert shown["deprecated_fields"] == [
        {"key": "autonomy.max_cost_per_day_cents", "origin": "corvus.toml:18:1"}
    ]


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("cost.daily_limit_usd", "5.00\n"),
        ("cost.enabled", "true\n"),
        ("autonomy.level", "supervised\n"),
        ("autonomy.allowed_commands[1]", "npm\n"),
        ("cost.budgets[0].match.user", "ana*\n"),
        ('cost.prices."acme/house.1".input', "0.000000001\n"),
        ("governance.ledger.path", "\n"),
        ("autonomy.always_ask", "[]\n"),
        ("mission", "[mission]\nenabled = false\nmax_runtime_ms = 300000\nmax_steps = 10\n"
                    "max_estimated_cost_cents = 100\n"),
    ],
)  # fmt: skip
def test_one_value_prints_bare(key: str, expected: str, capsys: Capture) -> None:
    assert output(capsys, "get", key) == expected


@pytest.mark.usefixtures("config")
def test_one_value_prints_with_its_origin(capsys: Capture) -> None:
    assert output(capsys, "get", "cost.enabled", "--origin") == "true # corvus.toml:3:1\n"
    told = json.loads(output(capsys, "get", "cost.enabled", "--format", "json"))
    assert (told["value"], told["origin"]) == (True, "corvus.toml:3:1")
    table = json.loads(output(capsys, "get", "mission", "--format", "json"))
    assert table["mission.max_steps"]["value"] == 10


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("cost.daly_limit_usd", "did you mean `cost.daily_limit_usd`?"),
        ("cost.budgets[3]", "no setting `cost.budgets[3]`"),
        ("cost.daily", "did you mean `cost.daily_limit_usd`?"),
        ("autonomy.max_cost_per_day_cents", "ask for `autonomy.max_actions_per_hour`"),
        ("autonomy.level.x", "no setting"),
        ("zzz", "run `corvus config show`"),
        ("a b", "is no key"),
        ("", "is no key"),
    ],
)
def test_an_unknown_key_is_a_usage_error(key: str, hint: str, capsys: Capture) -> None:
    assert main(["config", "get", key]) == Exit.USAGE
    assert hint in capsys.readouterr().err


def test_errors_of_every_layer_end_with_the_code_of_a_config_error(
    config: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["config", "show", "--set", "cost.enabled=1"]) == Exit.USAGE
    assert "--set cost.enabled:1:1: error[wrong-type]" in capsys.readouterr().err
    monkeypatch.setenv("CORVUS_COST__ENABLED", "maybe")
    for words in (["config", "show"], ["policy", "show"], ["config", "get", "cost.enabled"]):
        assert main(words) == Exit.USAGE
        told = capsys.readouterr().err
        assert "env CORVUS_COST__ENABLED:1:1: error[wrong-type]" in told
        assert "error[config-error]: cannot use the settings of the environment" in told
    config.write_text("nonsense")
    assert main(["config", "show"]) == Exit.USAGE
    assert "run `corvus check` on it" in capsys.readouterr().err


def test_check_judges_files_alone(
    config: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORVUS_COST__ENABLED", "maybe")
    monkeypatch.setenv("CORVUS_NOPE", "1")
    assert main(["check", str(config)]) == Exit.CLEAN
    assert "CORVUS_" not in capsys.readouterr().out


def test_check_does_not_load_what_reads_variables(config: Path) -> None:
    """Its start-up time is a feature, and a variable does not matter to it."""
    script = (
        "import sys; from corvus.cli.main import main; code = main(sys.argv[1:])\n"
        "layers = ('assignment', 'environment', 'layers', 'origins')\n"
        "found = {f'corvus.config.layers.{name}' for name in layers} & set(sys.modules)\n"
        "print(code, sorted(found))"
    )
    command = [sys.executable, "-c", script, "check", str(config)]
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[2] / "policy"),
        "CORVUS_COST__ENABLED": "true",
    }
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "0 []"


@pytest.mark.usefixtures("config")
def test_what_is_enforced_follows_the_layers(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORVUS_COST__DAILY_LIMIT_USD", "25")
    assert main(["policy", "show", "--set", "autonomy.level=full"]) == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "budget=day period=day limit_usd=25.0000 " in shown
    assert "autonomy_level=full" in shown


def test_a_ledger_path_outside_a_file_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "corvus.toml"
    file.write_text('governance.ledger.path = "a.duckdb"\n')
    assert open_runtime([file]).ledger_path == tmp_path / "deep" / "a.duckdb"
    monkeypatch.setenv("CORVUS_GOVERNANCE__LEDGER__PATH", "b.duckdb")
    assert open_runtime([file]).ledger_path == Path("b.duckdb")
    sets = ['governance.ledger.path="c.duckdb"']
    assert open_runtime([file], sets=sets).ledger_path == Path("c.duckdb")
