"""What an editor can do about findings: proved fixes, comments that ignore, and migration.

Each proof is a check. Where an editor takes edits later, one request costs a few of them at most,
however many findings its range has; where it does not, the findings after the first few have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified

from corvus.config.edit.fixing import fix_text, prove
from corvus.config.edit.ignoring import add_ignore, is_ignorable
from corvus.config.edit.migrate import Plan, migrate_document
from corvus.diagnostics.model import Diagnostic, Fix
from corvus.lsp.deferral import Deferral, Remedy, RequestFailed
from corvus.lsp.findings import diagnostics, place
from corvus.lsp.view import View

FIX_ALL: Final = "source.fixAll.corvus"
MIGRATE: Final = "source.migrate.corvus"
KINDS: Final = (types.CodeActionKind.QuickFix, FIX_ALL, MIGRATE)
"""The kinds of what is offered."""

_AT_ONCE: Final = 8
"""Most fixes, and most comments, that are proved for one request."""
_MOST: Final = 50
"""Most findings that one request is answered for."""


def actions(view: View, params: types.CodeActionParams, *, is_lazy: bool) -> list[types.CodeAction]:
    """Return what can be done about the findings that touch a range.

    Args:
        view: The text.
        params: The range, and the kinds that are wanted.
        is_lazy: Whether the editor asks for an edit once its user has chosen it.
    """
    wanted = params.context.only
    found: list[types.CodeAction] = []
    if _is_wanted(types.CodeActionKind.QuickFix, wanted):
        near = [
            (index, each)
            for index, each in enumerate(view.checked.diagnostics)
            if _touches(place(each, view.text), params.range)
        ]
        near = near[:_MOST]
        found += _fixes(view, near, is_lazy=is_lazy)
        found += _comments(view, near, is_lazy=is_lazy)
    if _is_wanted(FIX_ALL, wanted):
        found += _fix_all(view, is_lazy=is_lazy, is_named=wanted is not None)
    if _is_wanted(MIGRATE, wanted):
        found += _migrate(view)
    return found


def resolve(view: View, deferral: Deferral, action: types.CodeAction) -> types.CodeAction:
    """Return a code action with its edit.

    Raises:
        JsonRpcContentModified: It is of another text.
        RequestFailed: What it would do is of no use.
    """
    edits = _edits_of(view, deferral)
    if edits is None:
        raise RequestFailed(f"{action.title}: this would not mend it, or would break something")
    action.edit = view.edit(edits)
    return action


def _edits_of(view: View, deferral: Deferral) -> list[types.TextEdit] | None:
    if deferral.version != view.text.version:
        raise JsonRpcContentModified
    if deferral.remedy is Remedy.FIX_ALL:
        fixed = fix_text(view.text.raw, view.name, view.options, unsafe=False)
        return [_difference(view, fixed.after)] if fixed.after != fixed.before else None
    found = view.checked.diagnostics
    finding = found[deferral.place] if 0 <= deferral.place < len(found) else None
    if finding is None or finding.code != deferral.code:  # settings of the checker have changed
        raise JsonRpcContentModified
    if deferral.remedy is Remedy.IGNORE:
        after = _with_comment(view, finding)
        return [_difference(view, after)] if after is not None else None
    fix = _proved(view, finding).fix
    return _edits(view, fix) if fix is not None else None


def _is_wanted(kind: str, wanted: Sequence[str] | None) -> bool:
    """Return whether an editor wants a kind: without a choice all, else those and what is below."""
    if wanted is None:
        return True
    return any(kind == each or kind.startswith(f"{each}.") or not each for each in wanted)


def _fixes(
    view: View, near: Sequence[tuple[int, Diagnostic]], *, is_lazy: bool
) -> Iterator[types.CodeAction]:
    with_fix = [(index, each) for index, each in near if each.fix is not None]
    for _, finding in with_fix[:_AT_ONCE]:
        proved = _proved(view, finding)
        if proved.fix is not None:
            edits = _edits(view, proved.fix)
            yield _quick_fix(view, proved, proved.fix.description, edits)
    for index, finding in with_fix[_AT_ONCE:] if is_lazy else ():
        if finding.fix is not None:
            deferral = _deferral(view, Remedy.FIX, index)
            # Whether it is safe is not proved, so no editor should prefer it.
            finding_ = replace(finding, fix=None)
            yield _quick_fix(view, finding_, finding.fix.description, deferral)


def _proved(view: View, finding: Diagnostic) -> Diagnostic:
    """Return a finding with its fix, if that mends it and breaks nothing."""
    alone = tuple(
        each if each is finding else replace(each, fix=None) for each in view.checked.diagnostics
    )
    proved = prove(view.checked._replace(diagnostics=alone), view.options).diagnostics
    return next(new for old, new in zip(alone, proved, strict=True) if old is finding)


def _comments(
    view: View, near: Sequence[tuple[int, Diagnostic]], *, is_lazy: bool
) -> Iterator[types.CodeAction]:
    ignorable = [(index, each) for index, each in near if is_ignorable(each)]
    for index, finding in ignorable if is_lazy else ignorable[:_AT_ONCE]:
        after = None if is_lazy else _with_comment(view, finding)
        if is_lazy or after is not None:
            title = f"Ignore {finding.code} here, with a reason"
            edits = [_difference(view, after)] if after is not None else None
            what = edits or _deferral(view, Remedy.IGNORE, index)
            yield _quick_fix(view, replace(finding, fix=None), title, what)


def _with_comment(view: View, finding: Diagnostic) -> bytes | None:
    return add_ignore(view.text.raw, view.checked, finding, view.options)


def _deferral(view: View, remedy: Remedy, index: int) -> Deferral:
    code = view.checked.diagnostics[index].code
    return Deferral(remedy, view.uri, view.text.version, index, code)


def _touches(one: types.Range, other: types.Range) -> bool:
    return _key(one.start) <= _key(other.end) and _key(other.start) <= _key(one.end)


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character


def _edits(view: View, fix: Fix) -> list[types.TextEdit]:
    return [types.TextEdit(view.text.range_of(edit.span), edit.replacement) for edit in fix.edits]


def _quick_fix(
    view: View, finding: Diagnostic, title: str, what: list[types.TextEdit] | Deferral
) -> types.CodeAction:
    is_later = isinstance(what, Deferral)
    return types.CodeAction(
        title=title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=diagnostics([finding], view.text, view.uri),
        is_preferred=True if finding.fix is not None and finding.fix.is_safe else None,
        edit=None if is_later else view.edit(what),
        data=what.data if is_later else None,
    )


def _fix_all(view: View, *, is_lazy: bool, is_named: bool) -> Iterator[types.CodeAction]:
    offered = [each for each in view.checked.diagnostics if each.fix is not None]
    if not any(each.fix is not None and each.fix.is_safe for each in offered):
        return
    if len(offered) > _AT_ONCE and is_lazy:
        data = Deferral(Remedy.FIX_ALL, view.uri, view.text.version).data
        yield types.CodeAction(title="Fix all safe findings", kind=FIX_ALL, data=data)
        return
    if len(offered) > _AT_ONCE and not is_named:
        return  # who wants it names its kind
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
