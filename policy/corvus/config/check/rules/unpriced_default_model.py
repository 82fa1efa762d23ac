"""The default model of the host has no price."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "unpriced-default-model",
    Severity.WARNING,
    "the default model has no price",
    "With token spend governed, a call whose model has no price is refused before it is made. "
    "When that is the file's own default_model, the agent stops at its first call.",
    'default_temperature = 0.7\ndefault_model = "my-finetune-7b"\n\n[cost]\nenabled = true\n',
    'default_temperature = 0.7\ndefault_model = "my-finetune-7b"\n\n[cost]\nenabled = true\n\n'
    '[cost.prices."my-finetune-7b"]\ninput = 0.2\noutput = 0.2\n',
    "Add a price for the model, 0 on both sides if it is free, or set unpriced_models to "
    "warn in corvus.toml.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report a ``default_model`` whose calls would be refused, or not priced (PRC-5)."""
    model, provider = subject.whole.get("default_model"), subject.whole.get("default_provider")
    is_governed = value_at(subject.tables, ("cost", "enabled")) is True
    if subject.facts is None or not is_governed or not isinstance(model, str):
        return
    names = [model, f"{provider}/{model}"] if isinstance(provider, str) else [model]
    prices = value_at(subject.tables, ("cost", "prices"))
    own = prices if is_table(prices) else {}
    priced = any(name in own or reporter.is_reported(("cost", "prices", name)) for name in names)
    if priced or any(map(subject.facts.has_price, names)):
        return
    warns = value_at(subject.tables, ("cost", "unpriced_models")) == "warn"
    outcome = "its cost would be recorded as unknown" if warns else "its calls would be refused"
    message = f"the default model {reporter.quoted(model)} has no price: {outcome}"
    entry = f"[cost.prices.{reporter.quoted(names[-1])}]"
    help_ = (f"Add {entry} with `input` and `output`, USD per million.",)
    reporter.add(Finding(INFO.code, message, ValueOf(("default_model",)), help=help_))
