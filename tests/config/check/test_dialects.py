from __future__ import annotations

import pytest

from corvus.config.check.documents import LoadedConfig, load_documents
from corvus.config.model.cost_table import PriceSettings
from corvus.config.model.dialects import (
    GOVERNED,
    Detection,
    Dialect,
    detect,
    host_keys,
    native_only_keys,
)
from corvus.config.toml.document import read_document


def loaded(text: str, dialect: str = "auto") -> LoadedConfig:
    document, problems = read_document(text.encode(), "corvus.toml")
    assert document is not None
    assert not problems
    return load_documents((document,), dialect)


def codes(text: str, dialect: str = "auto") -> list[str]:
    return [diagnostic.code for diagnostic in loaded(text, dialect).diagnostics]


def test_a_file_without_host_keys_is_native() -> None:
    assert detect({"cost": {}, "autonomy": {}}) == Detection(Dialect.NATIVE)


def test_keys_that_only_zeroclaw_has_make_it_zeroclaw() -> None:
    found = detect({"gateway": {}, "storage": {}, "schema_version": 2, "proxy": {}})
    assert found.dialect is Dialect.ZEROCLAW
    assert found.evidence == ("[storage]", "schema_version", "[proxy]")


def test_keys_that_both_runtimes_have_make_it_corvus() -> None:
    found = detect({"gateway": {}, "default_temperature": 0.7, "cost": {}})
    assert found.dialect is Dialect.CORVUS
    assert found.evidence == ("[gateway]", "default_temperature")


def test_a_key_inside_a_governed_table_counts_beside_a_host_key() -> None:
    found = detect({"gateway": {}, "autonomy": {"allowed_roots": []}})
    assert found == Detection(Dialect.ZEROCLAW, ("autonomy.allowed_roots",))


def test_a_key_inside_a_governed_table_does_not_count_alone() -> None:
    """A typo in corvus.toml must not turn it into a stranger's file."""
    assert detect({"autonomy": {"allowed_roots": []}}).dialect is Dialect.NATIVE
    assert codes("[autonomy]\nallowed_roots = []\n") == ["unknown-key"]


def test_a_pinned_dialect_wins_over_the_evidence() -> None:
    assert detect({"storage": {}}, "native") == Detection(Dialect.NATIVE, pinned=True)
    assert codes("[storage]\n", "native") == ["unknown-key"]


def test_a_misspelt_governed_table_never_passes_silently() -> None:
    for context in ("", "[gateway]\n", "[storage]\n"):
        found = loaded(f"{context}[costs]\nenabled = true\n").diagnostics
        assert [diagnostic.code for diagnostic in found] == ["unknown-key"]
        assert found[0].help == ("Did you mean `[cost]`?",)


@pytest.mark.parametrize("dialect", ["corvus", "zeroclaw"])
def test_host_sections_are_never_looked_into(dialect: str) -> None:
    keys = sorted(host_keys(Dialect(dialect)))
    text = "".join(f"[{key}]\ncost = true\nlevel = 7\nnonsense.deep = []\n" for key in keys)
    assert codes(text, dialect) == []


def test_no_governed_table_is_a_host_key() -> None:
    for dialect in Dialect:
        assert not host_keys(dialect) & set(GOVERNED)


@pytest.mark.parametrize(
    "line",
    [
        'cost.unpriced_models = "warn"',
        "cost.default_output_tokens = 100",
        "cost.reservation_ttl_seconds = 100",
        'cost.budgets = [{ name = "a", period = "day", limit_usd = 1 }]',
        "governance.ledger.retention_days = 1",
        'cost.prices."m" = { input = 1, output = 1, reasoning = 1 }',
    ],
)
def test_a_native_only_key_is_refused_where_the_runtime_would_refuse_it(line: str) -> None:
    assert codes(line, "native") == []
    found = loaded(line, "corvus").diagnostics
    assert [diagnostic.code for diagnostic in found] == ["native-only-key"]
    assert "runtime would refuse" in found[0].message


def test_a_native_only_key_is_reported_once_also_when_its_value_is_wrong() -> None:
    assert codes('cost.unpriced_models = "sometimes"', "corvus") == ["native-only-key"]


def test_the_kinds_of_price_that_only_corvus_has_are_all_but_two() -> None:
    of_prices = {route[-1] for route in native_only_keys() if "*" in route}
    assert frozenset(PriceSettings.model_fields) - {"input", "output"} == of_prices


def test_session_limit_is_no_native_only_key() -> None:
    assert codes("cost.session_limit_usd = 1", "corvus") == []


@pytest.mark.parametrize("key", ["workspace_dir", "config_path"])
def test_a_key_that_the_runtime_sets_itself_is_refused_in_a_file(key: str) -> None:
    assert codes(f'{key} = "/srv"\n', "corvus") == ["runtime-only-key"]
    assert codes(f'{key} = "/srv"\n', "zeroclaw") == []


def test_keys_that_zeroclaw_adds_to_governed_tables_pass_silently() -> None:
    text = (
        '[storage]\n[cost]\ntrack_per_agent = 3\n[cost.enforcement]\nmode = "warn"\n'
        "[autonomy]\nshell_timeout_secs = 60\n"
    )
    assert codes(text) == []
    assert codes(text + "shell_timeout_sec = 60\n") == ["unknown-key"]
