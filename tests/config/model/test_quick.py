"""The quick verdict is the verdict of the settings model, for every document there is."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from corvus.config.model import quick
from corvus.config.model.settings import Settings
from corvus.config.toml.values import as_items, is_table

ROOT = Path(__file__).parents[3]
FULL = ROOT / "tests" / "golden" / "valid" / "full.toml"
FILES = sorted((ROOT / "tests").glob("**/*.toml"))
ODD: tuple[object, ...] = (
    True,
    0,
    -1,
    5,
    10**12,
    Decimal("0.5"),
    Decimal("80.0"),
    Decimal("0.12345678901"),
    Decimal("Infinity"),
    Decimal("NaN"),
    0.5,
    "",
    "x",
    "deny",
    "UTC",
    "-",
    [],
    ["x"],
    [1],
    {},
    {"x": 1},
)


def parsed(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


def model_accepts(data: dict[str, Any]) -> bool:
    try:
        Settings.model_validate(data)
    except ValidationError:
        return False
    return True


def routes(value: object, route: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if route:
        yield route
    if is_table(value):
        for key in value:
            yield from routes(value[key], (*route, key))
    for index, item in enumerate(as_items(value)):
        yield from routes(item, (*route, index))


def changed(data: dict[str, Any], route: tuple[Any, ...], *value: object) -> dict[str, Any]:
    """Return a copy with one value replaced, or taken away when none is given."""
    copied = copy.deepcopy(data)
    holder: Any = copied
    for part in route[:-1]:
        holder = holder[part]
    if value:
        holder[route[-1]] = value[0]
    else:
        del holder[route[-1]]
    return copied


def test_a_pydantic_core_that_does_not_know_the_data_takes_the_slower_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "settings_core.json"
    other.write_text('{"schema": {"type": "unheard-of"}}')
    monkeypatch.setattr(quick, "DATA", other)
    quick.compiled.cache_clear()
    quick.load_validator.cache_clear()
    assert not quick.is_valid({})
    quick.compiled.cache_clear()
    quick.load_validator.cache_clear()


TEXTS = st.one_of(
    st.sampled_from(("", "a", "tag.", "tag.x", "user", "http:///x", "http://x", "https://a b")),
    st.text(max_size=6),
    st.text("aZé0_-*?.:/ \n\x1c\u00a0\u180e", max_size=8),
)


@pytest.mark.parametrize("pattern", quick.PATTERNS)
@given(data=st.data())
def test_a_function_that_stands_in_for_a_pattern_agrees_with_it(
    pattern: str, data: st.DataObject
) -> None:
    """It may be stricter where ``re`` and pydantic differ in what white space is."""
    text = data.draw(st.one_of(st.from_regex(pattern), TEXTS))
    if quick.PATTERNS[pattern](text):
        TypeAdapter(Annotated[str, Field(pattern=pattern)]).validate_python(text)
    else:
        assert not re.search(pattern.removesuffix("$") + r"\Z", text)


def test_no_pattern_is_left_to_compile() -> None:
    assert '"pattern"' not in Path(quick.DATA).read_text()


def test_pydantic_can_be_imported_after_its_compiled_part_alone() -> None:
    script = (
        "import sys\nfrom corvus.config.model import quick\n"
        "print(quick.is_valid({'cost': {'enabled': True}}), 'pydantic_core' in sys.modules)\n"
        "from corvus.config.model.settings import Settings\n"
        "print(Settings.model_validate({'cost': {'enabled': True}}).cost.enabled)\n"
        "print(quick.is_valid({'cost': {'enabled': 1}}))\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "False", "True", "False"], run.stderr


def test_it_agrees_on_every_document_of_the_tests() -> None:
    verdicts: list[bool] = []
    for path in FILES:
        try:
            data = parsed(path)
        except (ValueError, RecursionError):
            continue
        verdicts.append(model_accepts(data))
        assert quick.is_valid(data) is verdicts[-1], path.name
    assert {True, False} == set(verdicts)


def test_it_agrees_on_every_single_change_to_a_document_that_has_every_key() -> None:
    full = parsed(FULL)
    assert quick.is_valid(full)
    refused = 0
    for route in routes(full):
        variants = [changed(full, route), *(changed(full, route, odd) for odd in ODD)]
        if isinstance(route[-1], str):
            variants.append(changed(full, (*route[:-1], "unheard-of"), 1))
        for variant in variants:
            accepted = model_accepts(variant)
            refused += not accepted
            assert quick.is_valid(variant) is accepted, (route, variant)
    assert refused > 500
