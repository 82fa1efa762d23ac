"""Spanish is complete or not shown: every page, form, refusal and mistake is walked (DSH-2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from corvus.reporting.catalog import load_catalog
from tests.conftest import RecordCalls
from tests.gateway.conftest import Served
from tests.gateway.pages.looks import OF_A_ROW, PAGES, STATUSES, busy_gateway
from tests.gateway.pages.visiting import Visitor, words
from tests.wording.english import english_in, english_phrases

DATA = (
    "the release must go out",
    "a run went astray",
    "very-long-name-of-a-model",
    "mend-the-tests",
    "unheard-of",
    "someday",
    "nobody",
    "corvus agent -- COMMAND",
    "a-provider/models/",
)
"""What people and programs of the place wrote: shown as it is."""


def seen(page: str) -> str:
    """Return what a page says to eyes and ears, without code, names and what people wrote."""
    body = re.sub(r"(?s)<code\b.*?</code>", " ", page)
    heard = re.findall(
        r"(?:aria-label|aria-valuetext|title|placeholder|data-(?:label|lost|ended|store|on|off))=\"([^\"]*)\"",
        body,
    )
    text = words(f"{body} {' · '.join(heard)}")
    for one in DATA:
        text = text.replace(one, " ")
    return re.sub(r"\S*/\S*\.toml\S*|[0-9a-f]{16}:\w+:\w+", " ", text)  # files, and marks of calls


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, record_calls: RecordCalls) -> Iterator[Served]:
    with busy_gateway(tmp_path_factory.mktemp("spanish"), record_calls) as served:
        yield served
    Visitor.close_all()


@pytest.fixture(scope="module")
def reader(busy: Served) -> Visitor:
    visitor = Visitor(busy, "admin", language="es")
    visitor.text()
    return visitor


@pytest.fixture(scope="module")
def phrases() -> list[str]:
    found = english_phrases()
    assert len(found) > 300
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_english(reader: Visitor, phrases: list[str], name: str) -> None:
    answer = reader.client.get(f"/dashboard{PAGES[name]}")
    assert answer.status_code == STATUSES.get(name, 200)
    assert 'lang="es"' in answer.text
    assert english_in(seen(answer.text), phrases) == []


@pytest.mark.parametrize("name", OF_A_ROW)
def test_a_form_of_a_row_has_no_english(reader: Visitor, phrases: list[str], name: str) -> None:
    path, link = OF_A_ROW[name]
    part = re.search(r"\*='([^']*)'", link)
    assert part is not None
    found = re.search(rf'href="([^"]*{re.escape(part[1])}[^"]*)"', reader.get(path).text)
    assert found is not None, f"{path} has no such link"
    page = reader.client.get(found[1].replace("&amp;", "&"))
    assert page.status_code == 200
    assert english_in(seen(page.text), phrases) == []


@pytest.mark.parametrize("name", load_catalog().reports)
def test_a_report_has_no_english(reader: Visitor, phrases: list[str], name: str) -> None:
    answer = reader.get(f"/reports/{name}")
    assert answer.status_code == 200
    assert english_in(seen(answer.text), phrases) == []


MISTAKES = [
    ("/reports/spend/sessions?rows=0", 422),
    ("/reports/spend/sessions?rows=many", 422),
    ("/reports/spend/sessions?nothing=1", 422),
    ("/reports/spend/by-hour?zone=Nowhere", 422),
    ("/reports/spend/by-hour?since=2026-02&until=2026-01", 422),
    ("/reports/spend/history-by-day?since=2020-01-01", 422),
    ("/history?period=day&since=last-3-years", 422),
    ("/history?until=2026-01-01", 422),
    ("/audit?since=x", 422),
    ("/reports/spend/nothing", 404),
    ("/reset?budget=nothing", 409),
    ("/reset?budget=session", 409),
    ("/reset?budget=each-session-agent", 409),
    ("/reset?budget=each-session-agent&part=a", 409),
    ("/reset?budget=day&part=a", 409),
    ("/approve?id=nothing", 404),
    ("/approve/nothing?until=1&signature=x", 404),
    ("/token-rotate?id=nothing", 409),
    ("/parts?budget=nothing", 404),
]


@pytest.mark.parametrize(("address", "status"), MISTAKES)
def test_a_mistake_is_explained_without_english(
    reader: Visitor, phrases: list[str], address: str, status: int
) -> None:
    answer = reader.client.get(f"/dashboard{address}")
    assert answer.status_code == status
    assert english_in(seen(answer.text), phrases) == []
    assert "✕" in answer.text


LIMITS = ["", "abc", "-1", "1.23456789012", "101", "nan", "[1]", "[", "1e400", "1 2", "{}", '"8"']


def test_mistakes_in_limits_are_explained_without_english(
    reader: Visitor, phrases: list[str]
) -> None:
    form = reader.get("/limits").text
    csrf = re.search(r'name="csrf" value="([^"]*)"', form)
    keys = re.findall(r'<(?:input|select) id="limit-\d+" name="([^"]*)"', form)
    assert csrf is not None
    assert len(keys) > 8
    refused = 0
    for key in keys:
        for value in LIMITS:
            fields = {"csrf": csrf[1], key: value}
            answer = reader.client.post("/dashboard/limits", data=fields)
            if answer.status_code == 422:
                refused += 1
                assert english_in(seen(answer.text), phrases) == [], (key, value)
    assert refused > 60


def test_this_test_sees_english(phrases: list[str]) -> None:
    for text in ("Show as a table", "Nichts davon is left", "Todos within budget"):
        assert english_in(text, phrases), text
    assert english_in("Todo el gasto de este mes: 4,00 US$", phrases) == []
