"""Defaults, files, environment, command line: the last one wins and its place is known (CFG-5)."""

from __future__ import annotations

import tempfile
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corvus.config.layers.environment import OTHER_USES, variable
from corvus.config.layers.load import Layers, load_layers
from corvus.config.layers.origins import EffectiveSetting, effective
from corvus.config.toml.values import Route, shown, written
from corvus.diagnostics.model import ConfigError

DEFAULTS: dict[Route, object] = {
    ("cost", "enabled"): False,
    ("cost", "daily_limit_usd"): Decimal(10),
    ("cost", "warn_at_percent"): 80,
    ("autonomy", "level"): "supervised",
    ("autonomy", "always_ask"): [],
    ("governance", "gateway", "port"): 8642,
    ("governance", "ledger", "path"): None,
}
VALUES: dict[Route, st.SearchStrategy[object]] = {
    ("cost", "enabled"): st.booleans(),
    ("cost", "daily_limit_usd"): st.decimals(0, 9_000, places=9),
    ("cost", "warn_at_percent"): st.integers(0, 100),
    ("autonomy", "level"): st.sampled_from(["readonly", "supervised", "full"]),
    ("autonomy", "always_ask"): st.lists(st.text(max_size=3), max_size=3),
    ("governance", "gateway", "port"): st.integers(0, 65_535),
    ("governance", "ledger", "path"): st.text(
        st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5
    ),
}
LAYER = st.fixed_dictionaries({}, optional=VALUES)
Settings = dict[Route, object]


def document(stated: Settings) -> str:
    return "".join(f"{shown(route)} = {written(value)}\n" for route, value in stated.items())


def by_route(layered: Layers) -> dict[Route, EffectiveSetting]:
    return {row.route: row for row in effective(layered.loaded)}


def load(*sets: str, **variables: str) -> Layers:
    return load_layers((), sets, {"HOME": "/nowhere"} | variables)


def refused(*sets: str, **variables: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(*sets, **variables)
    return caught.value


@settings(deadline=None)  # it writes files
@given(lower=LAYER, upper=LAYER, environment=LAYER, command_line=LAYER)
def test_the_last_layer_wins_and_its_place_is_told(
    lower: Settings, upper: Settings, environment: Settings, command_line: Settings
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, "1.toml"), Path(folder, "2.toml")]
        for file, layer in zip(files, (lower, upper), strict=True):
            file.write_text(document(layer), encoding="utf-8", newline="")
        layered = load_layers(
            files,
            [f"{shown(route)}={written(value)}" for route, value in command_line.items()],
            {variable(route): written(value) for route, value in environment.items()},
        )
    rows = by_route(layered)
    for route, default in DEFAULTS.items():
        stated: list[tuple[object, str]] = [(default, "default")]
        for file, layer in zip(files, (lower, upper), strict=True):
            if route in layer:
                line = list(layer).index(route) + 1
                column = shown(route).rindex(str(route[-1])) + 1
                stated.append((layer[route], f"{file}:{line}:{column}"))
        if route in environment:
            stated.append((environment[route], f"env {variable(route)}"))
        if route in command_line:
            stated.append((command_line[route], "--set"))
        value, place = stated[-1]
        assert rows[route].value == value
        assert rows[route].origin.place == place
        below = [place for _, place in reversed(stated[1:-1])]
        assert [origin.place for origin in rows[route].shadowed] == below


WRONG_TYPES = {
    "cost.enabled": ["1", '"true"', "yes", "True", ""],
    "cost.daily_limit_usd": [
        '"25"',
        "true",
        "abc",
        "25 # a comment",
        "25\ncost.enabled = true",
        "",
    ],
    "cost.warn_at_percent": ["80.0", "8e1", '"80"', "1_000_"],
    "autonomy.level": ["25", "true", '["full"]'],
    "autonomy.always_ask": ["git", '"git"', "{ a = 1 }", "[1]"],
    "governance.ledger": ["25", "path"],
}


@pytest.mark.parametrize("key", WRONG_TYPES)
def test_types_are_as_strict_as_in_a_file_and_the_layer_is_named(key: str) -> None:
    """CFG-4: nothing is converted, on any layer."""
    name = variable(tuple(key.split(".")))
    for text in WRONG_TYPES[key]:
        for error, place in (
            (refused(**{name: text}), f"env {name}"),
            (refused(f"{key}={text}"), f"--set {key}"),
        ):
            (problem,) = error.diagnostics
            assert (problem.code, problem.file) == ("wrong-type", place), text
            assert problem.span is not None


