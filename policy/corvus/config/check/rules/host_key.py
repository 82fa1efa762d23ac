"""A key that corvus no longer reads, and that the host runtime of the file does (DEP-7).

It runs where ``documents`` would give the key its canonical name: in such a file the number means
what the host reads, so that corvus neither takes it for another nor advises to remove it.
"""

from __future__ import annotations

from typing import Final

from corvus.config.check.reporter import Reporter
from corvus.config.model.aliases import Alias, HostReading
from corvus.config.model.dialects import OWN_NAME, Dialect
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import shown
from corvus.diagnostics.codes import CodeInfo, Severity

INFO: Final = CodeInfo(
    "host-key",
    Severity.NOTE,
    "a deprecated key that the file's host runtime still reads",
    "autonomy.max_cost_per_day_cents is deprecated in corvus.toml, but in its own file the "
    "zeroclaw runtime reads it as its own cap on money. Its versions before v0.5.0 do not load a "
    "file without it. There corvus does not read the key, and `corvus migrate` leaves it alone.",
    "[storage]\n\n[proxy]\n\n[autonomy]\nmax_cost_per_day_cents = 500\n",
    "[cost]\ndaily_limit_usd = 5\n",
    "Keep the line as long as the runtime reads it. For a cap that corvus enforces, set "
    "cost.daily_limit_usd in a corvus.toml. When no such runtime reads the file, check it with "
    "--dialect native, or rewrite it with corvus migrate --host-keys.",
)


def report(
    value: object, alias: Alias, reading: HostReading, dialect: Dialect, reporter: Reporter
) -> None:
    """Report a deprecated key in the file of a runtime that reads it.

    Args:
        value: Its value, which is the host's to judge.
        alias: The key.
        reading: What the runtime reads it as.
        dialect: What the file is checked as.
        reporter: Receives the note.
    """
    host, key = reading.host, shown(alias.old)
    number = f" = {value}" if isinstance(value, int) and not isinstance(value, bool) else ""
    if dialect is host:
        message = f"`{key}`{number} is left to the {host} runtime, which reads it as"
        label, keep = f"the {host} runtime reads this", f"Keep the line: {reading.without}."
    else:
        message = f"`{key}`{number} is left alone: {host}, whose file this may be, reads it as"
        label = f"{host} would read this"
        pins = " or ".join(f"`--dialect {name}`" for name in dialect.hosts)
        keep = f"Nothing says which runtime reads the file: pin it with {pins}."
    message += f" {reading.meaning}; corvus does not"
    help_ = (keep, f"For a cap that corvus enforces, set {_limit(value)} in a {OWN_NAME}.")
    reporter.add(Finding(INFO.code, message, KeyOf(alias.old), label, help_))


def _limit(cents: object) -> str:
    """Name the limit of corvus that caps money, with the amount that the host's key states."""
    if not isinstance(cents, int) or isinstance(cents, bool) or cents <= 0:
        return "`cost.daily_limit_usd`"
    from corvus.config.check.rules.deprecated_key import usd

    return f"`cost.daily_limit_usd = {usd(cents)}`"
