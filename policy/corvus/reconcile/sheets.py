"""Chooses among the sheets of several files: each line of a bill counts once.

Two pages of one report add up, a file given twice counts once, and a newer export stands in the
place of the older one's days that it has, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from corvus.reconcile.charge import Sheet


def newest(sheets: Iterable[Sheet], stored: Iterable[Sheet] = ()) -> list[Sheet]:
    """Return the sheets that count, by day.

    Args:
        sheets: In the order of their files; of two with one line the one counts whose file reaches
            further, else the later one.
        stored: Sheets that counted before; among themselves they do.
    """
    kept = list(stored)
    for sheet in sorted(sheets, key=lambda each: each.through):
        rivals = [one for one in kept if _is_rival(one, sheet)]
        replaced = [one for one in rivals if sheet.supersedes(one)]
        is_known = any(one.source == sheet.source for one in rivals)
        if is_known or any(one.through > sheet.through for one in replaced):
            continue
        gone = set(map(id, replaced))
        kept = [one for one in kept if id(one) not in gone]
        kept.append(sheet)
    return sorted(kept, key=lambda each: (each.day, each.form.name))


def _is_rival(one: Sheet, other: Sheet) -> bool:
    return (one.form, one.provider, one.day) == (other.form, other.provider, other.day)