def test_a_word_without_quotes_is_a_string_where_a_string_belongs() -> None:
    rows = by_route(load("governance.ledger.path=a b.duckdb", CORVUS_AUTONOMY__LEVEL="full"))
    assert rows["autonomy", "level"].value == "full"
    assert rows["governance", "ledger", "path"].value == "a b.duckdb"
    quoted = by_route(load('autonomy.level="readonly"', CORVUS_GOVERNANCE__LEDGER__PATH="'25'"))
    assert quoted["autonomy", "level"].value == "readonly"
    assert quoted["governance", "ledger", "path"].value == "25"


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ('["a", "b"', "syntax-error", 1),
        ('["a" "b"]', "syntax-error", 6),
        ('"a', "syntax-error", 1),
        ("99999999999999999999", "number-out-of-range", 1),
        ("[1, { a = 1, a = 2 }]", "duplicate-key", 14),
    ],
)
def test_broken_toml_has_a_place_in_the_value(text: str, code: str, column: int) -> None:
    (problem,) = refused(CORVUS_AUTONOMY__ALWAYS_ASK=text).diagnostics
    assert (problem.code, problem.span and problem.span.start.column) == (code, column)


def test_a_caret_points_into_the_value_as_it_was_typed() -> None:
    (problem,) = refused(CORVUS_COST__PRICES='{ "a/b" = { input = -1, output = 2 } }').diagnostics
    assert problem.span is not None
    assert (problem.span.start.column, problem.span.end.column) == (21, 23)


def test_a_value_that_is_not_utf8_is_refused() -> None:
    (problem,) = refused(CORVUS_GOVERNANCE__LEDGER__PATH="\udcff").diagnostics
    assert problem.code == "invalid-utf8"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CORVUS_COST_DAILY_LIMIT_USD", "Did you mean `CORVUS_COST__DAILY_LIMIT_USD`?"),
        ("CORVUS_COST__DALY_LIMIT_USD", "Did you mean `CORVUS_COST__DAILY_LIMIT_USD`?"),
        ("CORVUS_CONFG", "Did you mean `CORVUS_CONFIG`?"),
        ("CORVUS_COST__DAILY_LIMIT_USD__X", "Did you mean `CORVUS_COST__DAILY_LIMIT_USD`?"),
        ("CORVUS_COST__BUDGETS__0__LIMIT_USD", "One item of an array cannot be set"),
        ("CORVUS_COST__PRICES__GPT_5__INPUT", "Prices are set by one variable with a table"),
        ("CORVUS_COST__DOWNGRADE__GPT_5", "Models to downgrade to are set by one variable"),
        ("CORVUS_API_TOKEN", "Names are keys in upper case"),
        ("CORVUS___", "Names are keys in upper case"),
        ("corvus_cost__daily_limit_usd", "Write `CORVUS_COST__DAILY_LIMIT_USD`."),
        ("Corvus_Config", "Write `CORVUS_CONFIG`."),
        ("corvus_cost__daly_limit_usd", "Write `CORVUS_COST__DAILY_LIMIT_USD`."),
    ],
)
def test_a_variable_that_sets_nothing_is_refused_by_name_only(name: str, hint: str) -> None:
    (problem,) = refused(**{name: "hunter2"}).diagnostics
    assert (problem.code, problem.file) == ("unknown-variable", f"env {name}")
    assert name in problem.message
    assert problem.help[0].startswith(hint)
    assert "hunter2" not in repr(problem)


def test_variables_of_others_and_with_other_uses_are_no_settings() -> None:
    others = dict.fromkeys(OTHER_USES, "x") | {"corvus_data": "x", "PATH": "x", "MYCORVUS_X": "x"}
    del others["CORVUS_CONFIG"]
    assert load(**others).loaded.diagnostics == ()


def test_all_problems_of_all_layers_are_told_at_once(tmp_path: Path) -> None:
    """CFG-3."""
    file = tmp_path / "corvus.toml"
    file.write_text("cost.daily_limit_usd = -1\n")
    with pytest.raises(ConfigError) as caught:
        load_layers(
            [file], ["cost.x=1", "nonsense"], {"CORVUS_NOPE": "", "CORVUS_COST__ENABLED": "1"}
        )
    assert {(one.code, one.file) for one in caught.value.diagnostics} == {
        ("out-of-range", str(file)),
        ("wrong-type", "env CORVUS_COST__ENABLED"),
        ("unknown-key", "--set cost.x"),
        ("unknown-variable", "env CORVUS_NOPE"),
        ("invalid-assignment", "--set"),
    }


@pytest.mark.parametrize(
    "word", ["cost.enabled", "=1", "", "a..b=1", "cost.budgets[0].x=1", '"\\q"=1', '"\\ud800"=1']
)
def test_a_set_without_a_key_and_a_value_is_refused(word: str) -> None:
    (problem,) = refused(word).diagnostics
    assert problem.code == "invalid-assignment"


