"""Every key has a meaning, in the editor and in the published schema alike."""

from __future__ import annotations

import pytest

from corvus.config.model import keys
from corvus.config.model.dialects import Dialect
from corvus.config.toml.values import Route
from corvus.lsp import knowledge
from corvus.model.request import ATTRIBUTES
from tests.lsp.views import items

MATCH: Route = ("cost", "budgets", 0, "match")


def test_every_key_has_a_meaning() -> None:
    for route in keys.routes():
        facts = knowledge.facts(route)
        assert facts is not None
        assert facts.meaning, route


def test_every_attribute_that_a_budget_matches_has_a_meaning() -> None:
    names = knowledge.keys_of(MATCH, Dialect.NATIVE)
    assert {*names} == {*ATTRIBUTES}
    meanings = set[str]()
    for name in (*names, "tag.team"):
        facts = knowledge.facts((*MATCH, name))
        assert facts is not None
        meanings.add(facts.meaning)
    assert "" not in meanings
    assert len(meanings) == len(names) + 1


def test_what_is_no_attribute_and_no_tag_has_none() -> None:
    facts = knowledge.facts((*MATCH, "usr"))
    assert facts is None or facts.meaning == ""


@pytest.mark.parametrize("text", ["[[cost.budgets]]\nmatch = { | }\n"])
def test_completion_says_what_an_attribute_is(text: str) -> None:
    about = items(text)["branch"].documentation
    assert about is not None
    assert "Branch of the repository" in getattr(about, "value", "")
