"""Proves the fixes of a checked file, and applies them (DIA-1).

A fix is an edit that a rule proposes. Here the edited text is read and checked again: the finding
must be gone, and nothing as bad may have come. A safe fix must also leave the meaning in force as
it is. It never writes a file: ``corvus.base.files`` does, with the bytes that ``fix_text`` returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from corvus.config.check.check import CheckedFile, Options, check_text
from corvus.config.check.rule_settings import SettingsFinder
from corvus.config.edit.edit import same
from corvus.config.model import aliases
from corvus.config.toml.bounds import MAX_FINDINGS
from corvus.config.toml.document import BOM, read_document, source_text
from corvus.config.toml.values import Table, value_at
from corvus.diagnostics.model import Diagnostic, Edit, Fix

if TYPE_CHECKING:
    from corvus.config.toml.document import Document

_MOST_ROUNDS = 100
"""How often what is left is checked and fixed again; each round mends one finding at least."""
_MOST_ALONE = 50
"""How many fixes of one file are proved one by one; more are proved together, then in halves."""
_NOT_READ_WHOLE = frozenset({"invalid-utf8", "file-too-large", "file-missing", "file-unreadable"})
"""With one of these the text that is known is not that of the file."""


class FixedText(NamedTuple):
    """What a text becomes.

    Attributes:
        before: Its bytes.
        after: The bytes with all fixes; the same when there was nothing to apply.
        applied: The findings that are mended, in the order in which they were.
        remaining: The check of ``after``, its fixes proved.
    """

    before: bytes
    after: bytes
    applied: tuple[Diagnostic, ...]
    remaining: CheckedFile


def prove(checked: CheckedFile, options: Options) -> CheckedFile:
    """Return a checked file with the fixes only that mend their finding and break nothing.

    A fix that calls itself safe and would change the meaning in force is kept as unsafe.

    Args:
        checked: A file with whatever fixes its rules propose.
        options: How it was checked.
    """
    if checked.text is None or all(found.fix is None for found in checked.diagnostics):
        return checked
    options = _with_settings(options)
    offered = [found for found in checked.diagnostics if found.fix is not None]
    if any(found.code in _NOT_READ_WHOLE for found in checked.diagnostics):
        offered = []
    raw = _bytes(checked)
    if len(offered) <= _MOST_ALONE:
        groups = [_better_part([found], raw, checked, options) for found in offered]
    else:
        groups = [_better_part(offered, raw, checked, options)]
    kept = {id(found): found for group in groups for found in group}
    return checked._replace(
        diagnostics=tuple(
            _published(found, raw) if id(found) in kept else replace(found, fix=None)
            for found in checked.diagnostics
        )
    )


def fix_text(text: bytes, name: str, options: Options, *, unsafe: bool) -> FixedText:
    """Apply every proved fix of a text, and of what is left after each round.

    Args:
        text: The bytes of a file.
        name: How messages call it.
        options: How to check; its standard input is not read.
        unsafe: Whether to apply guesses, too.
    """
    options = _with_settings(options)
    now, applied = text, list[Diagnostic]()
    checked = prove(check_text(text, name, options), options)
    for _ in range(_MOST_ROUNDS):
        chosen = _together(
            found for found in checked.diagnostics if is_wanted(found, unsafe=unsafe)
        )
        if not chosen:
            break
        now, checked, mended = _round(now, checked, chosen, options)
        applied += mended
    return FixedText(text, now, tuple(applied), checked)


def _with_settings(options: Options) -> Options:
    """Look for the settings of the checker once, and not for each proof."""
    return options if options.finder else options._replace(finder=SettingsFinder())


def is_wanted(found: Diagnostic, *, unsafe: bool) -> bool:
    """Return whether a finding has a fix to apply: a safe one, or any with ``unsafe``."""
    return found.fix is not None and (unsafe or found.fix.is_safe)


def _round(
    raw: bytes, checked: CheckedFile, chosen: Sequence[Diagnostic], options: Options
) -> tuple[bytes, CheckedFile, Sequence[Diagnostic]]:
    """Apply several fixes at once, or the first alone where they do not go together."""
    for findings in (chosen, chosen[:1]):
        written = _edited(raw, [found.fix for found in findings if found.fix])
        again = check_text(written, checked.shown, options)
        if _is_better(checked, again, findings):
            return written, prove(again, options), findings
    raise AssertionError("a proved fix mends its finding")


def _together(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the findings whose edits do not touch those of one before."""
    chosen: list[Diagnostic] = []
    taken: list[tuple[int, int]] = []
    for found in findings:
        places = [_range(edit) for edit in found.fix.edits] if found.fix else []
        if all(end < start or start_ > end_ for start, end_ in taken for start_, end in places):
            chosen.append(found)
            taken += places
    return chosen


