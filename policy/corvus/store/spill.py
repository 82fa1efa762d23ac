"""Settlements that a process could not write before its end, in a file next to the store (RES-9).

One JSON line a settlement, synced to disk; only its owner may read it. Whoever takes the file in
applies each line by its settlement key and removes the file afterwards: lines that are replayed
after a kill are never counted twice. What cannot be read or applied is kept aside, never dropped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from corvus.base.files import sync
from corvus.base.ids import new_id
from corvus.base.locks import try_lock
from corvus.base.money import NanoUSD
from corvus.base.own_files import open_own
from corvus.base.time import instant_at, microseconds
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.price import HourRates, Price, Tier
from corvus.model.reservation import Outcome, Settlement, Source
from corvus.model.usage import TokenKind, Usage
from corvus.store.codec import dumped

UNSETTLED = ".unsettled.jsonl"
"""Ending of the file, after the name of the store."""

_VERSION = 1
_LOCK_SECONDS = 2.0
_POLL_SECONDS = 0.02


class SpilledLine:
    """A line of the file.

    Attributes:
        text: As it stands there.
        pending: What it says; ``None`` when it cannot be read.
    """

    __slots__ = ("pending", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.pending = pending_of(text)


def spill(path: Path, settlements: Sequence[PendingSettlement]) -> Path:
    """Keep settlements for whoever opens the store next; they are on disk on return.

    Args:
        path: The file for them.
        settlements: In the order in which they are to be applied.

    Returns:
        The file; one of another name when somebody holds the first for long, or it is none.

    Raises:
        OSError: They cannot be written.
    """
    text = "".join(f"{line_of(settlement)}\n" for settlement in settlements)
    with suppress(OSError):
        _append(path, text)
        return path
    other = path.with_name(f"{path.stem}.{new_id(time.time_ns() // 1000)}{path.suffix}")
    _append(other, text)
    return other


def spill_early(path: Path, settlements: Sequence[PendingSettlement]) -> bool:
    """Keep settlements that are still tried to be written, in case that the process is killed.

    Returns:
        Whether they are on disk; false where somebody else has the file at this moment.

    Raises:
        OSError: They cannot be written.
    """
    text = "".join(f"{line_of(settlement)}\n" for settlement in settlements)
    try:
        _append(path, text, wait_seconds=0)
    except BlockingIOError:
        return False
    return True


def waiting(path: Path) -> list[Path]:
    """Return the files of a store that wait to be taken in, the oldest first."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return []
    aside = rejected_path(path).name
    found = [name for name in names if _belongs(name, path) and name != aside]
    return [path.with_name(name) for name in sorted(found)]


def is_waiting(path: Path) -> bool:
    """Return whether a store has files that wait to be taken in."""
    return bool(waiting(path))


def rejected_path(path: Path) -> Path:
    """Return the file in which lines stand that could not be applied."""
    return path.with_name(f"{path.stem}.rejected{path.suffix}")


