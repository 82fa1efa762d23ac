"""``corvus config set`` and ``unset``: a file is written whole or not at all, the diff is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.base import files
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.config.edit import change as changes

Capture = pytest.CaptureFixture[str]
CONFIG = '# mine\n[cost]\ndaily_limit_usd = 5.00 # a day\n\n[governance.ledger]\npath = "a"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "corvus.toml"
    path.write_text(CONFIG)
    return path


def test_the_diff_is_printed_and_the_file_written(config: Path, capsys: Capture) -> None:
    config.chmod(0o600)
    assert main(["config", "set", "cost.daily_limit_usd", "25"]) == Exit.CLEAN
    assert capsys.readouterr().out == (
        "--- corvus.toml\n+++ corvus.toml\n@@ -1,6 +1,6 @@\n # mine\n [cost]\n"
        "-daily_limit_usd = 5.00 # a day\n+daily_limit_usd = 25 # a day\n \n [governance.ledger]\n"
        ' path = "a"\n'
    )
    assert config.read_text() == CONFIG.replace("5.00", "25")
    assert config.stat().st_mode & 0o777 == 0o600
    assert main(["config", "unset", "cost.daily_limit_usd"]) == Exit.CLEAN
    assert config.read_text() == CONFIG.replace("daily_limit_usd = 5.00 # a day\n", "")


def test_a_dry_run_writes_nothing(config: Path, capsys: Capture) -> None:
    assert main(["config", "set", "cost.daily_limit_usd", "25", "--dry-run"]) == Exit.CLEAN
    assert "+daily_limit_usd = 25 # a day" in capsys.readouterr().out
    assert main(["config", "unset", "governance", "--dry-run"]) == Exit.CLEAN
    assert "-[governance.ledger]" in capsys.readouterr().out
    assert config.read_text() == CONFIG


def test_nothing_to_do_is_said(config: Path, capsys: Capture) -> None:
    before = config.stat().st_mtime_ns
    assert main(["config", "set", "cost.daily_limit_usd", "5.00"]) == Exit.CLEAN
    assert main(["config", "unset", "cost.enabled"]) == Exit.CLEAN
    assert capsys.readouterr().out == "unchanged: corvus.toml says so already\n" * 2
    assert config.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["set", "cost.daly_limit_usd", "1"], "did you mean `cost.daily_limit_usd`?"),
        (["set", "cost.enabled", "yes"], "corvus.toml:4:11: error[wrong-type]"),
        (["set", "memory.backend", "x"], "belongs to the corvus or zeroclaw runtime"),
        (["set", "cost.enabled", "true", "--config", "absent.toml"], "file-missing"),
        (["unset", "cost.daly"], "no setting `cost.daly`"),
        (["set", "cost.enabled"], "`cost.enabled` sets nothing: write `KEY VALUE`"),
        (["set", "cost.enabled=true", "25"], "`25` sets nothing"),
        (["set", "cost.enabled=true", 'cost."enabled"=false'], "`cost.enabled` is set twice"),
        (["set", "cost.enabled=true", "cost.daly_limit_usd=1"], "did you mean"),
        (["set", "governance.ledger.path", "\udcff"], "not UTF-8"),
    ],
)
def test_a_refused_change_is_a_usage_error(
    words: list[str], told: str, config: Path, capsys: Capture
) -> None:
    assert main(["config", *words]) == Exit.USAGE
    assert told in capsys.readouterr().err
    assert config.read_text() == CONFIG


def test_several_keys_are_set_together(config: Path, capsys: Capture) -> None:
    """A provider needs a key with another: with either alone the file would have an error."""
    at = "governance.upstreams.anthropic"
    address = "https://api.anthropic.com/v1?a=b"
    assert main(["config", "set", f"{at}.base_url=https://api.anthropic.com"]) == Exit.USAGE
    refused = capsys.readouterr().err
    assert "lacks `kind`" in refused
    assert "together: corvus config set KEY=VALUE KEY=VALUE\n" in refused
    words = [
        f"{at}.kind=anthropic",
        f"{at}.base_url=https://api.anthropic.com",
        "cost.enabled=true",
    ]
    assert main(["config", "set", *words]) == Exit.CLEAN
    assert config.read_text() == (
        "# mine\n[cost]\ndaily_limit_usd = 5.00 # a day\nenabled = true\n\n"
        '[governance.ledger]\npath = "a"\n\n[governance.upstreams.anthropic]\n'
        'kind = "anthropic"\nbase_url = "https://api.anthropic.com"\n'
    )
    assert main(["config", "set", "governance.observability.otlp_endpoint", address]) == Exit.CLEAN
    assert f'otlp_endpoint = "{address}"' in config.read_text()


def test_a_provider_is_one_table(config: Path) -> None:
    value = "{kind='anthropic', base_url='https://api.anthropic.com'}"
    assert main(["config", "set", "governance.upstreams.anthropic", value]) == Exit.CLEAN
    assert config.read_text() == (
        f'{CONFIG}\n[governance.upstreams.anthropic]\nkind = "anthropic"\n'
        'base_url = "https://api.anthropic.com"\n'
    )


def test_without_any_config_init_is_named(capsys: Capture) -> None:
    assert main(["config", "set", "cost.enabled", "true"]) == Exit.USAGE
    assert "`corvus init` writes one" in capsys.readouterr().err


def test_a_change_by_somebody_else_is_not_lost(
    config: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = files.replace_file

    def late(path: Path, data: bytes, *, before: bytes) -> None:
        config.write_text("# theirs\n")
        replace(path, data, before=before)

    monkeypatch.setattr(files, "replace_file", late)
    assert main(["config", "set", "cost.enabled", "true"]) == Exit.USAGE
    told = capsys.readouterr()
    assert "changed since it was read" in told.err
    assert told.out == ""
    assert config.read_text() == "# theirs\n"


def test_what_somebody_else_wrote_while_we_waited_is_kept(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CFG-12."""
    read = changes.read_config

    def early(path: Path) -> bytes:
        before = read(path)
        config.write_text("# theirs\n[mission]\nmax_steps = 7\n")
        return before

    monkeypatch.setattr(changes, "read_config", early)
    assert main(["config", "set", "mission.enabled", "true"]) == Exit.CLEAN
    assert config.read_text() == "# theirs\n[mission]\nmax_steps = 7\nenabled = true\n"


