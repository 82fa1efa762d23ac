"""The first page stays small: an operator opens it on a bad line, too (issue 7)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from corvus.gateway.pages.cookies import Visit
from corvus.gateway.pages.figures import Figures
from corvus.gateway.pages.page import PageRequest
from corvus.gateway.pages.render import whole
from corvus.gateway.pages.summary import summary_of
from corvus.gateway.pages.views.overview import overview
from corvus.gateway.service import Service
from corvus.model.token import TokenScope
from corvus.wording.words import LANGUAGES, load_words
from tests.cli.places import CONFIG, Place

HTML_BYTES_MAX = 30_000
BUDGET = """
[[cost.budgets]]
name = "team-{number}"
period = "month"
limit_usd = {limit}
match = {{ project = "project-{number}*" }}
"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_overview_of_twenty_budgets_is_below_30_kb(tmp_path: Path, language: str) -> None:
    place = Place(tmp_path)
    more = [BUDGET.format(number=number, limit=1000 + number) for number in range(16)]
    place.config.write_text(CONFIG.replace("_usd = 0", "_usd = 90") + "".join(more))
    for number in range(6):
        place.spend(1, model=f"a-model-with-a-long-name-{number}")
    runtime = place.runtime
    words = load_words(language)
    with closing(runtime.open_stores()) as stores:
        service = Service(runtime, stores)
        figures = Figures(words)
        ask = PageRequest(service, words, figures, "", {}, TokenScope.ADMIN, "ana")
        assert summary_of(service, 20).models.rows
        page = overview(ask)
    html = whole(
        ask,
        page,
        visit=Visit("token", "ana", TokenScope.ADMIN, 0.0),
        notices=[],
        headline=page.headline,
        live="/dashboard/live?page=%2Fdashboard",
        number=1,
        run="0" * 8,
    )
    assert html.count("<article") == 20
    assert len(html.encode()) < HTML_BYTES_MAX
