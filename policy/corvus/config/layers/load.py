"""All layers of settings in the order of ``Layer``, each over those before it (CFG-5).

``corvus check`` does not come here: it judges files alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from corvus.config.check.documents import LoadedConfig, load_documents
from corvus.config.layers.locate import Location, locate
from corvus.config.layers.order import Layer
from corvus.config.toml.document import Document, read_bytes, read_document, source_text
from corvus.diagnostics.model import ConfigError

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic


class Layers(NamedTuple):
    """The config in force: where its files are, and what all layers together say."""

    located: Location
    loaded: LoadedConfig


def load_layers(
    named: Sequence[str | Path],
    sets: Sequence[str],
    environment: Mapping[str, str],
    texts: Mapping[Path, bytes] | None = None,
) -> Layers:
    """Read the files, and lay the environment and the command line over them.

    Args:
        named: Files named by the user; empty looks in the usual places (CFG-6).
        sets: ``KEY=VALUE`` words of the command line, later ones on top.
        environment: ``CORVUS_…`` variables, and what ``locate`` reads.
        texts: What is read in place of some files, such as their state at another revision.

    Returns:
        The layers; they have settings.

    Raises:
        ConfigError: A layer has errors; it carries all of them.
    """
    located = locate([Path(file) for file in named], environment=environment)
    overlays, problems = _overlays(sets, environment)
    loaded = load(located.paths, overlays=overlays, texts=texts)
    diagnostics = (*loaded.diagnostics, *problems)
    if loaded.settings is None or problems:
        raise ConfigError(_refusal(located, diagnostics), diagnostics)
    return Layers(located, loaded)


def load(
    paths: Sequence[Path],
    dialect: str = "auto",
    *,
    overlays: Sequence[Document] = (),
    texts: Mapping[Path, bytes] | None = None,
) -> LoadedConfig:
    """Read files and layer them, later over earlier; no file at all gives the defaults.

    Args:
        paths: Files named by the user or found by ``locate``. A missing one is an error (CFG-6).
        dialect: ``auto``, or a dialect that every file must be.
        overlays: Layers above all files, which may have what corvus.toml may have.
        texts: What is read in place of some files.
    """
    documents: list[Document] = []
    diagnostics: list[Diagnostic] = []
    for path in paths:
        if texts is not None and path in texts:
            raw, problems = texts[path], ()
        else:
            raw, problems = read_bytes(path, str(path))
        document = None
        if raw is not None:
            document, problems = read_document(raw, str(path))
        if raw is not None and document is None:
            from corvus.config.check.syntax_advice import with_types

            problems = with_types(problems, source_text(raw))
        diagnostics += problems
        if document is not None:
            documents.append(document)
    loaded = load_documents(documents, dialect, overlays=overlays)
    found = (*diagnostics, *loaded.diagnostics)
    broken = any(diagnostic.is_error for diagnostic in found)
    settings = None if broken else loaded.settings
    return loaded._replace(settings=settings, diagnostics=found)


def _overlays(
    sets: Sequence[str], environment: Mapping[str, str]
) -> tuple[list[Document], list[Diagnostic]]:
    documents: list[Document] = []
    problems: list[Diagnostic] = []
    for layer in Layer:
        assigned, found = _overlay(layer, sets, environment)
        documents += assigned
        problems += found
    return documents, problems


def _overlay(
    layer: Layer, sets: Sequence[str], environment: Mapping[str, str]
) -> tuple[Sequence[Document], list[Diagnostic]]:
    """Read a layer above the files; most runs have none, and do not import what knows every key."""
    if layer is Layer.ENVIRONMENT and any(
        name.upper().startswith("CORVUS_") for name in environment
    ):
        from corvus.config.layers.environment import read_environment

        return read_environment(environment)
    if layer is Layer.COMMAND_LINE and sets:
        from corvus.config.layers.assignment import assign_from_command_line

        return assign_from_command_line(sets)
    return (), []


def _refusal(located: Location, diagnostics: Sequence[Diagnostic]) -> str:
    files = {str(path) for path in located.paths}
    if any(diagnostic.is_error and diagnostic.file in files for diagnostic in diagnostics):
        return f"cannot use {located.shown}: run `corvus check` on it"
    return "cannot use the settings of the environment or the command line"
