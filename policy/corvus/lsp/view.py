"""What a request looks at: one text of a file, and what is known of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lsprotocol import types

from corvus.config.check.check import CheckedFile, Options
from corvus.config.check.documents import load_documents
from corvus.config.layers.environment import read_environment
from corvus.config.layers.origins import EffectiveSetting, effective
from corvus.config.model.dialects import Dialect
from corvus.config.toml.document import read_document
from corvus.config.toml.values import Route
from corvus.lsp.spend import BudgetSpend
from corvus.lsp.structure import Structure
from corvus.lsp.text import Text


@dataclass(frozen=True)
class View:
    """One text of a file, for one request.

    Attributes:
        uri: As the editor names the file.
        name: As a check calls it.
        text: The text.
        checked: What a check says of exactly this text.
        options: How it was checked.
        spend: Where its budgets stand, by name, as far as that is known by now.
        has_versions: Whether the editor takes edits of a version of a file.
    """

    uri: str
    name: str
    text: Text
    checked: CheckedFile
    options: Options
    spend: Mapping[str, BudgetSpend]
    has_versions: bool

    @cached_property
    def structure(self) -> Structure:
        """Where its keys stand."""
        return Structure(self.text.body)

    @property
    def dialect(self) -> Dialect:
        """What it was checked as."""
        detected = self.checked.detected
        return detected.dialect if detected is not None else Dialect.NATIVE

    @property
    def dialect_named(self) -> str:
        """The same as an option: ``auto`` where nothing tells two runtimes apart."""
        return "auto" if self.dialect is Dialect.UNDECIDED else self.dialect.value

    @cached_property
    def settings(self) -> Mapping[Route, EffectiveSetting]:
        """The settings that would be in force with this text; none while it has errors."""
        document, _ = read_document(self.text.raw, self.name)
        if document is None:
            return {}
        overlays, problems = read_environment(os.environ)
        loaded = load_documents((document,), self.dialect_named, overlays=overlays)
        if loaded.settings is None or problems:
            return {}
        return {setting.route: setting for setting in effective(loaded)}

    def edit(self, edits: Sequence[types.TextEdit]) -> types.WorkspaceEdit:
        """Return edits of exactly this text, as the editor takes them."""
        if not self.has_versions:
            return types.WorkspaceEdit(changes={self.uri: [*edits]})
        document = types.OptionalVersionedTextDocumentIdentifier(self.uri, self.text.version)
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, [*edits])])

    def budget_name(self, route: Route) -> str | None:
        """Return the name of the budget whose table a route leads into."""
        if route[:2] != ("cost", "budgets") or len(route) < 3:
            return None
        named = (*route[:3], "name")
        spot = next((each for each in self.structure.spots if each.route == named), None)
        return self.structure.string(spot.value) if spot is not None else None
