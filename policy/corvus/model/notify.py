"""Notifications: what can be sent, where to, and how far each target has got (OBS-4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from corvus.base.globs import glob_matches


class Topic(StrEnum):
    """What a target can choose to be sent.

    A new one is a line here and one in ``corvus.governor.notices``; settings, schema and the texts
    of both languages are checked against this list.

    Attributes:
        is_default: Whether a target that chooses nothing is sent it.
        about: What it is, for the description of the setting.
    """

    _value_: str
    is_default: bool
    about: str

    def __new__(cls, name: str, about: str, is_default: str = "") -> Topic:
        """Make a member that is the text of its name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.is_default = bool(is_default)
        member.about = about
        return member

    THRESHOLDS = "thresholds", "a budget reached a threshold", "default"
    LIMITS = "limits", "a cost brought a budget over its limit", "default"
    REFUSALS = "refusals", "the first call that a budget refused in a window", "default"
    PARKED = "parked", "a call waits for approval, and what became of it", "default"
    UNPRICED = "unpriced", "a model without a price, once a day", "default"
    OVERRIDES = "overrides", "an override was granted or used"
    RESETS = "resets", "a budget was reset"
    SHADOW = "shadow", "the first call of a day that a budget of the shadow policy would refuse"
    OVERRUNS = "overruns", "a call cost at least one dollar more than was held for it"


DEFAULT_TOPICS = tuple(topic for topic in Topic if topic.is_default)
"""What a target is sent that chooses nothing."""
MessageFormat = Literal["corvus", "slack"]
"""Forms of a message to a webhook: our own JSON, and that of Slack's incoming webhooks."""


@dataclass(frozen=True, slots=True)
class NotifyTarget:
    """Where notifications are sent: ``[[governance.notify]]``; exactly one place is stated.

    Attributes:
        name: Unique slug.
        url: URL of a webhook that is no secret.
        url_env: Variable that holds the URL of a webhook.
        apprise_env: Variable that holds a URL of apprise.
        secret_env: Variable that holds the secret by which messages are signed; ``None`` signs
            none.
        events: What is sent.
        budgets: Globs of names: what is about a budget is sent for these alone; empty is all.
        format: Of the messages to a webhook.
        language: Of the texts in a message.
        gateway_url: Where people reach the gateway, for links; ``None`` has none.
        allow_http: Whether the webhook may be at another machine without encryption.
    """

    name: str
    url: str | None = None
    url_env: str | None = None
    apprise_env: str | None = None
    secret_env: str | None = None
    events: tuple[str, ...] = DEFAULT_TOPICS
    budgets: tuple[str, ...] = ()
    format: MessageFormat = "corvus"
    language: str = "en"
    gateway_url: str | None = None
    allow_http: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that hold its secrets."""
        names = (self.url_env, self.apprise_env, self.secret_env)
        return tuple(name for name in names if name is not None)

    def wants(self, topic: str, budget: str | None) -> bool:
        """Return whether a notice is sent here.

        Args:
            topic: What it is about.
            budget: Name of the budget that it is about; ``None`` is none.
        """
        if topic not in self.events:
            return False
        if budget is None or not self.budgets:
            return True
        return any(glob_matches(glob, budget) for glob in self.budgets)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened, to be sent to each target that wants it.

    It stays until what it is about is over, so that the same is not sent twice.

    Attributes:
        id: Derived from what makes it the same as another; targets recognise a repetition by it.
        seq: Position; grows by 1 from notice to notice.
        topic: A word of ``Topic``.
        event: Name of the kind of event, as in the log.
        at: When it happened.
        until: Until when another of the same id is left out.
        budget: Name of the budget that it is about; ``None`` is none.
        fields: The event as JSON; what of it is shown is decided when it is sent.
    """

    id: str
    seq: int
    topic: str
    event: str
    at: datetime
    until: datetime
    budget: str | None
    fields: str


@dataclass(frozen=True, slots=True)
class TargetProgress:
    """How far a target has got.

    Attributes:
        name: Of the target.
        done_seq: The last notice that was delivered, given up or not wanted here.
        delivered: Notices that were delivered.
        given_up: Notices that could not be delivered for a day, that the target refused, or that
            were forgotten before anybody looked.
        attempts: Tries in a row that failed.
        next_try_at: When to try again; ``None`` is at once.
        failing_since: When the first of those tries was; ``None`` while all is well.
        last_error: What went wrong last, without address and secret; empty while all is well.
        last_delivered_at: When a notice was delivered last.
        holder: The process that delivers; empty without one.
        held_until: When another may go on in its place.
    """

    name: str
    done_seq: int = 0
    delivered: int = 0
    given_up: int = 0
    attempts: int = 0
    next_try_at: datetime | None = None
    failing_since: datetime | None = None
    last_error: str = ""
    last_delivered_at: datetime | None = None
    holder: str = ""
    held_until: datetime | None = None
