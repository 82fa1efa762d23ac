"""Each budget has a line above it, in whichever way it is stated."""

from __future__ import annotations

import pytest

from corvus.lsp.lenses import lenses
from corvus.lsp.spend import BudgetSpend
from tests.lsp.views import view_of

SPEND = {name: BudgetSpend(f"spend of {name}", True, False) for name in ("a", "b", "day")}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            '[cost]\ndaily_limit_usd = 2\nbudgets = [\n  { name = "a" }, # first\n'
            '  { name = \'b\', period = "day" },\n  { period = "day" },\n  { name = "none" },\n]\n',
            {1: "day", 3: "a", 4: "b"},
        ),
        ('cost.budgets = [{ name = "a" }]\n', {0: "a"}),
        ('cost = { budgets = [{ name = "\\u0061" }] }\n', {0: "a"}),
        (
            '[[cost.budgets]]\nname = "a"\n[cost.budgets.match]\nuser = "x"\n'
            '[[cost.budgets]]\nname = "b"\n',
            {0: "a", 4: "b"},
        ),
    ],
)
def test_budgets_have_a_line_where_they_begin(text: str, lines: dict[int, str]) -> None:
    found = lenses(view_of(text, SPEND))
    titles = {each.range.start.line: each.command.title for each in found if each.command}
    assert len(found) == len(lines)
    assert titles == {line: f"spend of {name}" for line, name in lines.items()}
