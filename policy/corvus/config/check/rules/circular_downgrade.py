"""A model that is to be downgraded to itself, or to one that is downgraded to it."""

from __future__ import annotations

from corvus.base.globs import glob_fault, literal
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "circular-downgrade",
    Severity.WARNING,
    "models that are downgraded to each other",
    "Of two models one is cheaper. Where each is to take the place of the other, or a model its "
    "own, one line downgrades to a model that costs more, or changes nothing. A glob that also "
    "fits the model to downgrade to is no mistake: that model itself is passed over.",
    '[cost]\non_exceeded = ["downgrade"]\n\n'
    '[cost.downgrade]\nlarge = ["small"]\nsmall = ["large"]\n\n'
    "[cost.prices]\nlarge = { input = 2, output = 8 }\nsmall = { input = 1, output = 4 }\n",
    '[cost]\non_exceeded = ["downgrade"]\n\n'
    '[cost.downgrade]\nlarge = ["small"]\n\n'
    "[cost.prices]\nlarge = { input = 2, output = 8 }\nsmall = { input = 1, output = 4 }\n",
    "Remove the line that leads back to the more expensive model.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Follow the models that stand for themselves; a key with a star leads nowhere."""
    downgrade = value_at(subject.tables, ("cost", "downgrade"))
    if not is_table(downgrade):
        return
    models = {
        model: [str(other) for other in as_items(to)]
        for glob, to in downgrade.items()
        if (model := _one_model(glob)) is not None
    }
    earlier: set[object] = set()
    for glob, to in downgrade.items():
        model = _one_model(glob)
        if model is None:
            continue
        earlier.add(model)
        for index, other in enumerate(as_items(to)):
            route: Route = ("cost", "downgrade", glob, index)
            if reporter.is_reported(route):
                continue
            seen = reporter.quoted(str(other))
            if other == model:
                message = f"`{reporter.shown(route)}` downgrades {seen} to itself"
                reporter.add(Finding(INFO.code, message, ValueOf(route), "the same model"))
            elif other in earlier and model in _reached(str(other), models):
                back = f"{seen} leads back to {reporter.quoted(model)}"
                message = f"`{reporter.shown(route)}`: {back}"
                help_ = ("Keep the line that leads to the cheaper model.",)
                reporter.add(Finding(INFO.code, message, ValueOf(route), "in a circle", help_))


def _one_model(glob: str) -> str | None:
    """Return the one model that a key names; ``None`` for a pattern, or a malformed one."""
    return None if glob_fault(glob) else literal(glob)


def _reached(start: str, models: dict[str, list[str]]) -> set[str]:
    """Return the models that one may be downgraded to, step by step."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = {*models.get(waiting.pop(), ())} - reached
        reached |= new
        waiting += new
    return reached
