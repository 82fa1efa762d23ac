"""Follows the counters of a Codex log: what of a stated total is the usage of a new call.

A log states the total of its thread, the usage of its last call, or both. Several counters may
stand in one log by turns (farion1231/cc-switch pull request 5854, read on 2026-11-28), a total is
repeated, an older one comes back, and a stated last call may be stale. Only this is taken for
granted: a counter never falls.

So every counter is remembered. A total belongs to the counter that its last call leads from, else
to the greatest that is not above it. Only its growth counts, and of that no more than the last
call. Whatever the order in which totals of several counters come, what is counted is at least the
greatest total, and at most the sum of the greatest totals of all counters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

MAX_COUNTERS = 64
"""More counters than a log has: beyond them, a total that no counter leads to is not counted."""


class Tokens(NamedTuple):
    """Tokens as Codex counts them: input includes what was cached, output includes reasoning."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @property
    def size(self) -> int:
        """What grows with each call."""
        return self.input + self.output

    def fits(self, growth: Tokens) -> bool:
        """Return whether a counter that grew so much has room for these."""
        return self.input <= growth.input and self.output <= growth.output

    def within(self, bound: Tokens) -> Tokens:
        """Return these, no more than a bound: the parts are then those of the bound."""
        if self.fits(bound):
            return self
        asked, answered = min(self.input, bound.input), min(self.output, bound.output)
        read = min(bound.cache_read, asked)
        return Tokens(
            asked,
            answered,
            read,
            min(bound.cache_write, asked - read),
            min(bound.reasoning, answered),
        )


NO_TOKENS = Tokens()


class Total(NamedTuple):
    """A total as a log states it; ``whole`` is its own sum, which may count other things, too."""

    tokens: Tokens
    whole: int


@dataclass(slots=True)
class Counters:
    """The counters of one log.

    Attributes:
        has_begun: Whether a total was stated.
    """

    has_begun: bool = False
    _counters: list[Tokens] = field(default_factory=list[Tokens])
    _seen: set[Total] = field(default_factory=set[Total])
    _names: set[str] = field(default_factory=set[str])
    _ahead: Tokens = NO_TOKENS
    _latest_ahead: Tokens = NO_TOKENS

    def begin_with(self, total: Total) -> None:
        """Take a total for what was used elsewhere: of it, nothing counts here."""
        self._note(total)
        self._counters.append(total.tokens)

    def take_last(self, last: Tokens) -> Tokens:
        """Return what a call used whose total is not stated; it may be part of the next one."""
        self._ahead = _plus(self._ahead, last)
        self._latest_ahead = last
        return last

    def take(self, total: Total, last: Tokens | None, name: str | None = None) -> Tokens:
        """Return what of a total is the usage of a new call.

        Args:
            total: As it is stated.
            last: Usage of the last call, if it is stated.
            name: Of the counter, where the log has one.
        """
        is_new = name is not None and name not in self._names
        self._names.update([name] if name is not None else [])
        if total in self._seen:
            return NO_TOKENS
        self._note(total)
        base = self._advance(total.tokens, last, is_new=is_new)
        if base is None:
            return NO_TOKENS
        return self._without_ahead(_growth(total.tokens, base), last)

    def _note(self, total: Total) -> None:
        self.has_begun = True
        self._seen.add(total)

    def _advance(self, now: Tokens, last: Tokens | None, *, is_new: bool) -> Tokens | None:
        """Put a total in the place of the one that it continues, and return that one."""
        base = max(
            (one for one in self._counters if one.size <= now.size),
            key=lambda one: one.size,
            default=NO_TOKENS,
        )
        if last is not None:
            starts = [*self._counters, *([NO_TOKENS] if is_new else [])]
            base = next((one for one in starts if _leads(one, last, now)), base)
        if base in self._counters:
            self._counters.remove(base)
        elif len(self._counters) >= MAX_COUNTERS:
            return None
        self._counters.append(now)
        return base

    def _without_ahead(self, growth: Tokens, last: Tokens | None) -> Tokens:
        """Return what of a growth is a new call, but for what counts already."""
        used = growth if last is None else last.within(growth)
        ahead, self._ahead = self._ahead, NO_TOKENS
        if ahead == NO_TOKENS:
            return used
        is_told_again = (
            last is not None and last == self._latest_ahead and growth != _plus(ahead, last)
        )
        if is_told_again:
            self._ahead = _least(_minus(ahead, used))
            return NO_TOKENS
        return used.within(_least(_minus(growth, ahead)))


def _leads(start: Tokens, last: Tokens, now: Tokens) -> bool:
    """Return whether a call leads from one total to another; totals may not state cache writes."""
    return _plus(start, last)._replace(cache_write=0) == now._replace(cache_write=0)


def _growth(now: Tokens, base: Tokens) -> Tokens:
    """Return how much a counter grew; its parts together by no more than its size."""
    size = now.size - base.size
    asked = min(max(now.input - base.input, 0), size)
    answered = min(max(now.output - base.output, 0), size - asked)
    return _least(Tokens(asked, answered, *_minus(now, base)[2:]))


def _plus(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(*(left + right for left, right in zip(one, other, strict=True)))


def _minus(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(*(left - right for left, right in zip(one, other, strict=True)))


def _least(tokens: Tokens) -> Tokens:
    """Return counts that are none below 0, with parts no larger than what includes them."""
    asked, answered, read, written, reasoned = (max(count, 0) for count in tokens)
    read = min(read, asked)
    return Tokens(asked, answered, read, min(written, asked - read), min(reasoned, answered))
