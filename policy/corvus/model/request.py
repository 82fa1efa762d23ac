"""A metered call before it is admitted, and the attributes that budgets match on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from corvus.base.money import MAX_LIMIT_USD, NanoUSD, nano_usd
from corvus.model.budget import TAG, Amounts, Rung

MAX_ESTIMATE = nano_usd(MAX_LIMIT_USD)
"""Largest estimate or cost of one call, inclusive; it keeps every sum inside int64."""


LOCAL = "local"
"""Principal of calls that no token vouches for: the local user and his processes (RES-8)."""

TEXT_MAX = 1000
"""Longest id, attribute, tag or reason, in characters."""

ALL_RUNGS = tuple(Rung)
"""What a caller can follow who says nothing of it."""


class Surface(StrEnum):
    """Where a call or a change comes from."""

    API = "api"
    PROXY = "proxy"
    CLI = "cli"
    CLI_AGENT = "cli-agent"
    CLI_CODE = "cli-code"
    PYTHON = "python"
    TELEMETRY = "telemetry"
    """What a client reports of calls that pass by no meter of ours (PRX-9)."""
    ADMIN = "gateway_admin"
    DASHBOARD = "dashboard"
    STORE = "store"
    """What happens by itself, such as an override that expires."""


class Attributes(NamedTuple):
    """What a budget can match on (CFG-10); an absent attribute matches no glob, not even ``*``."""

    model: str
    provider: str
    project: str | None
    user: str | None
    agent: str | None
    surface: str
    subagent: str | None = None
    token: str | None = None
    branch: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> str | None:
        """Return an attribute by its name in a budget: ``user``, or ``tag.team`` for a tag."""
        if name.startswith(TAG):
            return dict(self.tags).get(name.removeprefix(TAG))
        return getattr(self, name)


ATTRIBUTES = tuple(name for name in Attributes._fields if name != "tags")
"""The attributes with a name of their own; a tag is ``tag.<key>``."""

LONGEST_LIFE_SECONDS = 86_400
"""Longest life that a hold may be given at once."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call before it is made.

    Attributes:
        model: Model of the call.
        estimate_nano_usd: Cost expected of the call, nano-USD, 0..=9e18; ``None`` when its model
            has no price.
        session_id: Session of the call; every call has one (SES-1).
        mission_id: Mission inside that session.
        surface: Where the call comes from, one of ``Surface``; another word is kept, too.
        agent: Agent of the call.
        subagent: The agent inside the agent, by the client's own id.
        parent_subagent: The sub-agent that started that one; ``None`` is the agent itself. It is no
            attribute of budgets.
        token: Name of the access token that the call came with.
        branch: Branch of the repository that the call works on.
        tags: Free-form pairs, kept on the usage record.
        estimate_tokens: Tokens of all kinds that the call may use, 0..=9e18; known also where the
            model has no price.
        idempotency_key: Repeating a request with its key replays the first answer (RES-2).
        ttl_seconds: Life of the hold, 1..=86400; ``None`` takes the policy's.
        dispatched: Whether the call may have left for its provider once it is admitted; only a hold
            that surely was not is given back when it expires (RES-6).
        input_nano_usd: The part of the estimate that the input costs.
        output_rate: Nano-USD per million output tokens, to say what would still fit.
        output_tokens: The output that the estimate has room for, where the caller can lower it;
        most_nano_usd: The most that the call may cost, where less is held because such calls cost
            less (``hold = "expected"``); ``None`` where the estimate is the most.
        principal: Whose call it is: the id of the token, or ``LOCAL``. Through the API, only the
            principal of a reservation finds it again (RES-8).
        fingerprint: Hash of what the caller said, which decides whether a repeated idempotency key
            means the same request (RES-2); ``None`` without a key.
        resumes_mission: Whether the call resumes its mission if that has ended (MIS-5).
        seller: Whose prices count, where calls are reported under another name than his, such as
            that of an upstream.
        said: What the caller said of the call, by which it can be described again for another
            model or maximum; ``None`` where that is not known. Nobody keeps it.
        rungs: What the caller can follow in place of a refusal (EVA-14).
        unpriced_model: Of the models that may answer, the first without a price; ``None`` when all
            have one, or where it is not known. Nobody keeps it.
    """

    model: str
    estimate_nano_usd: NanoUSD | None
    session_id: str
    provider: str = "unknown"
    mission_id: str | None = None
    surface: str = Surface.PYTHON
    project: str | None = None
    user: str | None = None
    agent: str | None = None
    subagent: str | None = None
    token: str | None = None
    branch: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    parent_subagent: str | None = None
    estimate_tokens: int = 0
    idempotency_key: str | None = None
    ttl_seconds: int | None = None
    dispatched: bool = True
    input_nano_usd: int | None = None
    output_rate: int | None = None
    output_tokens: int | None = field(default=None, compare=False)
    most_nano_usd: NanoUSD | None = None
    principal: str = LOCAL
    fingerprint: str | None = None
    resumes_mission: bool = False
    unpriced_model: str | None = field(default=None, compare=False)
    seller: str | None = field(default=None, compare=False)
    said: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    rungs: Collection[Rung] = field(default=ALL_RUNGS, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.estimate_nano_usd is not None:
            require_amount("estimate", self.estimate_nano_usd)
        require_amount("estimate_tokens", self.estimate_tokens)
        if not self.session_id or not self.model:
            raise ValueError("a request names a session and a model")
        require_text(*self.attributes[:-1], self.session_id, self.mission_id, self.idempotency_key)
        require_text(self.principal, self.parent_subagent)
        require_text(*(text for tag in self.tags for text in tag))
        if self.ttl_seconds is not None and not 1 <= self.ttl_seconds <= LONGEST_LIFE_SECONDS:
            raise ValueError(f"ttl_seconds must be 1..=86400, got {self.ttl_seconds!r}")

    @property
    def attributes(self) -> Attributes:
        """What budgets match on."""
        return Attributes(
            self.model,
            self.provider,
            self.project,
            self.user,
            self.agent,
            self.surface,
            self.subagent,
            self.token,
            self.branch,
            self.tags,
        )

    @property
    def amounts(self) -> Amounts:
        """What the call may use; a cost that is not known holds nothing."""
        return Amounts(self.estimate_nano_usd or 0, self.estimate_tokens, 1)


def require_text(*texts: str | None) -> None:
    """Check ids, attributes and reasons before they are kept.

    Raises:
        ValueError: One is longer than 1,000 characters, or holds half a surrogate pair, which no
            file can keep.
    """
    for text in texts:
        if text is None:
            continue
        if len(text) > TEXT_MAX:
            raise ValueError(f"a text has {len(text):,} characters, at most {TEXT_MAX:,} are kept")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise ValueError(f"{text!r} is no valid text: it holds a lone surrogate") from None


def require_amount(name: str, amount: object) -> None:
    """Check an amount of money (EVA-10).

    Raises:
        ValueError: It is no integer of nano-USD, negative, or beyond 9 000 000 000 USD.
    """
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        raise ValueError(f"{name} must be an integer >= 0, got {amount!r}")
    if amount > MAX_ESTIMATE:
        raise ValueError(f"{name} must be at most {MAX_ESTIMATE} nano-USD, got {amount}")
