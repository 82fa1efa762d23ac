"""OBS-2: the log as text and as JSON lines."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest

from corvus.events import EVENTS
from corvus.model.observability import ObservabilityOptions
from corvus.observability.log import REMEMBERED_MAX, Repetitions, TextFormatter, warning_on
from corvus.observability.redact import Redactor
from corvus.observability.sinks import open_sinks
from corvus.prices.lookup import PriceBooks
from tests.observability.happenings import CANARY, SHAPED, all_events, shown_names


def written(folder: Path, form: str) -> list[str]:
    found, redactor = all_events(folder)
    stream = io.StringIO()
    options = ObservabilityOptions(log=form)  # pyright: ignore[reportArgumentType]
    with open_sinks(options, redactor, stream) as telemetry:
        for event in found:
            telemetry.listener(event)
    return stream.getvalue().splitlines()


def test_json_lines_have_the_fields_of_the_table(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path, "json")]
    by_name = {event.kind.name: event for event in EVENTS}
    assert {line["event"] for line in lines} == set(by_name)
    for line in lines:
        extra = set(line) - {"time", "level", "event"}
        assert extra <= set(shown_names(by_name[line["event"]]))
    (warning,) = [line for line in lines if line["event"] == "budget.warning"]
    assert (warning["level"], warning["budget"], warning["percent_used"]) == (
        "warning",
        "day",
        75.0,
    )
    assert CANARY not in repr(lines)


def test_text_lines_say_the_same(tmp_path: Path) -> None:
    lines = written(tmp_path, "text")
    (line,) = [line for line in lines if " budget.exceeded " in line]
    assert line.split(" ", 1)[1].startswith(
        "WARNING budget.exceeded budget_state=exceeded period=day budget=day current_usd="
    )
    assert CANARY not in "\n".join(lines)


@pytest.mark.parametrize("name", ["uvicorn.error", "asyncio"])
def test_a_line_of_the_server_has_the_same_form(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    with open_sinks(ObservabilityOptions(log="json"), Redactor(PriceBooks()), stream):
        logging.getLogger(name).warning("Invalid HTTP request received.")
    line = json.loads(stream.getvalue())
    assert (line["level"], line["logger"]) == ("warning", name)
    assert line["message"] == "Invalid HTTP request received."
    assert capsys.readouterr().err == ""
    assert logging.getLogger(name).handlers == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_that_is_no_event_is_scrubbed_and_stays_one_line(form: str) -> None:
    stream = io.StringIO()
    options = ObservabilityOptions(log=form)  # pyright: ignore[reportArgumentType]
    with open_sinks(options, Redactor(PriceBooks()), stream):
        logging.getLogger("corvus.gateway").warning("key %s\nin two lines", SHAPED)
    text = stream.getvalue()
    assert SHAPED not in text
    assert "***" in text
    if form == "json":
        assert json.loads(text)["message"] == "key ***\nin two lines"


def test_a_fault_that_lasts_is_one_line_and_one_more_now_and_then() -> None:
    """A store that is away for a night fills no disk, and its second outage is no old news."""
    now = 0.0
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Repetitions(lambda: now))
    handler.setFormatter(TextFormatter())
    logger = logging.getLogger("test-repetitions")
    logger.propagate = False
    logger.addHandler(handler)
    for _ in range(0, 1300, 5):
        logger.warning("the store fails: %s", "away")
        now += 5
    logger.warning("the store fails: %s", "wrong password")
    now += 100
    logger.warning("the store fails: %s", "away")
    logger.removeHandler(handler)
    assert [line.split("WARNING ")[1] for line in stream.getvalue().splitlines()] == [
        "the store fails: away",
        "the store fails: away (119 times more since then)",
        "the store fails: away (119 times more since then)",
        "the store fails: wrong password",
        "the store fails: away",
    ]


def test_what_is_no_fault_is_never_left_out_and_little_is_remembered() -> None:
    repetitions = Repetitions(lambda: 0.0)
    logger = logging.getLogger("test-repetitions")

    def passes(level: int, text: str) -> bool:
        record = logger.makeRecord("n", level, "f", 1, text, (), None)
        return bool(repetitions.filter(record))

    assert [passes(logging.INFO, "served") for _ in range(3)] == [True] * 3
    assert [passes(logging.ERROR, "bad") for _ in range(3)] == [True, False, False]
    assert all(passes(logging.ERROR, f"bad {number}") for number in range(3 * REMEMBERED_MAX))
    assert len(repetitions) <= REMEMBERED_MAX


def test_a_person_reads_who_speaks_and_each_fault_once() -> None:
    stream = io.StringIO()
    logger = logging.getLogger("corvus.gateway")
    with warning_on(stream):
        for _ in range(3):
            logger.error("a call was refused: %s", SHAPED)
        logger.info("served")
    logger.error("nobody reads this")
    assert stream.getvalue() == "corvus: a call was refused: ***\n"


def test_off_writes_nothing_and_the_log_ends_with_its_context(tmp_path: Path) -> None:
    assert written(tmp_path, "off") == []
    stream = io.StringIO()
    logger = logging.getLogger("corvus")
    before = logger.handlers[:], logger.level, logger.propagate
    with open_sinks(ObservabilityOptions(), Redactor(PriceBooks()), stream):
        assert logger.handlers != before[0]
    assert (logger.handlers, logger.level, logger.propagate) == before