@contextmanager
def taking_in(path: Path) -> Generator[list[SpilledLine] | None]:
    """Read a file alone among all processes, and remove it if the context ends well.

    Yields:
        Its lines; ``None`` when there is no file or another process is taking it in.

    Raises:
        OSError: It cannot be read or removed.
    """
    try:
        descriptor = open_own(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        if not try_lock(descriptor) or not _is_file(descriptor, path):
            yield None
            return
        yield _lines(descriptor)
        os.unlink(path)
        sync(path.absolute().parent)
    finally:
        os.close(descriptor)


def take_again(path: Path, settle: Callable[[Sequence[SpilledLine]], Sequence[str]]) -> bool:
    """Have the lines that were kept aside settled, alone among all processes.

    Args:
        path: The file that lines wait in.
        settle: Settles lines, and returns those that stay aside.

    Returns:
        Whether there was anything aside.

    Raises:
        BlockingIOError: Another process is at it.
        OSError: The file cannot be read or written.
    """
    aside = rejected_path(path)
    try:
        descriptor = open_own(aside, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if not try_lock(descriptor) or not _is_file(descriptor, aside):
            raise BlockingIOError(f"{aside} is in use")
        left = settle(_lines(descriptor))
        if left:
            _replace(aside, left)
        else:
            os.unlink(aside)
        sync(aside.absolute().parent)
    finally:
        os.close(descriptor)
    return True


def _lines(descriptor: int) -> list[SpilledLine]:
    with open(descriptor, encoding="utf-8", errors="replace", closefd=False) as opened:
        return [SpilledLine(line.rstrip("\n")) for line in opened if line.strip()]


def _replace(path: Path, lines: Sequence[str]) -> None:
    copy = path.with_name(f"{path.name}.new")
    descriptor = open_own(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        _write(descriptor, "".join(f"{line}\n" for line in lines).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(copy, path)


def keep_aside(path: Path, lines: Sequence[str]) -> Path:
    """Keep lines that could not be applied, for a person to look at.

    Raises:
        OSError: They cannot be written.
    """
    aside = rejected_path(path)
    _append(aside, "".join(f"{line}\n" for line in lines))
    return aside


def _belongs(name: str, path: Path) -> bool:
    return name.startswith(f"{path.stem}.") and name.endswith(path.suffix)


def _append(path: Path, text: str, *, wait_seconds: float = _LOCK_SECONDS) -> None:
    """Add to a file, which is made when missing, and sync it and its folder.

    Raises:
        BlockingIOError: Somebody held the file for all this time.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        descriptor = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            if try_lock(descriptor) and _is_file(descriptor, path):
                # A line that a full disk cut short ends here.
                start = "\n" if os.fstat(descriptor).st_size else ""
                _write(descriptor, (start + text).encode())
                os.fsync(descriptor)
                sync(path.absolute().parent)
                return
        finally:
            os.close(descriptor)
        if time.monotonic() >= deadline:
            raise BlockingIOError(f"{path} is in use")
        time.sleep(_POLL_SECONDS)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _is_file(descriptor: int, path: Path) -> bool:
    """Return whether a descriptor is of the file that is there now, and not of a removed one."""
    try:
        there = os.stat(path)
    except OSError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def shown(line: str) -> str:
    """Return the reservation that a line names, as far as it can be read, for a log."""
    try:
        return str(json.loads(line)["reservation"])
    except (ValueError, LookupError, TypeError):
        return "an unreadable line"


def line_of(pending: PendingSettlement) -> str:
    """Write a settlement as one line, without its end."""
    settlement = pending.settlement
    return dumped(
        {
            "version": _VERSION,
            "kind": pending.kind.value,
            "reservation": pending.reservation_id,
            "key": pending.settlement_key,
            "settlement": None if settlement is None else _settlement_body(settlement),
        }
    )


def pending_of(line: str) -> PendingSettlement | None:
    """Read a line; ``None`` when it is no settlement of ours."""
    try:
        body = json.loads(line)
        if body["version"] != _VERSION:
            return None
        kind, settled = PendingKind(body["kind"]), body.get("settlement")
        if (kind in (PendingKind.RELEASE, PendingKind.FORGET)) is not (settled is None):
            return None
        settlement = None if settled is None else _settlement_of(settled)
        return PendingSettlement(kind, str(body["reservation"]), str(body["key"]), settlement)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _settlement_body(one: Settlement) -> dict[str, Any]:
    first = one.first_token_at
    body = {
        "usage": {name: getattr(one.usage, name) for name in Usage.__dataclass_fields__},
        "cost": one.cost_nano_usd,
        "source": one.source.value,
        "outcome": one.outcome.value,
        "answering_model": one.answering_model,
        "price": None if one.price is None else _price_body(one.price),
        "service_tier": one.service_tier,
        "provider_request_id": one.provider_request_id,
        "first_token_at": None if first is None else microseconds(first),
        "computed_cost": one.computed_cost_nano_usd,
        "at_least": one.is_at_least or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _settlement_of(body: dict[str, Any]) -> Settlement:
    get = body.get
    first, price = get("first_token_at"), get("price")
    return Settlement(
        usage=Usage(**body["usage"]),
        cost_nano_usd=_amount_of(get("cost")),
        source=Source(body["source"]),
        outcome=Outcome(body["outcome"]),
        answering_model=get("answering_model"),
        price=None if price is None else _price_of(price),
        service_tier=get("service_tier"),
        provider_request_id=get("provider_request_id"),
        first_token_at=None if first is None else instant_at(first),
        computed_cost_nano_usd=_amount_of(get("computed_cost")),
        is_at_least=get("at_least") is True,
    )


def _amount_of(value: object) -> NanoUSD | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a cost is an integer >= 0")
    return NanoUSD(value)


def _price_body(one: Price) -> dict[str, Any]:
    rates, tiers = _terms(one)
    return {
        "provider": one.provider,
        "model": one.model,
        "book": one.book,
        "entry": one.entry,
        "rates": rates,
        "tiers": tiers,
        "from": one.effective_from.isoformat() if one.effective_from else None,
        "source": one.source,
        "hours": [
            [sorted(some.days), some.start_minute, some.end_minute, *_terms(some)]
            for some in one.hours
        ],
    }


def _price_of(body: dict[str, Any]) -> Price:
    day = body["from"]
    return Price(
        provider=body["provider"],
        model=body["model"],
        book=body["book"],
        entry=body["entry"],
        rates=_rates(body["rates"]),
        tiers=_tiers(body["tiers"]),
        effective_from=None if day is None else date.fromisoformat(day),
        source=body["source"],
        hours=tuple(
            HourRates(frozenset(days), start, end, _rates(rates), _tiers(tiers))
            for days, start, end, rates, tiers in body.get("hours", ())
        ),
    )


def _terms(of: Price | HourRates) -> tuple[dict[str, int], list[Any]]:
    """Return rates and tiers as they are written."""
    return {**of.rates}, [[tier.above_tokens, {**tier.rates}] for tier in of.tiers]


def _tiers(body: Any) -> tuple[Tier, ...]:
    return tuple(Tier(above, _rates(rates)) for above, rates in body)


def _rates(body: dict[str, Any]) -> dict[TokenKind, Any]:
    return {TokenKind(kind): rate for kind, rate in body.items()}
