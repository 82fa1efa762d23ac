"""Documents to settings: one pass that collects every problem (CFG-3) and layers them (CFG-5).

Nothing here raises for what a user wrote: problems are diagnostics, and settings are ``None`` when
one of them is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from corvus.config.check import aliases, dialects
from corvus.config.check.dialects import Detected, Dialect
from corvus.config.check.reporter import Reporter
from corvus.config.toml.document import Document, read_file
from corvus.config.toml.values import Route, Table, is_table, shown, value_at

if TYPE_CHECKING:
    from corvus.config.check.rules import PriceFacts
    from corvus.config.model.settings import Settings
    from corvus.diagnostics.model import Diagnostic


_MARK = "corvus:"
"""What a comment that ignores a diagnostic holds; a file without it needs no look at comments."""


class Loaded(NamedTuple):
    """What one file, or several layered ones, say.

    Attributes:
        settings: The effective settings; ``None`` when any diagnostic is an error.
        diagnostics: All problems, by file and then by place.
        deprecated_fields: Dotted paths of the deprecated keys in use (DEP-2), each once.
        dialects: What each document was checked as, in the order of ``documents``.
        documents: The files that could be parsed, then the overlays, lowest layer first.
        ignored: How many findings comments ignore.
    """

    settings: Settings | None
    diagnostics: tuple[Diagnostic, ...]
    deprecated_fields: tuple[str, ...]
    dialects: tuple[Detected, ...]
    documents: tuple[Document, ...]
    ignored: int = 0


def load(
    paths: Sequence[Path], dialect: str = "auto", *, overlays: Sequence[Document] = ()
) -> Loaded:
    """Read files and layer them, later over earlier; no file at all gives the defaults.

    Args:
        paths: Files named by the user or found by ``locate``. A missing one is an error (CFG-6).
        dialect: ``auto``, or a dialect that every file must be.
        overlays: Layers above all files, which may have what corvus.toml may have.
    """
    documents: list[Document] = []
    diagnostics: list[Diagnostic] = []
    for path in paths:
        document, problems = read_file(path, str(path))
        diagnostics += problems
        if document is not None:
            documents.append(document)
    loaded = load_documents(documents, dialect, overlays=overlays)
    found = (*diagnostics, *loaded.diagnostics)
    broken = any(diagnostic.is_error for diagnostic in found)
    return Loaded(
        settings=None if broken else loaded.settings,
        diagnostics=found,
        deprecated_fields=loaded.deprecated_fields,
        dialects=loaded.dialects,
        documents=loaded.documents,
        ignored=loaded.ignored,
    )


def load_documents(
    documents: Sequence[Document],
    dialect: str = "auto",
    *,
    overlays: Sequence[Document] = (),
    facts: PriceFacts | None = None,
    want_settings: bool = True,
) -> Loaded:
    """Check parsed documents and layer them, later over earlier.

    Args:
        documents: Lowest layer first.
        dialect: ``auto``, or a dialect that every document must be.
        overlays: Layers above the documents, native whatever those are.
        facts: Answers about prices; ``None`` leaves out the rules that need them.
        want_settings: ``False`` spares building the settings: only the problems are asked for.
    """
    how = _How(facts, want_settings, len(overlays))
    documents = (*documents, *overlays)
    loaded = _load_once(documents, dialect, how)
    if not any(_MARK in document.text for document in documents):
        return loaded
    from corvus.config.check.ignore import Ignores

    ignores = Ignores(documents)
    kept, again, seen = list(documents), loaded, [*loaded.diagnostics]
    while (less := ignores.without_ignored_keys(kept, again.diagnostics)) != kept:
        kept, again = less, _load_once(less, dialect, how)
        seen += again.diagnostics
    unasked = () if facts else ("unpriced-default-model", "ambiguous-price")
    return again._replace(
        ignored=ignores.count(seen),
        diagnostics=ignores.judge(again.diagnostics, seen=seen, unasked=unasked),
        dialects=loaded.dialects,
        documents=loaded.documents,
    )


def _load_once(documents: Sequence[Document], dialect: str, how: _How) -> Loaded:
    files = len(documents) - how.overlays
    detected = (
        *(dialects.detect(document.data, dialect) for document in documents[:files]),
        *(Detected(Dialect.NATIVE, pinned=True) for _ in documents[files:]),
    )
    reporter = Reporter(documents, [found.dialect for found in detected])
    deprecated: list[str] = []
    merged: Table = {}
    whole: Table = {}
    for document, found in zip(documents, detected, strict=True):
        layer = _layer(document, found, deprecated)
        reporter.take(layer.reporter)
        merged = _merge(merged, layer.governed)
        whole |= document.data
    settings = _validated(merged, whole, reporter, how=how)
    errors = any(diagnostic.is_error for diagnostic in reporter.found)
    return Loaded(
        settings=None if errors else settings,
        diagnostics=reporter.in_order(),
        deprecated_fields=tuple(dict.fromkeys(deprecated)),
        dialects=detected,
        documents=tuple(documents),
    )


class _Layer(NamedTuple):
    governed: Table
    reporter: Reporter


def _layer(document: Document, found: Detected, deprecated: list[str]) -> _Layer:
    """Reduce one document to its governed tables under canonical names."""
    reporter = Reporter((document,), (found.dialect,))
    governed = dialects.governed(document.data, found.dialect, reporter)
    if "cost" in governed:
        from corvus.config.check.rules import price_shapes

        governed = price_shapes(governed, reporter)
    for alias in aliases.present(governed):
        deprecated.append(shown(alias.old))
        governed = _canonical(governed, alias, reporter, found.dialect)
    return _Layer(governed, reporter)


def _canonical(
    governed: Table, alias: aliases.Alias, reporter: Reporter, dialect: Dialect
) -> Table:
    """Check the deprecated number by the rules of its canonical key, then let it stand in."""
    from corvus.config.check.validate import accept

    old: Route = alias.old
    probe = aliases.canonical({}, alias, value_at(governed, old))
    if not accept(probe, reporter, moved={alias.new: old}):
        return aliases.without(governed, alias)
    host = dialect.value if dialect is Dialect.ZEROCLAW else None
    aliases.warn(governed, alias, reporter, host=host)
    return aliases.canonical(governed, alias, value_at(governed, old))


def _merge(lower: Table, upper: Table) -> Table:
    """Lay one document over another: tables key by key, anything else whole."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if is_table(below) and is_table(value) else value
    return merged


def _validated(merged: Table, whole: Table, reporter: Reporter, *, how: _How) -> Settings | None:
    """Check the merged tables and, unless only the verdict counts, build the settings."""
    from corvus.config.check.validate import accept, validate

    settings = None
    if how.want_settings:
        settings = validate(merged, reporter)
    elif merged:
        accept(merged, reporter)
    if merged:
        from corvus.config.check.rules import cross_field

        cross_field(merged, whole, reporter, how.facts)
    return settings


class _How(NamedTuple):
    facts: PriceFacts | None
    want_settings: bool
    overlays: int
