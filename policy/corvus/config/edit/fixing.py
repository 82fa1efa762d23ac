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
from corvus.config.toml.document import BOM, read_document, source_text
from corvus.config.toml.values import Table, value_at
from corvus.diagnostics.model import Diagnostic, Edit, Fix

if TYPE_CHECKING:
    from corvus.config.toml.document import Document

_MOST_ALONE = 50
"""How many fixes of one file are proved one by one; more are proved together, then in halves."""
_FEW = 4
_WORK = 2_000
"""So many findings are looked at to prove the fixes of one text: each proof is a check of all.

A file with a thousand mistakes has ``_FEW`` proofs in each round, which mend most of it; what was
not proved is no fix.
"""
_WORK_IN_ROUNDS = 10_000
"""The same for how often what is left is checked and fixed again."""
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
    proofs = _Proofs(raw, checked, options)
    groups = [[found] for found in offered] if len(offered) <= _MOST_ALONE else [offered]
    kept = {id(found) for group in groups for found in proofs.better_part(group)}
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
    for _ in range(_allowed(_WORK_IN_ROUNDS, checked)):
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
    """Apply several fixes at once, or the first alone that is one.

    Where none is, as with a fix that was proved together with others that are not wanted, nothing
    is applied and they are fixes no longer.
    """
    first = chosen[:_FEW]
    for findings in (chosen, *((one,) for one in first)):
        written = _edited(raw, [found.fix for found in findings if found.fix])
        again = check_text(written, checked.shown, options)
        if written != raw and _is_better(checked, again, findings):
            return written, prove(again, options), findings
    refused = {*map(id, first)}
    left = (
        replace(found, fix=None) if id(found) in refused else found for found in checked.diagnostics
    )
    return raw, checked._replace(diagnostics=tuple(left)), ()


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


class _Proofs:
    """Proves fixes of one text, as many as there is time for."""

    def __init__(self, raw: bytes, checked: CheckedFile, options: Options) -> None:
        self._raw = raw
        self._checked = checked
        self._options = options
        self._left = _allowed(_WORK, checked)

    def better_part(self, offered: Sequence[Diagnostic]) -> list[Diagnostic]:
        """Return those of some findings whose fixes mend them, all at once or in halves."""
        if not self._left:
            return []
        if _together(offered) == [*offered] and self._mends(offered):
            return [*offered]
        half = len(offered) // 2
        parts = (offered[:half], offered[half:]) if half else ()
        return [found for part in parts for found in self.better_part(part)]

    def _mends(self, offered: Sequence[Diagnostic]) -> bool:
        self._left -= 1
        written = _edited(self._raw, [found.fix for found in offered if found.fix])
        if written == self._raw:
            return False
        again = check_text(written, self._checked.shown, self._options)
        return _is_better(self._checked, again, offered)


def _allowed(work: int, checked: CheckedFile) -> int:
    """Return how many checks of a file are worth it, by how many findings each looks at."""
    return max(_FEW, min(2 * _MOST_ALONE, work // max(1, len(checked.diagnostics))))


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
    if before.is_cut:  # others come in sight
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
