"""The language server as an editor meets it: over the pipes of a process."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types

from corvus.base.links import rule_page
from tests.lsp.editor import Editor, editing

TYPO = "[cost]\nenabled = true\ndayly_limit_usd = 5\n"


def place(line: int, start: int, end: int) -> types.Range:
    return types.Range(types.Position(line, start), types.Position(line, end))


def test_diagnostics_come_while_the_text_is_typed_and_go_when_it_is_mended(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "corvus.toml", TYPO)
        (found,) = await editor.diagnostics(uri)
        assert (found.code, found.source, found.range) == ("unknown-key", "corvus", place(2, 0, 15))
        assert found.severity is types.DiagnosticSeverity.Error
        assert found.code_description == types.CodeDescription(rule_page("unknown-key"))
        assert "daily_limit_usd" in found.message
        editor.change(uri, "i", 2, place(2, 2, 3))
        editor.change(uri, "l", 3, place(2, 3, 4))
        editor.change(uri, "ly", 4, place(2, 3, 5))
        editor.change(uri, "daily", 5, place(2, 0, 5))
        assert await editor.diagnostics(uri, 5) == []
        document = types.TextDocumentIdentifier(uri)
        editor.text_document_did_close(types.DidCloseTextDocumentParams(document))
        assert await editor.diagnostics(uri, None) == []

    editing(tmp_path, scene)
