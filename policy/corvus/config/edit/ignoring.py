"""Adds comments that ignore what is found, each with a reason, and proves every one of them.

A comment is written at the end of the line of its finding, else on a line of its own above it, else
for the whole file at its top. It stays only if the text still means the same, the finding is gone
and no other has come. So a string over several lines, or a comment that is there already, needs no
rule of its own: what does not work is not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from corvus.config.check.check import CheckedFile, Options, check_text
from corvus.config.check.ignore import may_ignore
from corvus.config.check.rule_settings import SettingsFinder
from corvus.config.toml.document import BOM, read_document
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.reasons import PLACEHOLDER

_FEW = 4
_WORK = 600
"""Of a file with so many findings, or more, a few lines are tried in vain; of others more."""
_AT_TOP = ("#:schema", "#!")
"""What must stay the first line."""
_ANY_REASON = "proved with this"
"""A reason, to see what a comment with one does."""


class IgnoringText(NamedTuple):
    """A text with comments.

    Attributes:
        after: Its bytes; the same when nothing was added.
        added: How many comments were.
    """

    after: bytes
    added: int


_Identity: TypeAlias = tuple[str, tuple[str | int, ...], str]


class _Place(NamedTuple):
    line: int
    codes: tuple[str, ...]


def add_ignores(raw: bytes, name: str, options: Options, reason: str) -> IgnoringText:
    """Ignore by comments what may be ignored.

    Args:
        raw: The whole file.
        name: How messages call it, and where its settings are looked for.
        options: How it is checked.
        reason: Why, one line with a letter or digit.
    """
    options = options._replace(finder=SettingsFinder())
    checked = check_text(raw, name, options)
    added, hopeless = 0, set[_Identity]()
    if read_document(raw, name)[0] is None:
        return IgnoringText(raw, 0)  # nobody can say what the text means
    patience = max(_FEW, _WORK // max(1, len(checked.diagnostics)))
    while (places := _places(checked, hopeless)) and patience > 0:
        # Most often all of them go to the end of their lines: one proof for all.
        tries = [_together(raw, places, reason)] if len(places) > 1 else []
        tries += ((text, places[:1]) for text in _candidates(raw, places[0], reason))
        for candidate, commented in tries:
            again = check_text(candidate, name, options)
            if _is_better((raw, checked), (candidate, again), commented):
                raw, checked, added = candidate, again, added + len(commented)
                break
        else:
            patience -= 1
            hopeless |= {_identity(one) for one in _ignorable(checked) if _is_at(one, places[0])}
    return IgnoringText(raw, added)


def add_ignore(
    raw: bytes, checked: CheckedFile, finding: Diagnostic, options: Options
) -> bytes | None:
    """Ignore one finding by a comment that has an effect once its author gives the reason.

    Args:
        raw: The whole file.
        checked: What a check found in it.
        finding: One of that.
        options: How it was checked.

    Returns:
        The text with the comment, which has a placeholder for the reason; ``None`` where no
        comment may ignore it, or none has a place.
    """
    if finding.span is None or not is_ignorable(finding):
        return None
    place = _Place(finding.span.start.line, (finding.code,))
    proofs, texts = (_candidates(raw, place, why) for why in (_ANY_REASON, PLACEHOLDER))
    for proof, text in zip(proofs, texts, strict=True):
        again = check_text(proof, checked.shown, options)
        if _is_better((raw, checked), (proof, again), [place]):
            return text
    return None


def is_ignorable(diagnostic: Diagnostic) -> bool:
    """Return whether a comment may ignore a finding, and there is a place for one."""
    return diagnostic.span is not None and may_ignore(diagnostic.code)


def _ignorable(checked: CheckedFile) -> Sequence[Diagnostic]:
    return [one for one in checked.diagnostics if is_ignorable(one)]


def _identity(one: Diagnostic) -> _Identity:
    return one.code, one.path, one.message


def _is_at(one: Diagnostic, place: _Place) -> bool:
    return one.span is not None and one.span.start.line == place.line


def _places(checked: CheckedFile, hopeless: set[_Identity]) -> list[_Place]:
    """Return the lines with a finding to ignore, and the codes of all on each line."""
    codes: dict[int, set[str]] = {}
    for one in _ignorable(checked):
        if one.span is not None and _identity(one) not in hopeless:
            codes.setdefault(one.span.start.line, set()).add(one.code)
    return [_Place(line, tuple(sorted(names))) for line, names in sorted(codes.items())]


def _together(raw: bytes, places: Sequence[_Place], reason: str) -> tuple[bytes, Sequence[_Place]]:
    """Return the text with a comment at the end of each line; that moves no other line."""
    for place in places:
        raw = next(_candidates(raw, place, reason))
    return raw, places


def _candidates(raw: bytes, place: _Place, reason: str) -> Iterator[bytes]:
    """Yield the text with a comment at each place that may do, the best first."""
    bom = BOM if raw.startswith(BOM) else b""
    lines = raw.removeprefix(BOM).decode().split("\n")
    codes = ", ".join(place.codes)
    comment = f"# corvus: ignore[{codes}] {reason}"
    index = place.line - 1
    line = lines[index]
    end = "\r" if line.endswith("\r") or (len(lines) > 1 and lines[0].endswith("\r")) else ""
    body = line.removesuffix("\r")
    own_end = line[len(body) :]
    indent = body[: len(body) - len(body.lstrip())]
    top = 1 if lines[0].startswith(_AT_TOP) else 0
    file_comment = f"# corvus: ignore-file[{codes}] {reason}{end}"
    for changed in (
        [*lines[:index], f"{body.rstrip()}  {comment}{own_end}", *lines[index + 1 :]],
        [*lines[:index], f"{indent}{comment}{end}", *lines[index:]],
        [*lines[:top], file_comment, *lines[top:]],
    ):
        yield bom + "\n".join(changed).encode()


def _is_better(
    old: tuple[bytes, CheckedFile], new: tuple[bytes, CheckedFile], places: Sequence[_Place]
) -> bool:
    """Return whether a text means the same, and has all findings but those of some places."""
    (raw, checked), (candidate, again) = old, new
    before, _ = read_document(raw, checked.shown)
    after, _ = read_document(candidate, checked.shown)
    if before is None or after is None or before.data != after.data:
        return False
    gone = Counter(
        (one.code, one.path)
        for one in _ignorable(checked)
        if any(_is_at(one, place) and one.code in place.codes for place in places)
    )
    found = Counter((one.code, one.path) for one in checked.diagnostics)
    left = Counter((one.code, one.path) for one in again.diagnostics)
    if checked.is_cut:
        return not gone & left  # others follow in their place
    return not left - found and not gone & left