def test_a_file_of_several_names_is_said_to_be_split(config: Path, capsys: Capture) -> None:
    other = config.with_name("other.toml")
    os.link(config, other)
    assert main(["config", "set", "cost.enabled", "true"]) == Exit.CLEAN
    assert "1 other hard link to corvus.toml: the old bytes stay there" in capsys.readouterr().err
    assert other.read_text() == CONFIG


@pytest.mark.parametrize("words", [["migrate"], ["check", "--fix", "--fix-only"]])
def test_so_says_every_command_that_rewrites(
    words: list[str], config: Path, capsys: Capture
) -> None:
    text = "[autonomy]\nmax_cost_per_day_cents = 5\n"
    config.write_text(text)
    other = config.with_name("other.link")
    os.link(config, other)
    assert main([*words, "corvus.toml"]) == Exit.CLEAN
    assert "1 other hard link to corvus.toml" in capsys.readouterr().err
    assert (other.read_text(), "max_actions_per_hour" in config.read_text()) == (text, True)


@pytest.mark.usefixtures("unprivileged")
def test_a_read_only_folder_is_a_usage_error(config: Path, capsys: Capture) -> None:
    config.parent.chmod(0o555)
    try:
        assert main(["config", "set", "cost.enabled", "true"]) == Exit.USAGE
        assert "Permission denied" in capsys.readouterr().err
    finally:
        config.parent.chmod(0o755)


def test_the_file_that_is_read_is_the_one_that_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "home" / ".config" / "corvus" / "config.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("[cost]\n")
    assert main(["config", "set", "cost.enabled", "true"]) == Exit.CLEAN
    assert mine.read_text() == "[cost]\nenabled = true\n"
    named = tmp_path / "named.toml"
    named.write_text("[cost]\n")
    monkeypatch.setenv("CORVUS_CONFIG", str(named))
    assert main(["config", "set", "cost.enabled", "true"]) == Exit.CLEAN
    assert named.read_text() == "[cost]\nenabled = true\n"


@pytest.mark.usefixtures("config")
def test_a_new_warning_is_told(capsys: Capture) -> None:
    assert main(["config", "set", "cost.session_limit_usd", "6"]) == Exit.CLEAN
    assert "corvus.toml:4:21: warning[limit-never-binds]" in capsys.readouterr().err


@pytest.mark.usefixtures("config")
def test_a_variable_above_the_file_is_told(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORVUS_COST__ENABLED", "false")
    assert main(["config", "set", "cost.enabled", "true"]) == Exit.CLEAN
    assert "CORVUS_COST__ENABLED is set and stands above the file" in capsys.readouterr().err


def test_the_diff_hides_secrets_and_still_shows_that_they_changed(
    config: Path, capsys: Capture
) -> None:
    config.write_text(
        '# api_key = "hunter1"\n[governance.observability]\notlp_endpoint = "https://u:hunter2@host/db"\n'
    )
    assert (
        main(
            ["config", "set", "governance.observability.otlp_endpoint", "https://u:hunter3@host/db"]
        )
        == 0
    )
    assert main(["config", "set", "cost.enabled", "true"]) == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "hun" not in shown
    assert shown.count('otlp_endpoint = "https://*********@host/db"') == 3
    assert "hunter3" in config.read_text()


KEYS = {
    "cost.daily_limit_usd": st.decimals(0, 99, places=9).map(lambda value: f"{value:f}"),
    "cost.enabled": st.sampled_from(["true", "false"]),
    "autonomy.level": st.sampled_from(["readonly", "supervised", "full"]),
    "governance.ledger.path": st.from_regex(r"[a-z][a-z ]{0,8}[a-z]\.duckdb", fullmatch=True),
}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_get_returns_what_set_was_given(config: Path, capsys: Capture, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(list(KEYS)))
    value = data.draw(KEYS[key])
    assert main(["config", "set", key, value]) == Exit.CLEAN
    capsys.readouterr()
    assert main(["config", "get", key]) == Exit.CLEAN
    assert capsys.readouterr().out == f"{value}\n"


@pytest.mark.usefixtures("config")
def test_nothing_is_asked_and_no_traceback_shown_without_a_terminal() -> None:
    for words in (["config", "set", "cost", "\x01"], ["config", "unset", ""], ["init"]):
        result = subprocess.run(
            [sys.executable, "-m", "corvus", *words],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "policy")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == Exit.USAGE
        assert "Traceback" not in result.stderr
