"""Parsed documents to settings: collects every problem in one pass (CFG-3), and layers (CFG-5).

Nothing here raises for what a user wrote: problems are diagnostics, and settings are ``None`` when
one of them is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from corvus.base.record import Record
from corvus.config.check.reporter import Reporter
from corvus.config.check.rule_settings import SettingsFinder, settings_of
from corvus.config.model import aliases, dialects
from corvus.config.model.dialects import (
    GOVERNED,
    Detection,
    Dialect,
    host_keys,
    required_keys,
)
from corvus.config.model.quick import is_valid
from corvus.config.toml.document import Document
from corvus.config.toml.values import Route, Table, is_table, shown, value_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.config.check.subject import PriceFacts
    from corvus.config.model.settings import Settings
    from corvus.diagnostics.codes import Severity
    from corvus.diagnostics.model import Diagnostic

_MARK = "corvus:"
"""What a comment that ignores a diagnostic holds; a file without it needs no look at comments."""


class LoadedConfig(Record):
    """What one file, or several layered ones, say.

    Attributes:
        settings: The effective settings; ``None`` when any diagnostic is an error.
        diagnostics: All problems, by file and then by place.
        deprecated_fields: Dotted paths of the deprecated keys in use (DEP-2), each once.
        dialects: What each document was checked as, in the order of ``documents``.
        documents: The files that could be parsed, then the overlays, lowest layer first.
        ignored: How many findings comments ignore.
        governed: What each document says in the governed tables, under the canonical keys and
            without those that are ignored, in the order of ``documents``.
        is_cut: Whether there are more problems than ``diagnostics`` has.
    """

    settings: Settings | None
    diagnostics: tuple[Diagnostic, ...]
    deprecated_fields: tuple[str, ...]
    dialects: tuple[Detection, ...]
    documents: tuple[Document, ...]
    ignored: int = 0
    governed: tuple[Table, ...] = ()
    is_cut: bool = False


def load_documents(  # noqa: PLR0913 - each of them changes how, none what
    documents: Sequence[Document],
    dialect: str = "auto",
    *,
    overlays: Sequence[Document] = (),
    facts: PriceFacts | None = None,
    want_settings: bool = True,
    finder: SettingsFinder | None = None,
) -> LoadedConfig:
    """Check parsed documents and layer them, later over earlier.

    Args:
        documents: Lowest layer first.
        dialect: ``auto``: as the settings of the checker say, else decided by the document; or a
            dialect that every document must be.
        overlays: Layers above the documents, native whatever those are.
        facts: Answers about prices; ``None`` leaves out the rules that need them.
        want_settings: ``False`` spares building the settings: only the problems are needed.
        finder: Knows the settings of the checker, which may name dialects; ``None`` looks for them.
    """
    how = _How(facts, want_settings)
    detected = tuple(dialect_of(document, dialect, finder) for document in documents)
    detected += (Detection(Dialect.NATIVE, pinned=True),) * len(overlays)
    documents = (*documents, *overlays)
    loaded = _load_once(documents, detected, how)
    if not any(_MARK in document.text for document in documents):
        return loaded
    from corvus.config.check.ignore import Ignores

    ignores = Ignores(documents)
    kept, again, seen = list(documents), loaded, [*loaded.diagnostics]
    while (less := ignores.without_ignored_keys(kept, again.diagnostics)) != kept:
        kept, again = less, _load_once(less, detected, how)
        seen += again.diagnostics
    unasked = () if facts else ("unpriced-default-model", "ambiguous-price")
    return again._replace(
        ignored=ignores.count(seen),
        diagnostics=ignores.judge(again.diagnostics, seen=seen, unasked=unasked),
        documents=loaded.documents,
    )


def _load_once(
    documents: Sequence[Document], detected: tuple[Detection, ...], how: _How
) -> LoadedConfig:
    reporter = Reporter(documents, [found.dialect for found in detected], _severity)
    deprecated: list[str] = []
    governed: list[Table] = []
    merged: Table = {}
    whole: Table = {}
    for document, found in zip(documents, detected, strict=True):
        layer = _layer(document, found, deprecated, how.facts)
        reporter.take(layer.reporter)
        governed.append(layer.governed)
        merged = _merge(merged, layer.governed)
        whole |= document.data
    settings = _validated(merged, whole, reporter, how=how)
    errors = any(diagnostic.is_error for diagnostic in reporter.found)
    return LoadedConfig(
        settings=None if errors else settings,
        diagnostics=reporter.in_order(),
        deprecated_fields=tuple(dict.fromkeys(deprecated)),
        dialects=detected,
        documents=tuple(documents),
        governed=tuple(governed),
        is_cut=reporter.is_cut,
    )


def dialect_of(
    document: Document, wanted: str = "auto", finder: SettingsFinder | None = None
) -> Detection:
    """Decide the dialect of a document: named, by the settings of the checker, or by what it is.

    Args:
        document: A file; no overlay, which is native whatever the files are.
        wanted: A dialect, or ``auto``.
        finder: Knows the settings of the checker; ``None`` looks for them.
    """
    if wanted == "auto":
        near = finder or SettingsFinder()
        settings = settings_of(document.data, document.file) or near.of_file(document.file)
        if pinned := settings.dialect_of(document.file):
            dialect, pattern = pinned
            return Detection(Dialect(dialect), (pattern,), pinned=True)
    return dialects.detect(document.data, wanted, document.file)


class _Layer(Record):
    governed: Table
    reporter: Reporter


def _layer(
    document: Document, found: Detection, deprecated: list[str], facts: PriceFacts | None
) -> _Layer:
    """Reduce one document to its governed tables under canonical names."""
    reporter = Reporter((document,), (found.dialect,), _severity)
    governed = _governed(document.data, found.dialect, reporter)
    if value_at(governed, ("cost", "prices")):
        from corvus.config.check.rules import nested_price

        governed = nested_price.take_out(governed, reporter, facts.has_price if facts else None)
    for alias in aliases.present(governed):
        if reading := alias.reading(found.dialect):
            from corvus.config.check.rules import host_key

            value = value_at(governed, alias.old)
            host_key.report(value, alias, reading, found.dialect, reporter)
            governed = aliases.without(governed, alias)
            continue
        deprecated.append(shown(alias.old))
        governed = _canonical(governed, alias, reporter)
    return _Layer(governed, reporter)


def _governed(data: Mapping[str, object], dialect: Dialect, reporter: Reporter) -> Table:
    """Return the governed tables without host keys; report every key the dialect does not have."""
    for key in data:
        if key not in GOVERNED and key not in host_keys(dialect):
            if reporter.is_full():
                reporter.cut()
                break
            from corvus.config.check.rules import unknown_host_key

            unknown_host_key.report(key, data[key], dialect, reporter)
    if lacking := required_keys(dialect) - data.keys():
        from corvus.config.check.unknown import report_required

        report_required(sorted(lacking), dialect, reporter)
    kept: Table = {name: data[name] for name in GOVERNED if name in data}
    if Dialect.ZEROCLAW in dialect.hosts:
        return {name: _without_host_keys(name, value, dialect) for name, value in kept.items()}
    if dialect is Dialect.CORVUS:
        for route in dialects.native_only(kept):
            from corvus.config.check.unknown import report_native_only

            report_native_only(route, reporter)
            kept = _without(kept, route)
    return kept


def _without_host_keys(name: str, value: object, dialect: Dialect) -> object:
    if not is_table(value):
        return value
    extra = host_keys(dialect, name)
    return {key: inner for key, inner in value.items() if key not in extra}


def _without(data: Table, route: Route) -> Table:
    first, rest = str(route[0]), route[1:]
    if not rest:
        return {key: value for key, value in data.items() if key != first}
    inner = data[first]
    assert is_table(inner)
    return {**data, first: _without(inner, rest)}


def _canonical(governed: Table, alias: aliases.Alias, reporter: Reporter) -> Table:
    """Check the deprecated number by the rules of its canonical key, then let it stand in."""
    old: Route = alias.old
    probe = aliases.canonical({}, alias, value_at(governed, old))
    if not _accept(probe, reporter, moved={alias.new: old}):
        return aliases.without(governed, alias)
    from corvus.config.check.rules import deprecated_key

    deprecated_key.warn(governed, alias, reporter)
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
    settings = None
    if how.want_settings:
        from corvus.config.check.validate import validate

        settings = validate(merged, reporter)
    elif merged:
        _accept(merged, reporter)
    if merged:
        from corvus.config.check.rules import check
        from corvus.config.check.subject import Subject

        check(Subject(merged, whole, how.facts), reporter)
    if is_table(table := value_at(merged, ("governance", "check"))):
        from corvus.config.check.checker_table import report_useless

        report_useless(table, reporter)
    return settings


def _accept(data: Table, reporter: Reporter, *, moved: Mapping[Route, Route] | None = None) -> bool:
    """Check like ``validate`` where only the verdict counts: quick when there is no error."""
    if is_valid(data):
        return True
    from corvus.config.check.validate import validate

    return validate(data, reporter, moved=moved or {}) is not None


class _How(Record):
    facts: PriceFacts | None
    want_settings: bool


def _severity(code: str) -> Severity:
    from corvus.config.check.rules import ON_ONE_LAYER, RULES, load

    rule = code.replace("-", "_")
    if rule in RULES or rule in ON_ONE_LAYER:
        return load(rule).INFO.severity  # the registry of all codes would load every rule
    from corvus.config.check.codes import lookup

    return lookup(code).severity