def test_a_key_of_a_host_runtime_cannot_be_set() -> None:
    assert [one.code for one in refused("memory.backend=x").diagnostics] == ["unknown-key"]


def test_tables_merge_key_by_key_and_arrays_are_replaced(tmp_path: Path) -> None:
    file = tmp_path / "corvus.toml"
    file.write_text(
        'cost.prices."a" = { input = 1, output = 1 }\nautonomy.always_ask = ["x", "y"]\n'
    )
    sets = ['cost.prices."b.c"={ input = 2, output = 2 }', "autonomy.always_ask=['z']"]
    rows = by_route(load_layers([file], sets, {}))
    assert rows["cost", "prices", "a", "input"].origin.place == f"{file}:1:21"
    assert rows["cost", "prices", "b.c", "input"].origin.place == "--set"
    assert rows["autonomy", "always_ask"].value == ["z"]


def test_the_ladder_and_its_models_come_from_every_layer(tmp_path: Path) -> None:
    """CFG-5, EVA-14: models to downgrade to are merged key by key, rungs are replaced."""
    file = tmp_path / "corvus.toml"
    file.write_text('cost.on_exceeded = ["cap"]\ncost.downgrade."a-*" = ["b"]\n')
    environment = {"CORVUS_COST__DOWNGRADE": '{ "c.1" = ["d"] }'}
    layered = load_layers([file], ['cost.on_exceeded=["wait", "downgrade"]'], environment)
    rows = by_route(layered)
    assert rows["cost", "on_exceeded"].value == ["wait", "downgrade"]
    assert rows["cost", "on_exceeded"].shadowed[0].place == f"{file}:1:6"
    assert rows["cost", "downgrade", "a-*"].origin.place == f"{file}:2:16"
    assert rows["cost", "downgrade", "c.1"].origin.place == "env CORVUS_COST__DOWNGRADE"


def test_an_exception_to_a_limit_has_a_place_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "corvus.toml"
    file.write_text(
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nper = ["user"]\n'
        'match = { "tag.team" = ["a", "b"] }\n[cost.budgets.limits]\n"x*" = 2\nana = 3\n'
    )
    rows = by_route(load_layers([file], (), {}))
    assert rows["cost", "budgets", 0, "limits", "x*"].origin.place == f"{file}:8:1"
    assert rows["cost", "budgets", 0, "limits", "ana"].value == 3
    assert rows["cost", "budgets", 0, "match"].value == {"tag.team": ["a", "b"]}


def test_a_single_key_goes_above_a_whole_table_of_the_environment() -> None:
    rows = by_route(load(CORVUS_COST="{ daily_limit_usd = 1 }", CORVUS_COST__DAILY_LIMIT_USD="2"))
    assert rows["cost", "daily_limit_usd"].value == Decimal(2)
    assert [one.place for one in rows["cost", "daily_limit_usd"].shadowed] == ["env CORVUS_COST"]


def test_a_deprecated_key_is_the_origin_of_its_canonical_one(tmp_path: Path) -> None:
    """DEP-2, on every layer."""
    file = tmp_path / "corvus.toml"
    file.write_text("[autonomy]\nmax_cost_per_day_cents = 7\n")
    route = ("autonomy", "max_actions_per_hour")
    row = by_route(load_layers([file], (), {}))[route]
    assert (row.value, row.origin.place) == (7, f"{file}:2:1")
    layered = load_layers([file], (), {"CORVUS_AUTONOMY__MAX_COST_PER_DAY_CENTS": "9"})
    row = by_route(layered)[route]
    assert (row.value, row.shadowed[0].place) == (9, f"{file}:2:1")
    assert layered.loaded.deprecated_fields == ("autonomy.max_cost_per_day_cents",)


def test_the_items_of_an_array_of_tables_have_places_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "corvus.toml"
    file.write_text('[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n')
    rows = by_route(load_layers([file], (), {}))
    assert rows["cost", "budgets", 0, "limit_usd"].origin.place == f"{file}:4:1"
    assert rows["cost", "budgets", 0, "timezone"].is_default


@example("\U000e0001")  # once written with four digits, which is another character
@given(
    st.recursive(
        st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.decimals(-(10**9), 10**9, places=9)
        | st.text(st.characters(codec="utf-8"))
        | st.dates(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
        ),
    )
)
def test_what_is_written_reads_back_as_the_same_value(value: object) -> None:
    assert tomllib.loads(f"v = {written(value)}", parse_float=Decimal)["v"] == value
