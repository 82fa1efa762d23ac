from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from corvus.config.layers.load import load
from corvus.config.layers.locate import locate


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_gives_the_defaults() -> None:
    loaded = load(())
    assert loaded.settings is not None
    assert loaded.settings.cost.daily_limit_usd == Decimal(10)
    assert loaded.diagnostics == ()


def test_later_files_are_layered_over_earlier_ones(tmp_path: Path) -> None:
    runtime = write(
        tmp_path / "runtime.toml",
        "[gateway]\nport = 1\n[cost]\nenabled = true\ndaily_limit_usd = 5\n"
        '[cost.prices."a"]\ninput = 1\noutput = 1\n',
    )
    team = write(
        tmp_path / "corvus.toml",
        '[cost]\ndaily_limit_usd = 7\nunpriced_models = "warn"\n'
        '[cost.prices."b"]\ninput = 2\noutput = 2\n',
    )
    loaded = load((runtime, team))
    assert loaded.diagnostics == ()
    assert loaded.settings is not None
    cost = loaded.settings.cost
    assert (cost.enabled, cost.daily_limit_usd, cost.unpriced_models) == (True, Decimal(7), "warn")
    assert list(cost.prices) == ["a", "b"]
    assert [str(found.dialect) for found in loaded.dialects] == ["corvus|zeroclaw", "native"]


def test_an_array_of_a_later_file_replaces_the_earlier_one(tmp_path: Path) -> None:
    one = write(tmp_path / "1.toml", 'autonomy.allowed_commands = ["git", "ls"]')
    two = write(tmp_path / "2.toml", 'autonomy.allowed_commands = ["cat"]')
    settings = load((one, two)).settings
    assert settings is not None
    assert settings.autonomy.allowed_commands == ["cat"]


def test_a_problem_is_reported_in_the_file_that_has_it(tmp_path: Path) -> None:
    one = write(tmp_path / "1.toml", "cost.daily_limit_usd = -1\ncost.warn_at_percent = -1\n")
    two = write(tmp_path / "2.toml", "\n\ncost.daily_limit_usd = -2\n")
    loaded = load((one, two))
    assert loaded.settings is None
    places = [(Path(one.file).name, one.span.start.line) for one in loaded.diagnostics if one.span]
    assert places == [("1.toml", 2), ("2.toml", 3)]


def test_a_missing_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    loaded = load((tmp_path / "absent.toml",))
    assert loaded.settings is None
    assert [one.code for one in loaded.diagnostics] == ["file-missing"]


def test_files_that_were_named_are_taken_as_they_are(tmp_path: Path) -> None:
    located = locate((tmp_path / "a.toml",), environment={"CORVUS_CONFIG": "/b.toml"})
    assert located.paths == (tmp_path / "a.toml",)


def test_the_places_are_tried_in_order(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    environment = {"HOME": str(home)}
    nothing = locate(environment=environment, directory=work)
    assert nothing.paths == ()
    assert nothing.shown.startswith("defaults (no ")
    own = write(home / ".config" / "corvus" / "config.toml", "")
    assert locate(environment=environment, directory=work).paths == (own,)
    xdg = write(tmp_path / "xdg" / "corvus" / "config.toml", "")
    environment["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert locate(environment=environment, directory=work).paths == (xdg,)
    environment["CORVUS_CONFIG"] = str(write(tmp_path / "env.toml", ""))
    assert locate(environment=environment, directory=work).paths == (tmp_path / "env.toml",)
    here = write(work / "corvus.toml", "")
    found = locate(environment=environment, directory=work)
    assert (found.paths, found.looked_at) == ((here,), (here,))


def test_a_missing_file_in_the_environment_is_not_passed_over(tmp_path: Path) -> None:
    environment = {"CORVUS_CONFIG": str(tmp_path / "absent.toml"), "HOME": str(tmp_path)}
    located = locate(environment=environment, directory=tmp_path)
    assert located.paths == (tmp_path / "absent.toml",)
    assert load(located.paths).settings is None
