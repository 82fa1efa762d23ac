"""``CorvusSettings``: pydantic-settings has the order of the layers, the rest is ours (CFG-5)."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from corvus.config import CorvusSettings
from corvus.config.layers.environment import variable
from corvus.config.layers.load import load_layers
from corvus.config.layers.order import Layer
from corvus.config.layers.settings_class import DocumentSource
from corvus.config.model.settings import Settings
from corvus.config.toml.values import Route, shown
from corvus.diagnostics.model import ConfigError

NOWHERE = {"HOME": "/nowhere"}
GUIDE = Path(__file__).parents[3] / "docs" / "settings.md"

# Right and wrong values alike, as they are spelt in a file, in a variable and behind `--set`.
SPELLINGS: dict[Route, list[str]] = {
    ("cost", "enabled"): ["true", "false", "yes", '"true"', "1"],
    ("cost", "daily_limit_usd"): ["25", "0.5", "1e2", '"25"', "-1", "nan"],
    ("cost", "warn_at_percent"): ["80", "90.0", "101"],
    ("cost", "prices"): [
        '{ "a/b" = { input = 1, output = 2 } }',
        '{ "c.d" = { input = 1 } }',
        "{}",
    ],
    ("cost", "budgets"): [
        '[{ name = "a", period = "day", limit_usd = 1, match = { user = "ana" } }]',
        '[{ name = "b", period = "day", limit_usd = 2, per = ["user"] }]',
        '[{ name = "c", period = "day" }]',
    ],
    ("cost", "daly_limit_usd"): ["1"],
    ("autonomy", "level"): ['"full"', "readonly", '"ful"'],
    ("autonomy", "always_ask"): ['["a"]', "[]", "a"],
    ("autonomy", "max_cost_per_day_cents"): ["500", "-1"],
    ("autonomy", "max_actions_per_hour"): ["7"],
    ("governance", "upstreams"): [
        '{ x = { kind = "openai" } }',
        '{ x = { base_url = "https://api.openai.com/v1" } }',
    ],
}
LAYER = st.lists(st.sampled_from([*SPELLINGS]), unique=True, max_size=3).flatmap(
    lambda routes: st.fixed_dictionaries(
        {route: st.sampled_from(SPELLINGS[route]) for route in routes}
    )
)
Spelt = dict[Route, str]


@settings(deadline=None, max_examples=150)  # it writes files
@example(
    files=[{("governance", "upstreams"): '{ x = { kind = "openai" } }'}],
    environment={("governance", "upstreams"): '{ x = { base_url = "https://api.openai.com/v1" } }'},
    sets={},
)
@example(
    files=[{("autonomy", "max_actions_per_hour"): "7"}],
    environment={("autonomy", "max_cost_per_day_cents"): "500"},
    sets={},
)
@given(files=st.lists(LAYER, max_size=2), environment=LAYER, sets=LAYER)
def test_it_gives_the_settings_of_the_loader_or_both_refuse(
    files: list[Spelt], environment: Spelt, sets: Spelt
) -> None:
    """CFG-5: whatever the layers say."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.toml") for number in range(len(files))]
        for path, layer in zip(paths, files, strict=True):
            path.write_text("".join(f"{shown(key)} = {text}\n" for key, text in layer.items()))
        names = {variable(key): text for key, text in environment.items()}
        words = [f"{shown(key)}={text}" for key, text in sets.items()]
        config = paths or [Path("/dev/null")]

        def load() -> Settings:
            loaded = load_layers(config, words, NOWHERE | names).loaded.settings
            assert loaded is not None
            return loaded

        def make() -> Settings:
            return CorvusSettings(config=config, sets=words, environment=NOWHERE | names)

        assert outcome(make) == outcome(load)


def outcome(read: Callable[[], Settings]) -> object:
    """Return the settings, or what is wrong with them."""
    try:
        return read().model_dump()
    except ConfigError as refused:
        return refused.diagnostics


def test_a_comment_that_ignores_a_key_holds(tmp_path: Path) -> None:
    file = tmp_path / "corvus.toml"
    file.write_text("[cost]\nnew_key = 1 # corvus: ignore[unknown-key] of the next version\n")
    assert not CorvusSettings(config=file, environment=NOWHERE).cost.enabled


def test_what_is_wrong_has_its_place(tmp_path: Path) -> None:
    file = tmp_path / "corvus.toml"
    file.write_text("[cost]\ndaly_limit_usd = 1\n")
    with pytest.raises(ConfigError) as caught:
        CorvusSettings(config=file, sets=["cost.enabled=yes"], environment=NOWHERE)
    assert [(one.code, Path(one.file).name) for one in caught.value.diagnostics] == [
        ("unknown-key", "corvus.toml"),
        ("wrong-type", "--set cost.enabled"),
    ]


def test_keyword_arguments_stand_above_all_layers_and_are_as_strict() -> None:
    made = CorvusSettings(
        environment=NOWHERE, sets=["cost.warn_at_percent=5"], cost={"warn_at_percent": 6}
    )
    assert made.cost.warn_at_percent == 6
    with pytest.raises(ValidationError):
        CorvusSettings(environment=NOWHERE, cost={"warn_at_percent": "6"})
    with pytest.raises(ValidationError):
        CorvusSettings(environment=NOWHERE, cots={})


def test_the_variables_of_the_process_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORVUS_COST__DAILY_LIMIT_USD", "7")
    made = CorvusSettings()
    assert made.cost.daily_limit_usd == Decimal(7)
    assert [row.origin.place for row in made.origins if not row.is_default] == [
        "env CORVUS_COST__DAILY_LIMIT_USD"
    ]


def test_the_order_is_that_of_the_layers(tmp_path: Path) -> None:
    """CFG-5: from the highest to the lowest, later files above earlier ones."""
    seen: list[Any] = []

    class Watched(CorvusSettings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            sources = super().settings_customise_sources(
                settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
            )
            seen.extend(sources[1:])
            return sources

    files = [tmp_path / "1.toml", tmp_path / "2.toml"]
    for number, file in enumerate(files, 1):
        file.write_text(f"[mission]\nmax_steps = {number}\n")
    make: Any = Watched  # type checkers make an `__init__` of the fields for a subclass
    made = make(
        config=files,
        sets=["mission.max_steps=4", "mission.max_steps=5"],
        environment=NOWHERE | {"CORVUS_MISSION__MAX_STEPS": "3"},
    )
    assert made.mission.max_steps == 5
    assert all(isinstance(source, DocumentSource) for source in seen)
    assert [(source.layer, source()["mission"]["max_steps"]) for source in seen] == [
        (Layer.COMMAND_LINE, 5),
        (Layer.COMMAND_LINE, 4),
        (Layer.ENVIRONMENT, 3),
        (Layer.FILE, 2),
        (Layer.FILE, 1),
    ]


def test_no_check_and_no_command_imports_it(tmp_path: Path) -> None:
    (tmp_path / "corvus.toml").write_text("[cost]\nenabled = true\n")
    for words in (["check"], ["config", "show"]):
        program = (
            "import sys\nfrom corvus.cli.main import main\n"
            f"main({words!r})\nprint('pydantic_settings' in sys.modules)"
        )
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True, text=True, check=True, cwd=tmp_path,
        )  # fmt: skip
        assert result.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL))
def test_the_examples_of_the_guide_run(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "corvus.toml").write_text("[cost]\nenabled = true\ndaily_limit_usd = 10\n")
    exec(compile(block, str(GUIDE), "exec"), {})
