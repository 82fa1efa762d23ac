"""What a notice says, as data and in words; the one place where it is redacted (OBS-3, OBS-4).

A message shows what the log shows, and one thing more: the part of a budget with ``per``, which
names a person where that attribute is a person. A threshold of each developer's own budget says
nothing without it. Sessions and missions are keyed hashes as everywhere; reasons, actors and keys
are in no event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from corvus.base.money import usd_short
from corvus.diagnostics.plain import escape
from corvus.events import (
    ApprovalDecided,
    BudgetOverride,
    CallParked,
    Event,
    Overrun,
    ResetApplied,
    Threshold,
)
from corvus.governor.notices import event_of
from corvus.model.budget import NONE
from corvus.model.notify import Notice
from corvus.observability.redact import Redactor, Value
from corvus.wording.words import DEFAULT, Words, load_words

TEST: Final = "notify.test"
"""Type of a test message."""
_PART_MAX: Final = 200
_SLACK_TEXT_MAX: Final = 2_900
"""Slack takes 3,000 characters in a block."""


class Message(NamedTuple):
    """What is sent.

    Attributes:
        id: The same for every try.
        type: Kind of event, as in the log.
        timestamp: When it happened, ISO 8601 in UTC.
        topic: A word of ``Topic``; empty for a test.
        title: One line.
        text: A sentence or two.
        data: The fields of the event.
    """

    id: str
    type: str
    timestamp: str
    topic: str
    title: str
    text: str
    data: Mapping[str, Value]

    def body(self) -> dict[str, object]:
        """Return the JSON of a webhook: the envelope of Standard Webhooks, and the words."""
        return {
            "type": self.type,
            "timestamp": self.timestamp,
            "topic": self.topic,
            "title": self.title,
            "text": self.text,
            "data": dict(self.data),
        }

    def slack(self) -> dict[str, object]:
        """Return the JSON of Slack's incoming webhooks.

        Source:
            https://docs.slack.dev/messaging/formatting-message-text "Escaping text", and
            https://docs.slack.dev/reference/block-kit/blocks/section-block, read 2026-11-28.
        """
        title, text = _escaped(self.title), _escaped(self.text)[:_SLACK_TEXT_MAX]
        section = {"type": "mrkdwn", "text": f"*{title}*\n{text}"[:_SLACK_TEXT_MAX]}
        return {"text": f"{title}: {text}", "blocks": [{"type": "section", "text": section}]}


def message_of(
    notice: Notice, redactor: Redactor, language: str = DEFAULT, gateway_url: str | None = None
) -> Message:
    """Return what a notice says.

    Args:
        notice: As it is kept.
        redactor: Decides what is shown.
        language: Of the words.
        gateway_url: Where people reach the gateway. A link by which a parked call is decided is
            shown only then: whoever has it may decide.

    Raises:
        ValueError: It cannot be read.
    """
    event = event_of(notice)
    words = load_words(language)
    data = {**redactor.view(event).fields, **_more_data(event, gateway_url)}
    values = {**data, **_figures(event, words, gateway_url)}
    return Message(
        notice.id,
        notice.event,
        notice.at.isoformat(),
        notice.topic,
        words(f"notify.title.{_title_key(notice, event)}", **values),
        words(f"notify.text.{_text_key(event)}", **values),
        data,
    )


def message_for_test(name: str, message_id: str, timestamp: str, language: str) -> Message:
    """Return a message that says it is a test."""
    words = load_words(language)
    title, text = words("notify.title.test"), words("notify.text.test", target=name)
    return Message(message_id, TEST, timestamp, "", title, text, {"target": name})


def _title_key(notice: Notice, event: Event) -> str:
    return "decided" if isinstance(event, ApprovalDecided) else notice.topic


def _text_key(event: Event) -> str:
    name = event.kind.name.replace(".", "_")
    if isinstance(event, BudgetOverride):
        return f"{name}_{event.action}"
    return f"{name}_{event.state}" if isinstance(event, ApprovalDecided) else name


def _figures(event: Event, words: Words, gateway_url: str | None) -> dict[str, object]:
    """Return the values of a text that are written for people."""
    if isinstance(event, CallParked):
        return _parked_figures(event, words, gateway_url)
    if (threshold := getattr(event, "threshold", None)) is not None:
        return _threshold_figures(threshold, words)
    if isinstance(event, Overrun):
        return {"overrun": f"${usd_short(event.overrun_nano_usd)}"}
    if isinstance(event, ResetApplied):
        return {"removed": f"${usd_short(event.removed_nano_usd)}"}
    return {}


def _parked_figures(event: CallParked, words: Words, gateway_url: str | None) -> dict[str, object]:
    cost = event.estimate_nano_usd
    link = _link(event, gateway_url)
    return {
        "cost": words("notify.unknown") if cost is None else f"${usd_short(cost)}",
        "who": _who(event.budget, event.part, words),
        "deadline": f"{event.deadline_at:%Y-%m-%d %H:%M:%S}",
        "link": "" if link is None else words("notify.link", url=link),
    }


def _link(event: CallParked, gateway_url: str | None) -> str | None:
    if gateway_url is None:
        return None
    return f"{gateway_url.rstrip('/')}/{event.link.lstrip('/')}"


def _threshold_figures(threshold: Threshold, words: Words) -> dict[str, object]:
    resets = threshold.resets_at

    def amount(nano_usd: int | None, other: int | None) -> str:
        if nano_usd is not None:
            return f"${usd_short(nano_usd)}"
        return words.count(f"notify.amount.{threshold.measure}", other or 0, shown=f"{other:,}")

    return {
        "spent": amount(threshold.current_nano_usd, threshold.current_amount),
        "projected": amount(threshold.projected_nano_usd, threshold.projected_amount),
        "limit": amount(threshold.limit_nano_usd, threshold.limit_amount),
        "resets": words("notify.resets", at=f"{resets:%Y-%m-%d %H:%M}") if resets else "",
        "who": _who(threshold.budget, threshold.part, words),
    }


def _who(budget: str, part: str | None, words: Words) -> str:
    """Return a budget, and whose sum of it."""
    if part is None:
        return budget
    whose = part.replace(NONE, words("history.none"))
    return words("notify.of_part", budget=budget, part=escape(whose)[:_PART_MAX])


def _more_data(event: Event, gateway_url: str | None) -> dict[str, Value]:
    """Return what a message shows and the log does not."""
    if isinstance(event, CallParked):
        more = {
            "part": event.part,
            "deadline_at": event.deadline_at.isoformat(),
            "link": _link(event, gateway_url),
        }
    elif isinstance(threshold := getattr(event, "threshold", None), Threshold):
        ends = threshold.resets_at
        more = {"part": threshold.part, "resets_at": ends.isoformat() if ends else None}
    else:
        return {}
    return {name: value for name, value in more.items() if value is not None}


def _escaped(text: str) -> str:
    """Return a text that mentions nobody: a name may hold ``<!channel>``."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
