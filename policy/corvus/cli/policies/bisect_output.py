"""What ``corvus policy bisect`` writes: the call, the changes, and the first of them as a patch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from corvus.answers.amounts import amount_exact, amount_words, part_words
from corvus.base.errors import EditRefused
from corvus.base.money import NANO_USD_PER_USD, usd_exact
from corvus.base.time import instant_at
from corvus.config.edit.change import read_config, set_keys
from corvus.config.toml.values import quoted, shown, written
from corvus.diagnostics.model import ConfigError
from corvus.diagnostics.plain import escape
from corvus.diagnostics.secrets import scrub
from corvus.diagnostics.unified import unified_diff
from corvus.model.budget import Budget, Measure
from corvus.planning.bisect import Effect, Remedy
from corvus.planning.candidates import Kind
from corvus.planning.recorded import RecordedCall
from corvus.runtime import Runtime

_USERS_MAX = 3


class Bisected(NamedTuple):
    """What was found.

    Attributes:
        call: The call that is to be stopped.
        since: What else is refused counts from here on.
        remedies: Changes that would have stopped it.
        already: Budgets whose present limit would have stopped it.
    """

    call: RecordedCall
    since: datetime
    remedies: tuple[Remedy, ...]
    already: tuple[str, ...] = ()


def as_text(found: Bisected, runtime: Runtime) -> str:
    """Return what was found for a person."""
    lines = [escape(scrub(f"incident: {_call_words(found.call)}"))]
    if found.already:
        names = escape(", ".join(found.already))
        lines.append(f"As the policy is now, it would be stopped: by {names}.")
    if not found.remedies:
        lines.append("No limit of a budget that counts this call would have stopped it.")
        return "\n".join(lines)
    lines += ["", f"What would have stopped it, and what else since {found.since:%Y-%m-%d %H:%M}:"]
    rows = [
        (_name(each), _change_words(each), _effect_words(each.effect)) for each in found.remedies
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines += [
        escape(scrub(f"  {name:<{widths[0]}}  {change:<{widths[1]}}  {effect}"))
        for name, change, effect in rows
    ]
    first = found.remedies[0]
    if patch := patch_of(first, runtime):
        lines += ["", patch.rstrip("\n")]
    lines += ["", *map(escape, _remarks(first))]
    if found.call.decision is None:
        lines.append("No budget saw this call: its cost stands for what would have been held.")
    return "\n".join(lines)


def _dollars(nano_usd: int) -> str:
    """Write a sum for a person, in cents."""
    return f"${Decimal(nano_usd) / NANO_USD_PER_USD:,.2f}"


def _call_words(call: RecordedCall) -> str:
    request = call.request
    at = instant_at(call.requested_us)
    whose = [
        f"{name} {value}"
        for name, value in (
            ("user", request.user),
            ("project", request.project),
            ("agent", request.agent),
            ("session", request.session_id),
        )
        if value
    ]
    held = _dollars(request.estimate_nano_usd or 0)
    cost = "unknown" if call.cost_nano_usd is None else _dollars(call.cost_nano_usd)
    return (
        f"{at:%Y-%m-%d %H:%M:%S} UTC, {request.model}, {', '.join(whose)}: held {held}, cost {cost}"
    )


def _name(remedy: Remedy) -> str:
    if remedy.kind is Kind.NEW:
        per = f" per {', '.join(remedy.after.per)}" if remedy.after.per else ""
        return f"a new budget: {remedy.after.period}{per}"
    if remedy.kind is Kind.PART:
        return f"{remedy.after.name}, for {part_words(remedy.part)} alone"
    return remedy.after.name


def _change_words(remedy: Remedy) -> str:
    measure = remedy.after.measure
    after = amount_words(remedy.limit, measure)
    if remedy.present is None:
        return after
    before = amount_words(remedy.present, measure) if remedy.present else "off"
    enforced = ", and block" if remedy.before and remedy.before.enforce == "warn" else ""
    return f"{before} -> {after}{enforced}"


def _effect_words(effect: Effect) -> str:
    if not effect.calls:
        return "nothing else"
    users = ", ".join(effect.users[:_USERS_MAX])
    more = f" and {len(effect.users) - _USERS_MAX} more" if len(effect.users) > _USERS_MAX else ""
    first = (
        "" if effect.first_us is None else f", first {instant_at(effect.first_us):%Y-%m-%d %H:%M}"
    )
    many = f"{effect.calls:,} {'call' if effect.calls == 1 else 'calls'}"
    return (
        f"{many} ({_dollars(effect.cost_nano_usd)}){f' of {users}{more}' if users else ''}{first}"
    )


def _remarks(remedy: Remedy) -> Iterator[str]:
    measure = remedy.after.measure
    exact = _number(remedy.least, measure)
    yield f"The least change is {exact}: with any higher limit it would have passed."
    if remedy.before is not None and remedy.before.on_exceeded:
        rungs = ", ".join(remedy.before.on_exceeded)
        yield f"{remedy.before.name} has on_exceeded = {rungs}: that would be tried first."
    if remedy.threshold:
        yield (
            f"When it came, {remedy.threshold} % of the present limit was spent: a threshold up to "
            "there is reported before."
        )
    yield "What an agent does after a refusal, and what was refused then, no replay can know."


def _number(amount: int, measure: Measure) -> str:
    return f"${usd_exact(amount)}" if measure is Measure.USD else amount_words(amount, measure)


def patch_of(remedy: Remedy, runtime: Runtime) -> str:
    """Return a change as a patch of the config; empty where it takes a person to make it."""
    path = _file_of(remedy, runtime)
    if path is None:
        return ""
    try:
        before = read_config(path)
        if remedy.kind is Kind.NEW:
            after = before.rstrip(b"\n") + b"\n\n" + _table(remedy.after).encode()
        else:
            after = set_keys(before, str(path), _values(remedy)).after
    except (ConfigError, EditRefused):
        return ""
    return unified_diff(before, after, path.name).decode(errors="backslashreplace")


def _file_of(remedy: Remedy, runtime: Runtime) -> Path | None:
    """Return the file that sets a budget: the highest layer that does."""
    if runtime.loaded is None or not runtime.config_paths:
        return None
    if remedy.before is None:
        return runtime.config_paths[-1]
    route = _route(remedy.before.config_key)
    files = {str(path): path for path in runtime.config_paths}
    for document in reversed(runtime.loaded.documents):
        if document.has(route) and document.file in files:
            return files[document.file]
    return runtime.config_paths[-1] if len(route) == 2 else None


def _route(key: str) -> tuple[str | int, ...]:
    words = key.replace("[", ".").replace("]", "").split(".")
    return tuple(int(word) if word.isdigit() else word for word in words)


def _values(remedy: Remedy) -> Mapping[str, str]:
    """Return the keys to set, each with its value as TOML writes it."""
    assert remedy.before is not None, "it is not new"
    before, after = remedy.before, remedy.after
    table = before.config_key.rpartition(".")[0]
    values: dict[str, str] = {}
    if before.enforce != "block":
        values[f"{table}.enforce"] = quoted("block")
    if after.limits != before.limits:
        limits = {glob: _toml(limit, after.measure) for glob, limit in after.limits}
        inner = ", ".join(f"{shown((glob,))} = {limit}" for glob, limit in limits.items())
        values[f"{table}.limits"] = f"{{ {inner} }}"
    else:
        values[before.config_key] = _toml(after.limit, after.measure)
    return values


def _table(budget: Budget) -> str:
    per = f"per = {written([*budget.per])}\n" if budget.per else ""
    return (
        f'[[cost.budgets]]\nname = "{budget.name}"\n{per}period = "{budget.period}"\n'
        f"limit_usd = {_toml(budget.limit, budget.measure)}\n"
    )


def _toml(amount: int, measure: Measure) -> str:
    """Write an amount as a config has it, as short as it is exact."""
    text = amount_exact(amount, measure)
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_body(found: Bisected, runtime: Runtime) -> dict[str, object]:
    """Return what was found as data."""
    call = found.call
    request = call.request
    return {
        "version": 1,
        "incident": {
            "id": call.id,
            "requested_at": instant_at(call.requested_us).isoformat(),
            "model": request.model,
            "session_id": scrub(request.session_id),
            "user": request.user and scrub(request.user),
            "project": request.project and scrub(request.project),
            "agent": request.agent and scrub(request.agent),
            "held_nano_usd": str(request.estimate_nano_usd or 0),
            "cost_nano_usd": None if call.cost_nano_usd is None else str(call.cost_nano_usd),
        },
        "already_stopped_by": [*found.already],
        "since": found.since.isoformat(),
        "changes": [_body(each, runtime) for each in found.remedies],
    }


def _body(remedy: Remedy, runtime: Runtime) -> dict[str, object]:
    measure, effect = remedy.after.measure, remedy.effect
    first = effect.first_us
    return {
        "kind": remedy.kind.value,
        "budget": remedy.after.name,
        "part": scrub(part_words(remedy.part)) or None,
        "measure": measure.value,
        "present_limit": None if remedy.present is None else amount_exact(remedy.present, measure),
        "limit": amount_exact(remedy.limit, measure),
        "least_change": amount_exact(remedy.least, measure),
        "threshold_percent": remedy.threshold,
        "also_refused": {
            "calls": effect.calls,
            "cost_nano_usd": str(effect.cost_nano_usd),
            "users": [*map(scrub, effect.users)],
            "first_at": None if first is None else instant_at(first).isoformat(),
        },
        "patch": patch_of(remedy, runtime) or None,
    }
