"""What is offered at the cursor: models as keys, bundled prices, and headers that clash not."""

from __future__ import annotations

import tomllib

import pytest

from corvus.lsp.completion import complete
from tests.lsp.views import items, offered, view_of

BUDGET = '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 5\n'


@pytest.mark.parametrize(
    "text",
    [
        '[cost.prices."gpt-5"]\ninput = |\n',
        '[cost.prices]\n"gpt-5" = { output = 3, input = | }\n',
        '[cost]\nprices."gpt-5".input = |\n',
    ],
)
def test_the_value_of_a_rate_is_the_bundled_one(text: str) -> None:
    assert offered(text) == {"1.25": "1.25"}
    assert items(text)["1.25"].detail == "bundled price"


def test_a_model_without_a_bundled_price_has_no_rate() -> None:
    assert offered('[cost.prices."made-up"]\ninput = |\n') == {}
    assert offered('[cost.prices."gpt-5"]\neffective_from = |\n').keys().isdisjoint({"1.25", "10"})


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[cost.downgrade]\n|\n", '"claude-sonnet-4-5" = []'),
        ('[cost.downgrade]\n"claude-son|\n', '"claude-sonnet-4-5" = []'),
        ("[cost]\ndowngrade = { | }\n", '"claude-sonnet-4-5" = []'),
        ('[cost.downgrade]\n"claude-son|" = ["x"]\n', '"claude-sonnet-4-5"'),
        (BUDGET + 'per = ["model"]\nlimits = { | }\n', '"claude-sonnet-4-5" = '),
        (BUDGET + 'per = ["model"]\n[cost.budgets.limits]\nclaude|\n', '"claude-sonnet-4-5" = '),
    ],
)
def test_models_are_keys_where_a_table_is_by_model(text: str, written: str) -> None:
    assert offered(text)['"claude-sonnet-4-5"'] == written


def test_a_model_that_has_its_key_is_not_offered_again() -> None:
    there = '"claude-sonnet-4-5" = ["claude-haiku-4-5"]'
    assert '"claude-sonnet-4-5"' not in offered(f"[cost.downgrade]\n{there}\n|\n")
    assert '"claude-sonnet-4-5"' not in offered(f"[cost]\ndowngrade = {{ {there}, | }}\n")


@pytest.mark.parametrize("per", ["", 'per = ["user"]\n', 'per = ["user", "model"]\n'])
def test_limits_by_anything_else_have_no_models(per: str) -> None:
    assert offered(BUDGET + per + "limits = { | }\n") == {}


def test_tables_of_the_budget_before_have_a_header() -> None:
    below = {"[cost.budgets.match]", "[cost.budgets.limits]"}
    assert below <= offered(BUDGET + "\n[|").keys()
    assert below <= offered(BUDGET + "\n[cost.bud|]\n" + BUDGET).keys()
    assert below.isdisjoint(offered("[|\n" + BUDGET))
    assert "[cost.budgets.match]" not in offered(BUDGET + 'match = { user = "x" }\n[|')
    assert "[cost.budgets.match]" not in offered(BUDGET + "[cost.budgets.match]\nuser = 'x'\n[|")
    assert "[cost.budgets.match]" in offered(BUDGET + 'match.user = "x"\n' + BUDGET + "[|")
    assert below.isdisjoint(offered(BUDGET + "\n[[|"))


def test_at_the_top_a_table_is_offered_by_its_header_alone() -> None:
    found = items("|")
    assert {"[cost]", "[governance]", "[[cost.budgets]]"} <= found.keys()
    assert {"cost", "governance"}.isdisjoint(found)
    found = items("gov|\n")
    assert found["[governance]"].filter_text == "governance"
    assert items("[gov|")["[governance]"].filter_text == "[governance]"
    assert "[cost]" in offered("[cost|]\nenabled = true\n")
    assert offered("co| = { enabled = true }\n")["cost"] == "cost"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cost = { enabled = true }\n",
        "cost.enabled = true\n",
        'cost.prices."gpt-5".input = 1\n',
        "[cost]\nbudgets = []\nprices = {}\n",
        "[cost]\ncheck = 1\n[cost.downgrade]\n",
        BUDGET,
        BUDGET + 'match.user = "ana"\n',
        "[governance.check.severity]\n",
    ],
)
@pytest.mark.parametrize("start", ["", "["])
def test_no_header_is_offered_that_would_define_a_table_twice(text: str, start: str) -> None:
    found = [each for each in offered(f"{text}{start}|").values() if each.startswith("[")]
    assert start == "" or found
    for header in found:
        tomllib.loads(f"{text}{header}\n")


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_nothing_is_offered_in_a_text_of_several_lines(quotes: str) -> None:
    for inside in ("|", "\n|", "\n[|", "\nda|", "\n[cost]\nenabled = |", "\n# corvus: ignore[|"):
        for end in (f"\n{quotes}\n", "\n"):
            assert offered(f"[cost]\nx = {quotes}{inside}{end}") == {}


def test_settings_are_not_offered_in_a_policy_test() -> None:
    view = view_of("[[case]]\n\n", name="budgets.test.toml")
    assert [found.code for found in view.checked.diagnostics] == ["missing-key"]
    assert complete(view, view.text.range(9, 9).start).items == []
