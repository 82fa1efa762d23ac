"""The deprecated key ``autonomy.max_cost_per_day_cents`` (DEP-1 to DEP-3)."""

from __future__ import annotations

from decimal import Decimal

from corvus.config.check.documents import LoadedConfig, load_documents
from corvus.config.check.rules import deprecated_key
from corvus.config.model.aliases import ALIASES
from corvus.config.toml.document import read_document

OLD = "autonomy.max_cost_per_day_cents"


def loaded(*texts: str) -> LoadedConfig:
    documents = [read_document(text.encode(), f"{n}.toml")[0] for n, text in enumerate(texts)]
    return load_documents([document for document in documents if document is not None])


def actions(found: LoadedConfig) -> int:
    assert found.settings is not None
    return found.settings.autonomy.max_actions_per_hour


def test_alone_its_number_becomes_the_canonical_one() -> None:
    found = loaded("[autonomy]\nmax_cost_per_day_cents = 500\n")
    assert actions(found) == 500
    assert found.deprecated_fields == (OLD,)
    (warning,) = found.diagnostics
    assert "the units differ" in warning.message
    assert "500 cents per day are read as 500 actions per hour" in warning.message


def test_beside_the_canonical_key_it_is_dropped_and_both_numbers_are_shown() -> None:
    found = loaded("[autonomy]\nmax_cost_per_day_cents = 1250\nmax_actions_per_hour = 20\n")
    assert actions(found) == 20
    assert found.deprecated_fields == (OLD,)
    (warning,) = found.diagnostics
    assert "1250" in warning.message
    assert "20" in warning.message
    assert "A cap of 12.5 USD per day (1250/100) is NOT enforced by this key." in warning.help
    assert "cost.daily_limit_usd = 12.5" in warning.help[1]
    assert [label.message for label in warning.related] == ["this value wins"]


def test_with_equal_numbers_no_lost_cap_is_told() -> None:
    (warning,) = loaded(
        "[autonomy]\nmax_cost_per_day_cents = 20\nmax_actions_per_hour = 20\n"
    ).diagnostics
    assert "NOT enforced" not in " ".join(warning.help)


def test_without_it_nothing_is_deprecated() -> None:
    found = loaded("[autonomy]\nmax_actions_per_hour = 20\n")
    assert (found.deprecated_fields, found.diagnostics) == ((), ())


def test_a_wrong_number_is_one_error_at_the_key_that_was_written() -> None:
    found = loaded("[autonomy]\nmax_cost_per_day_cents = -5\n")
    (error,) = found.diagnostics
    assert (error.code, error.path) == ("out-of-range", ("autonomy", "max_cost_per_day_cents"))
    assert found.deprecated_fields == (OLD,)
    assert found.settings is None


def test_a_wrong_canonical_value_is_not_hidden_by_the_deprecated_one() -> None:
    found = loaded('[autonomy]\nmax_cost_per_day_cents = 5\nmax_actions_per_hour = "x"\n')
    assert [one.code for one in found.diagnostics] == ["deprecated-key", "wrong-type"]


def test_a_later_layer_overrides_the_number_that_stood_in() -> None:
    old, new = (
        "[autonomy]\nmax_cost_per_day_cents = 500\n",
        "[autonomy]\nmax_actions_per_hour = 7\n",
    )
    assert actions(loaded(old, new)) == 7
    assert actions(loaded(new, old)) == 500


def test_every_alias_has_a_timeline_in_order() -> None:
    for alias in ALIASES:
        assert alias.since <= alias.deprecated < alias.removed
        assert alias.removed in alias.timeline
        assert alias.old[:-1] == alias.new[:-1]


def test_a_limit_that_is_no_number_is_no_limit_to_compare_with() -> None:
    """It comes from an environment variable, as a TOML float it is refused before."""
    old = {"autonomy": {"max_cost_per_day_cents": 500}}
    found = deprecated_key.cap_help({"cost": {"daily_limit_usd": Decimal("NaN")}} | old, 500, "For")
    assert "cost.daily_limit_usd = 5" in " ".join(found)
