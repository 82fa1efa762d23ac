"""What an editor can do about findings: proved fixes, comments that ignore, and migration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from lsprotocol import types

from corvus.config.edit.fixing import fix_text, prove
from corvus.config.edit.ignoring import add_ignore
from corvus.config.edit.migrate import Plan, migrate_document
from corvus.diagnostics.model import Diagnostic, Fix
from corvus.lsp.findings import diagnostics, place
from corvus.lsp.view import View

FIX_ALL: Final = "source.fixAll.corvus"
MIGRATE: Final = "source.migrate.corvus"
KINDS: Final = (types.CodeActionKind.QuickFix, FIX_ALL, MIGRATE)
"""The kinds of what is offered."""

_REASON: Final = "say why"
"""Stands for the reason until the author writes one."""


def actions(view: View, params: types.CodeActionParams) -> list[types.CodeAction]:
    """Return what can be done about the findings that touch a range."""
    wanted = params.context.only
    found: list[types.CodeAction] = []
    if _is_wanted(types.CodeActionKind.QuickFix, wanted):
        found += _quick_fixes(view, params.range)
    if _is_wanted(FIX_ALL, wanted):
        found += _fix_all(view)
    if _is_wanted(MIGRATE, wanted):
        found += _migrate(view)
    return found


def _is_wanted(kind: str, wanted: Sequence[str] | None) -> bool:
    """Return whether an editor wants a kind: without a choice all, else those and what is below."""
    if wanted is None:
        return True
    return any(kind == each or kind.startswith(f"{each}.") or not each for each in wanted)


def _quick_fixes(view: View, area: types.Range) -> Iterator[types.CodeAction]:
    found = view.checked.diagnostics
    near = [_touches(place(each, view.text), area) for each in found]
    # Each proof is a check: what is elsewhere is not looked at.
    asked = tuple(
        each if is_near else replace(each, fix=None)
        for each, is_near in zip(found, near, strict=True)
    )
    proved = prove(view.checked._replace(diagnostics=asked), view.options).diagnostics
    for finding in proved:
        if finding.fix is not None:
            yield _quick_fix(view, finding, finding.fix.description, _edits(view, finding.fix))
    for finding in (each for each, is_near in zip(found, near, strict=True) if is_near):
        after = add_ignore(view.text.raw, view.checked, finding, view.options, _REASON)
        if after is not None:
            title = f"Ignore {finding.code} here, with a reason"
            yield _quick_fix(view, replace(finding, fix=None), title, [_difference(view, after)])


def _touches(one: types.Range, other: types.Range) -> bool:
    return _key(one.start) <= _key(other.end) and _key(other.start) <= _key(one.end)


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character


def _edits(view: View, fix: Fix) -> list[types.TextEdit]:
    return [types.TextEdit(view.text.range_of(edit.span), edit.replacement) for edit in fix.edits]


def _quick_fix(
    view: View, finding: Diagnostic, title: str, edits: list[types.TextEdit]
) -> types.CodeAction:
    return types.CodeAction(
        title=title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=diagnostics([finding], view.text, view.uri),
        is_preferred=True if finding.fix is not None and finding.fix.is_safe else None,
        edit=view.edit(edits),
    )


def _fix_all(view: View) -> Iterator[types.CodeAction]:
    fixed = fix_text(view.text.raw, view.name, view.options, unsafe=False)
    if fixed.after != fixed.before:
        count = len(fixed.applied)
        title = (
            "Fix the finding that is safe to fix" if count == 1 else f"Fix {count} safe findings"
        )
        yield _whole(view, title, FIX_ALL, fixed.after)


def _migrate(view: View) -> Iterator[types.CodeAction]:
    migration, _ = migrate_document(view.text.raw, view.name, Plan(view.dialect_named))
    if migration is not None and migration.is_pending:
        yield _whole(view, "Migrate deprecated keys", MIGRATE, migration.after)


def _whole(view: View, title: str, kind: str, after: bytes) -> types.CodeAction:
    """Return the action that makes a text another."""
    return types.CodeAction(title=title, kind=kind, edit=view.edit([_difference(view, after)]))


def _difference(view: View, after: bytes) -> types.TextEdit:
    """Return the edit that makes a text another: of the smallest stretch that differs."""
    old, new = view.text.whole, after.decode()
    start = _common(old, new)
    rest = _common(old[start:][::-1], new[start:][::-1])
    mark = len(old) - len(view.text.body)
    place_ = view.text.range(start - mark, len(old) - rest - mark)
    return types.TextEdit(place_, new[start : len(new) - rest])


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    for place_, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place_
    return min(len(one), len(other))
