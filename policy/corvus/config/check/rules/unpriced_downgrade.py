"""A model to downgrade to that has no price."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "unpriced-downgrade",
    Severity.WARNING,
    "a model to downgrade to that has no price",
    "A call is downgraded to a model only where it surely fits, which takes its price. A model "
    "without one is passed over each time.",
    '[cost]\non_exceeded = ["downgrade"]\n\n'
    '[cost.downgrade]\n"claude-opus-*" = ["my-finetune-7b"]\n',
    '[cost]\non_exceeded = ["downgrade"]\n\n'
    '[cost.downgrade]\n"claude-opus-*" = ["my-finetune-7b"]\n\n'
    '[cost.prices."my-finetune-7b"]\ninput = 0.2\noutput = 0.2\n',
    "Mend the name of the model, or add its price to [cost.prices].",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report models of ``[cost.downgrade]`` that neither price book has."""
    downgrade = value_at(subject.tables, ("cost", "downgrade"))
    if subject.facts is None or not is_table(downgrade):
        return
    prices = value_at(subject.tables, ("cost", "prices"))
    own = prices if is_table(prices) else {}
    for glob, models in downgrade.items():
        for index, model in enumerate(as_items(models)):
            route: Route = ("cost", "downgrade", glob, index)
            if not isinstance(model, str) or reporter.is_reported(route):
                continue
            is_own = any(name == model or name.partition("/")[2] == model for name in own)
            if not is_own and not subject.facts.has_price(model):
                message = (
                    f"`{reporter.shown(route)}`: the model {reporter.quoted(model)} has no price"
                )
                help_ = (f"Add [cost.prices.{reporter.quoted(model)}], or mend the name.",)
                reporter.add(Finding(INFO.code, message, ValueOf(route), "passed over", help_))
