"""Any report can be drawn, its address keeps the drawing, and what one sees can be downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from corvus.gateway.pages.chart import Point, line_of, named_bars_of
from corvus.gateway.pages.drawn import KINDS
from corvus.reporting.catalog import load_catalog
from tests.conftest import RecordCalls
from tests.gateway.conftest import Served
from tests.gateway.pages.looks import busy_gateway
from tests.gateway.pages.visiting import Visitor, words

REPORTS = load_catalog().reports


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, record_calls: RecordCalls) -> Iterator[Served]:
    with busy_gateway(tmp_path_factory.mktemp("drawn"), record_calls) as served:
        yield served
    Visitor.close_all()


@pytest.fixture(scope="module")
def reader(busy: Served) -> Visitor:
    return Visitor(busy, "read")


def chart_of(page: str) -> str:
    """Return the chart of a page, empty without one."""
    found = re.search(r'(?s)<svg class="chart.*?</svg>', page)
    return found[0] if found else ""


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_drawn_in_every_way(reader: Visitor, name: str) -> None:
    header = REPORTS[name].header
    numbers = [one.name for one in header.columns if one.is_number]
    texts = [one.name for one in header.columns if not one.is_number] or numbers
    has_rows = 'id="answer"' in reader.get(f"/reports/{name}").text
    for kind in KINDS:
        for x, y in {(texts[0], numbers[0]), (texts[-1], numbers[-1])} if numbers else ():
            drawing = {"chart": kind, "chart_x": x, "chart_y": y}
            answer = reader.get(f"/reports/{name}", **drawing)
            assert answer.status_code == 200
            assert bool(chart_of(answer.text)) is (has_rows and kind != "none"), drawing
            file = reader.get(f"/svg/{name}", **drawing)
            assert file.headers["content-type"].startswith("image/svg+xml")
            assert "attachment" in file.headers["content-disposition"]
            ElementTree.fromstring(file.text)


def test_what_no_column_is_called_draws_what_the_report_declares(reader: Visitor) -> None:
    usual = chart_of(reader.get("/reports/spend/by-model").text)
    odd = {"chart": "pie", "chart_x": "nothing", "chart_y": "model"}
    assert usual
    assert chart_of(reader.get("/reports/spend/by-model", **odd).text) == usual


def test_the_file_and_the_table_have_the_rows_of_the_page(reader: Visitor) -> None:
    query = {"since": "last-7-days", "chart": "bars"}
    page = reader.get("/reports/spend/by-model", **query).text
    links = dict(re.findall(r'id="(svg|csv)" href="([^"]*)"', page))
    drawn = reader.client.get(links["svg"].replace("&amp;", "&")).text
    table = reader.client.get(links["csv"].replace("&amp;", "&")).text
    models = re.findall(r'<text class="axis"[^>]*text-anchor="end">([^<]*)</text>', chart_of(page))
    assert len(models) == len(table.splitlines()) - 1
    assert drawn.count("<rect") - 1 == len(models)


def test_rows_of_one_name_are_told_apart(reader: Visitor) -> None:
    page = reader.get("/reports/spend/by-model", chart="bars").text
    names = re.findall(r"<title>(.*?):", chart_of(page))
    assert len(names) == len({*names}) > 4


def test_names_are_cut_and_lengths_are_shares_of_the_longest() -> None:
    points = [Point(30, "a" * 200, "x"), Point(10, "b", "y"), Point(None, "c", "z")]
    drawn = named_bars_of(points, ["30", "10", "?"], width=900)
    first, second, unknown = drawn.bars
    assert first.name.endswith("…")
    assert first.length == pytest.approx(3 * second.length, abs=0.2)
    assert unknown.length == 0
    assert drawn.left + first.length < drawn.width


def test_a_line_leaves_out_what_is_unknown() -> None:
    points = [Point(1, "a", "a"), Point(None, "b", "b"), Point(2, "c", "c")]
    assert line_of(points, str).path.count(",") == 2


def test_the_words_of_a_drawing_are_the_visitors(busy: Served) -> None:
    page = Visitor(busy, "read", language="es").text("/reports/spend/by-model", chart="bars")
    assert "Dibujar" in words(page)