def _better_part(
    offered: Sequence[Diagnostic], raw: bytes, checked: CheckedFile, options: Options
) -> list[Diagnostic]:
    """Return those of some findings whose fixes mend them, all at once or one by one."""
    if _together(offered) == [*offered]:
        written = _edited(raw, [found.fix for found in offered if found.fix])
        again = check_text(written, checked.shown, options)
        if written != raw and _is_better(checked, again, offered):
            return [*offered]
    half = len(offered) // 2
    if not half:
        return []
    parts = (offered[:half], offered[half:])
    return [found for part in parts for found in _better_part(part, raw, checked, options)]


def _published(found: Diagnostic, raw: bytes) -> Diagnostic:
    """Return a finding whose fix is safe only where the meaning stays."""
    if found.fix is None or not found.fix.is_safe:
        return found
    if _means_the_same(raw, _edited(raw, [found.fix])):
        return found
    return replace(found, fix=replace(found.fix, is_safe=False))


def _is_better(before: CheckedFile, after: CheckedFile, mended: Sequence[Diagnostic]) -> bool:
    """Return whether findings are gone, and nothing came that is as bad as the worst of them."""
    old, new = _counts(before.diagnostics), _counts(after.diagnostics)
    gone = Counter(map(_identity, mended))
    if any(new[what] > old[what] - count for what, count in gone.items()):
        return False
    if len(before.diagnostics) >= MAX_FINDINGS:  # others come in sight
        return sum(_errors(after).values()) <= sum(_errors(before).values())
    if any(found.is_error for found in mended):
        old, new = _errors(before), _errors(after)
    return all(count <= old[what] for what, count in new.items())


def _counts(diagnostics: Iterable[Diagnostic]) -> Counter[tuple[object, ...]]:
    return Counter(map(_identity, diagnostics))


def _errors(checked: CheckedFile) -> Counter[tuple[object, ...]]:
    return _counts(found for found in checked.diagnostics if found.is_error)


def _identity(found: Diagnostic) -> tuple[object, ...]:
    """Name a finding without its place: items of arrays move up when one is taken out."""
    return found.code, tuple(0 if isinstance(part, int) else part for part in found.path)


def _means_the_same(before: bytes, after: bytes) -> bool:
    """Return whether two texts give the same policy, whatever else is wrong with them.

    The settings are made of the data under canonical names alone, and the policy of the settings.
    """
    if before.removeprefix(BOM) == after.removeprefix(BOM):
        return True
    old, new = read_document(before, "")[0], read_document(after, "")[0]
    return old is not None and new is not None and same(_canonical(old), _canonical(new))


def _canonical(document: Document) -> Table:
    data: Table = {**document.data}
    for alias in aliases.present(data):
        data = aliases.canonical(data, alias, value_at(data, alias.old))
    return data


def _bytes(checked: CheckedFile) -> bytes:
    has_bom = any(found.code == "byte-order-mark" for found in checked.diagnostics)
    return (BOM if has_bom else b"") + (checked.text or "").encode()


def _edited(raw: bytes, fixes: Iterable[Fix]) -> bytes:
    """Return the bytes after fixes that do not overlap."""
    has_bom, text = raw.startswith(BOM), source_text(raw)
    edits = [edit for fix in fixes for edit in fix.edits]
    for edit in sorted(edits, key=_range, reverse=True):
        start, end = _range(edit)
        text = text[:start] + edit.replacement + text[end:]
        has_bom = has_bom and not _is_bom(edit)
    return (BOM if has_bom else b"") + text.encode()


def _range(edit: Edit) -> tuple[int, int]:
    return edit.span.start.offset, edit.span.end.offset


def _is_bom(edit: Edit) -> bool:
    """Return whether an edit is about the byte order mark: bytes, but no character of the text."""
    start, end = edit.span.start, edit.span.end
    return start.offset == end.offset and start.byte_offset < end.byte_offset
