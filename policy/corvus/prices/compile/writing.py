"""The text of a price book: a header line with the hash of all lines below it (PRC-3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Mapping, Sequence

from corvus.prices.book import FORMAT
from corvus.prices.entry import KINDS

_NONE: Mapping[str, object] = {}


def book_text(  # noqa: PLR0913 - each is a part of the book
    models: Mapping[str, Mapping[str, object]],
    *,
    package: str,
    release: str,
    equal: Mapping[str, object] = _NONE,
    unpriced: Mapping[str, Sequence[str]] | None = None,
    doubtful: Container[str] = (),
) -> str:
    """Return the text of a book.

    Args:
        models: By provider and id, the lines of the book.
        package: What it was made of.
        release: The version of that.
        equal: By host and maker, the models that were found to cost the same.
        unpriced: By provider, ids that are sold by units that no record counts.
        doubtful: Names that only a look-up can decide to have a price.
    """
    left_out = {name: ids for name, ids in sorted((unpriced or {}).items()) if ids}
    body = (
        f'"kinds":{_json(list(KINDS))},\n"equal":{_json(equal)},\n'
        f'"unpriced":{_json(left_out)},\n'
        f'"models":{{\n{_lines(models, doubtful)}\n}}}}\n'
    )
    header = {
        "format": FORMAT,
        "package": package,
        "package_version": release,
        "sha256": hashlib.sha256(body.encode()).hexdigest(),
    }
    return f'{{"book":{_json(header)},\n{body}'


def _lines(models: Mapping[str, Mapping[str, object]], doubtful: Container[str]) -> str:
    """Write one model on each line, so that a diff of two books can be read."""
    return ",\n".join(
        f"{_json(provider)}:{{\n{_members(models[provider], doubtful)}\n}}"
        for provider in sorted(models)
        if models[provider]
    )


def _members(values: Mapping[str, object], doubtful: Container[str]) -> str:
    """Write models; a space says that only a look-up can decide whether a name has a price."""
    return ",\n".join(
        f"{_json(name)}:{' ' if name in doubtful else ''}{_json(values[name])}"
        for name in sorted(values)
    )


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)
