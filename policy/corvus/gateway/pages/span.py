"""The span of time that a page shows: two words or dates, kept in its address (DSH-1).

Every page and report that takes a span reads it here, and shows the same picker in the same corner.
Spans are in UTC. Refuses to guess: what is no time is said at the field, and nothing is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from corvus.base.errors import ReportParameterInvalid
from corvus.gateway.pages.page import PageRequest
from corvus.reporting.times import is_past_span, named_span

PRESETS = (
    *("today", "yesterday", "last-7-days", "last-30-days"),
    *("this-month", "last-month", "last-12-months"),
)
"""Spans that are one click away, each a word that every command and report takes, too."""
_TEXT_MAX = 40
_MIDNIGHT = time.min


@dataclass(frozen=True, slots=True)
class Preset:
    """One span that is one click away; without a word it is all time."""

    word: str
    address: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Span:
    """The span of time that a page shows.

    Attributes:
        since_text: What stands in the field of its beginning.
        until_text: What stands in the field of its end.
        since: First instant, inclusive, UTC; ``None`` is the beginning of what is recorded.
        until: End, exclusive, UTC; ``None`` is now.
        label: The span as a person reads it.
        is_chosen: Whether somebody chose it.
        mistakes: What is wrong, by the name of the field.
        kept: Parameters of the page that another span leaves as they are.
    """

    since_text: str
    until_text: str
    since: datetime | None
    until: datetime | None
    label: str
    is_chosen: bool
    presets: Sequence[Preset]
    mistakes: Mapping[str, str]
    kept: Sequence[tuple[str, str]]

    @property
    def query(self) -> dict[str, str | None]:
        """What the address of another page or file says to show the same span."""
        return {"since": self.since_text or None, "until": self.until_text or None}

    @property
    def bounds(self) -> dict[str, datetime | None]:
        """The span as parameters of a report."""
        return {"since": self.since, "until": self.until}

    def with_mistake(self, name: str, text: str) -> Span:
        """Return the span with what is wrong with one of its ends."""
        return replace(self, mistakes={**self.mistakes, name: text})


def span_of(request: PageRequest, default: str = "") -> Span:
    """Return the span that a page is to show.

    Args:
        request: Its parameters ``since`` and ``until``.
        default: The word that holds while both are empty; without one it is all time.
    """
    since_text, until_text = (
        request.query.get(name, "").strip()[:_TEXT_MAX] for name in ("since", "until")
    )
    is_chosen = bool(since_text or until_text)
    since_text = since_text if is_chosen else default
    mistakes: dict[str, str] = {}
    since = _end_of(request, since_text, 0, "since", mistakes)
    alone = since_text if not until_text and is_past_span(since_text) else until_text
    until = _end_of(request, alone, 1, "until", mistakes)
    if not mistakes and since and since >= (until or request.service.runtime.clock.now()):
        mistakes["until" if until else "since"] = request.words("span.mistake.empty")
    words = ("", *PRESETS) if not default else PRESETS
    return Span(
        since_text,
        until_text,
        since,
        until,
        request.words("span.title") if mistakes else _label(request, since, until),
        is_chosen,
        [
            Preset(
                word,
                request.link(since=word or None, until=None, page=None),
                word == since_text and not until_text,
            )
            for word in words
        ],
        mistakes,
        [
            (name, value)
            for name, value in request.query.items()
            if name not in ("since", "until", "page")
        ],
    )


def _end_of(
    request: PageRequest, text: str, end: int, name: str, mistakes: dict[str, str]
) -> datetime | None:
    if not text:
        return None
    try:
        return named_span(text, request.service.runtime.clock.now(), UTC)[end]
    except ReportParameterInvalid:
        mistakes[name] = request.words("span.mistake.no_time", text=text)
        return None


def _label(request: PageRequest, since: datetime | None, until: datetime | None) -> str:
    """Write a span: days where it begins and ends with one, else instants."""
    now = request.service.runtime.clock.now()
    if until is not None and until > now:
        until = None
    if since is None:
        return request.words("span.all") if until is None else _until(request, until)
    are_days = all(one is None or one.astimezone(UTC).time() == _MIDNIGHT for one in (since, until))
    figures = request.figures
    if not are_days:
        first = figures.instant(since)
        last = request.words("figure.now") if until is None else figures.instant(until)
        return request.words("span.between", first=first, last=last)
    first_day, last_day = since.date(), ((until or now) - timedelta(microseconds=1)).date()
    if first_day == last_day:
        return figures.day(first_day)
    return request.words("span.between", first=figures.day(first_day), last=figures.day(last_day))


def _until(request: PageRequest, until: datetime) -> str:
    return request.words("span.before", until=request.figures.instant(until))
