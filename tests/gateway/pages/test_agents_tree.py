"""The agents of a session stand as a tree, and no cost of it is lost or counted twice (DSH-1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.gateway.pages.agents import agents_of
from corvus.reporting.catalog import load_catalog
from corvus.reporting.table import Column, Table
from tests.cli.places import CENT, Place
from tests.conftest import RecordCalls
from tests.gateway.pages.browsing import serving
from tests.gateway.pages.visiting import Visitor

REPORT = load_catalog().find("spend/session-tree")
NAMES = [column.name for column in REPORT.header.columns]
Row = tuple[str | None, str | None, str | None, int | None]


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    Visitor.close_all()


def table(*rows: Row) -> Table:
    made: list[tuple[object, ...]] = []
    for agent, subagent, parent, cost in rows:
        values = {"agent": agent, "subagent": subagent, "parent_subagent": parent, "calls": 1}
        values["cost_nano_usd"] = cost
        made.append(tuple(values.get(name) for name in NAMES))
    return Table(tuple(Column(name, "VARCHAR", "") for name in NAMES), tuple(made))  # pyright: ignore[reportArgumentType]


def test_who_started_whom_and_what_it_cost_with_all_below() -> None:
    found = agents_of(
        table(
            ("builder", None, None, 5),
            ("builder", "a1", None, 7),
            ("builder", "a2", "a1", 11),
            ("builder", "lost", "unseen", 13),
            (None, None, None, None),
        )
    )
    shown = [(one.name, one.depth, one.own_nano_usd, one.all_nano_usd) for one in found]
    assert shown == [
        ("builder", 0, 5, 36),
        ("a1", 1, 7, 18),
        ("a2", 2, 11, 11),
        ("lost", 1, 13, 13),
        (None, 0, 0, 0),
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", None]),
            st.sampled_from([None, "1", "2", "3", "4"]),
            st.sampled_from([None, "1", "2", "3", "4"]),
            st.one_of(st.none(), st.integers(0, 99)),
        ),
        unique_by=lambda row: row[:2],
        max_size=15,
    )
)
def test_each_stands_once_whatever_is_said_of_who_started_it(rows: list[Row]) -> None:
    found = agents_of(table(*rows))
    assert len(found) == len(rows)
    assert sum(one.own_nano_usd for one in found) == sum(row[3] or 0 for row in rows)
    assert all(one.all_nano_usd >= one.own_nano_usd for one in found)


@pytest.mark.parametrize(("language", "title"), [("en", "Agents and sub"), ("es", "Agentes y sub")])
def test_the_page_of_a_session_has_its_tree(
    tmp_path: Path, record_calls: RecordCalls, language: str, title: str
) -> None:
    place = Place(tmp_path)
    now = datetime.now(UTC).replace(tzinfo=None)
    usual = {"admitted_at": now, "session_id": "s", "agent": "builder", "cost_nano_usd": CENT}
    record_calls(
        place.ledger,
        usual,
        usual | {"subagent": "a1"},
        usual | {"subagent": "a2", "parent_subagent": "a1"},
        usual | {"session_id": "alone"},
    )
    with serving(place) as served:
        visitor = Visitor(served, language=language)
        page = visitor.text("/sessions/one", id="s").partition(title)[2]
        assert page.index("└ a1") < page.index("└ a2")
        assert title not in visitor.text("/sessions/one", id="alone")
