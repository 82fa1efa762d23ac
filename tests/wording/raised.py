"""What errors say, as templates: read from where they are raised, with ``{}`` for each value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "policy" / "corvus"
SHOWN = {
    *("SteeringRefused", "OverridesDisabled", "ApprovalNotFound", "SelfApproval"),
    *("ReportNotFound", "ReportParameterInvalid"),
    *("EditRefused", "SettingRefused"),
}
"""Errors whose text a page shows: those about the request, with a status below 500."""
PLACES = (
    *("governor", "reporting", "gateway/patch.py", "gateway/service.py"),
    *("config/edit/change.py",),
)
"""Where what pages do can raise them; what the pages raise themselves is from the catalogue."""


def sentences() -> dict[str, str]:
    """Return every sentence that a page may show of an error, and where it is raised."""
    found: dict[str, str] = {}
    for place in PLACES:
        path = ROOT / place
        for module in [path] if path.suffix else sorted(path.rglob("*.py")):
            for sentence in _of(ast.parse(module.read_text())):
                found.setdefault(sentence, str(module.relative_to(ROOT)))
    return found


def _of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args
        if is_call and node.func.id in SHOWN:  # type: ignore[union-attr]
            yield from templates(node.args[0])  # type: ignore[union-attr]


def templates(node: ast.expr) -> Iterator[str]:
    """Yield what an expression of text can be; nothing for one that is not spelled out."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts
            )
        case ast.IfExp(body=first, orelse=second):
            yield from templates(first)
            yield from templates(second)
        case ast.BinOp(left=first, op=ast.Add(), right=second):
            for start in templates(first):
                for end in templates(second):
                    yield start + end
        case _:
            return
