"""For tests of programs that use corvus: a governor in memory, under a clock that stands still.

Nothing is simulated but the disk and the time: the rules, the prices and the SQL are those of a
real run, so that a test of a program meets the same decisions, refusals and errors.

::

    from corvus import Usage
    from corvus.testing import fake_governor

    with fake_governor({"cost": {"enabled": True, "daily_limit_usd": 1}}) as governor:
        with governor.call("claude-sonnet-4-5", input_tokens=900) as call:
            call.used(Usage(input_tokens=880, output_tokens=40))

``corvus.testing.plugin`` has the same as pytest fixtures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from corvus.base.context import Opening
from corvus.base.time import Clock, FrozenClock

if TYPE_CHECKING:
    from corvus.events import Event
    from corvus.governor.governor import Governor
    from corvus.model.policy import Policy
    from corvus.store.store import Store

    _Listener = Callable[[Event], None]

__all__ = ["FrozenClock", "fake_governor", "fake_policy", "memory_store"]


def memory_store(clock: Clock | None = None) -> Store:
    """Open a store that keeps everything in memory; it is gone when it is closed.

    Args:
        clock: What stamps it; a ``FrozenClock`` by default.
    """
    from corvus.planning.memory import memory_store as opened

    return opened(clock or FrozenClock())


def fake_policy(config: str | Mapping[str, object] = "") -> Policy:
    """Compile a policy from what a config says; environment and files have no part in it.

    Args:
        config: The text of a ``corvus.toml``, or its tables as a mapping.

    Raises:
        ConfigError: The config has errors; it carries all of them.
    """
    from corvus.compile import compile_policy
    from corvus.config.check.documents import load_documents
    from corvus.config.toml.document import read_document
    from corvus.diagnostics.model import ConfigError

    text = config if isinstance(config, str) else _toml(config)
    document, problems = read_document(text.encode(), "corvus.toml")
    loaded = load_documents([document] if document is not None else [])
    diagnostics = (*problems, *loaded.diagnostics)
    if loaded.settings is None or document is None:
        raise ConfigError("; ".join(diagnostic.message for diagnostic in diagnostics), diagnostics)
    return compile_policy(loaded.settings, loaded.deprecated_fields)


def fake_governor(
    config: str | Mapping[str, object] | Policy = "",
    *,
    clock: Clock | None = None,
    listeners: Sequence[_Listener] = (),
) -> Opening[Governor]:
    """Open a governor over a store in memory, with ``with`` or ``async with``.

    A call that would wait for others is refused at once, for nobody else may be there to settle;
    a config that states ``wait_seconds`` is followed (EVA-14).

    Args:
        config: The text of a ``corvus.toml``, its tables as a mapping, or a compiled policy.
        clock: What the time is; a ``FrozenClock`` by default (``governor.store.clock``).
        listeners: Get each event after it is durable; the ``append`` of a list collects them.

    Raises:
        ConfigError: The config has errors.
    """
    return Opening(_opened(config, clock or FrozenClock(), listeners))


@contextmanager
def _opened(
    config: str | Mapping[str, object] | Policy,
    clock: Clock,
    listeners: Sequence[_Listener],
) -> Generator[Governor]:
    from corvus.model.policy import Policy
    from corvus.planning.memory import memory_governor

    policy = config if isinstance(config, Policy) else _patient(config)
    with memory_governor(policy, clock, listeners=listeners) as governor:
        yield governor


def _patient(config: str | Mapping[str, object]) -> Policy:
    """Compile a policy whose calls wait for others only where the config says so."""
    policy = fake_policy(config)
    text = config if isinstance(config, str) else _toml(config)
    return policy if "wait_seconds" in text else replace(policy, wait_seconds=0)


def _toml(table: Mapping[str, object]) -> str:
    return "".join(
        f"{json.dumps(key, ensure_ascii=False)} = {_inline(value)}\n"
        for key, value in table.items()
    )


def _inline(value: object) -> str:
    """Write a value as TOML does on one line."""
    match value:
        case Mapping():
            table = cast("Mapping[str, object]", value)
            pairs = (
                f"{json.dumps(key, ensure_ascii=False)} = {_inline(one)}"
                for key, one in table.items()
            )
            return f"{{{', '.join(pairs)}}}"
        case bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case Iterable():
            return f"[{', '.join(map(_inline, cast('Iterable[object]', value)))}]"
        case _:
            return str(value)
