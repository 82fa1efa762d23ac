"""The language server as an editor meets it: over the pipes of a process."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from lsprotocol import types

from corvus.base.links import rule_page
from corvus.base.money import NanoUSD
from corvus.config.toml.values import is_table
from corvus.runtime import open_runtime
from tests.lsp.editor import Editor, asking, editing
from tests.lsp.wire import Wire

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


def test_positions_are_counted_as_the_editor_asks(tmp_path: Path) -> None:
    text = '\ufeff[cost]\r\n"\U0001f600" = 1\r\n'

    async def scene(editor: Editor) -> list[types.Range]:
        uri = editor.open(tmp_path / "corvus.toml", text)
        found = await editor.diagnostics(uri)
        return [each.range for each in found if each.code == "unknown-key"]

    assert editing(tmp_path, scene, asking("utf-16")) == [place(1, 0, 4)]
    assert editing(tmp_path, scene, asking("utf-8", "utf-16")) == [place(1, 0, 6)]


def test_the_second_place_of_a_finding_is_told(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "corvus.toml", "[cost]\nenabled = true\nenabled = false\n")
        (found,) = await editor.diagnostics(uri)
        (related,) = [*(found.related_information or ())]
        assert related.location == types.Location(uri, place(1, 0, 7))

    editing(tmp_path, scene)


def test_the_config_of_another_tool_gets_nothing(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        cargo = editor.open(tmp_path / "Cargo.toml", '[package]\nname = "x"\n[cost]\nx = 1\n')
        other = editor.open(tmp_path / "other.toml", "[tool]\nx = \n")
        assert await editor.diagnostics(cargo) == []
        assert await editor.diagnostics(other) == []
        params = types.CompletionParams(types.TextDocumentIdentifier(other), types.Position(1, 0))
        assert await editor.text_document_completion_async(params) is None
        params = types.HoverParams(types.TextDocumentIdentifier("file:///x"), types.Position(0, 0))
        assert await editor.text_document_hover_async(params) is None

    editing(tmp_path, scene)


def test_a_host_config_stays_one_while_it_is_broken(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "config.toml", "[memory]\nbackend = 'sqlite'\n[proxy]\n")
        await editor.diagnostics(uri)
        editor.change(uri, "[memory]\nbackend = \n", 2)
        (found,) = await editor.diagnostics(uri, 2)
        assert found.code == "syntax-error"

    editing(tmp_path, scene)


def test_the_settings_of_the_checker_count_and_are_read_again_after_a_save(tmp_path: Path) -> None:
    """CFG-13: an editor shows what ``corvus check`` says."""
    (tmp_path / ".git").mkdir()
    settings = tmp_path / "corvus.toml"
    text = "[cost]\nwarn_at_percent = 100\n"

    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "team.toml", text)
        (found,) = await editor.diagnostics(uri)
        assert found.severity is types.DiagnosticSeverity.Warning
        settings.write_text('[governance.check.severity]\nextreme-threshold = "error"\n')
        document = types.TextDocumentIdentifier(uri)
        editor.published.clear()
        editor.text_document_did_save(types.DidSaveTextDocumentParams(document))
        (found,) = await editor.diagnostics(uri)
        assert found.severity is types.DiagnosticSeverity.Error
        settings.write_text('[governance.check]\nexclude = ["team.toml"]\n')
        editor.published.clear()
        editor.text_document_did_save(types.DidSaveTextDocumentParams(document))
        assert await editor.diagnostics(uri) == []

    editing(tmp_path, scene)


def test_after_thousands_of_changes_the_last_text_counts(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "corvus.toml", "[cost]\nx = 1\n")
        for version in range(2, 3002):
            editor.change(uri, f"{version}", version, place(1, 4, 4 + len(f"{version - 1}")))
        editor.change(uri, "[cost]\nenabled = true\n", 3002)
        assert await editor.diagnostics(uri, 3002) == []
        versions = [each.version or 0 for each in editor.published]
        assert versions == sorted(versions)

    editing(tmp_path, scene)


def test_a_huge_file_is_told_and_the_server_lives_on(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "corvus.toml", "#" * (1 << 20) + "\n")
        (found,) = await editor.diagnostics(uri)
        assert (found.code, found.range) == ("file-too-large", place(0, 0, 0))
        assert (
            await editor.text_document_hover_async(
                types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(0, 5))
            )
            is None
        )
        editor.change(uri, "", 2)
        assert await editor.diagnostics(uri, 2) == []

    editing(tmp_path, scene)


HOVER = {"textDocument": {"uri": "file:///x"}, "position": {"line": 0, "character": 0}}


def test_messages_that_are_none_never_end_the_server(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    wire.greet()
    for body in (b"{", b"[]", b"12", b"null", b'"x"', b"\xff", b'{"jsonrpc": "1.0"}', b"{}"):
        wire.send(body)
    wire.send(b"[" * 100_000)
    wire.ask(method="textDocument/didOpen", params={"textDocument": 1})
    wire.ask(method="textDocument/didChange", params=None)
    wire.ask(method="nobody/knows", params={})
    wire.ask(id=1, method="textDocument/hover", params={"position": "here"})
    assert "error" in wire.answer(1)
    wire.ask(id=2, method="nobody/knows", params={})
    assert "error" in wire.answer(2)
    wire.ask(id=3, method="textDocument/hover", params=HOVER)
    assert wire.answer(3)["result"] is None
    wire.ask(id=4, method="shutdown")
    assert wire.answer(4)["result"] is None
    wire.ask(method="exit")
    assert wire.end()[0] == 0


def test_an_exit_without_a_farewell_and_an_end_of_input_are_1(tmp_path: Path) -> None:
    first, second, third = Wire(tmp_path), Wire(tmp_path), Wire(tmp_path)
    for wire in (first, second, third):
        wire.greet()
    first.ask(method="exit")
    assert first.end()[0] == 1
    assert second.end() == (1, "corvus lsp: the editor left without saying so\n")
    third.process.terminate()
    assert third.end()[0] == 128 + signal.SIGTERM


def test_a_request_before_the_greeting_is_refused_and_a_notification_dropped(
    tmp_path: Path,
) -> None:
    wire = Wire(tmp_path)
    document = {"uri": "file:///x", "languageId": "toml", "version": 1, "text": "[cost]\nx = 1\n"}
    wire.ask(method="textDocument/didOpen", params={"textDocument": document})
    for number, method in ((1, "textDocument/hover"), (2, "shutdown"), (3, "nobody/knows")):
        wire.ask(id=number, method=method, params=HOVER)
        answer = wire.read()
        assert (answer["id"], error_code(answer)) == (number, -32002)
    wire.greet()
    wire.ask(id=4, method="textDocument/hover", params=HOVER)
    assert wire.answer(4)["result"] is None
    wire.ask(method="exit")
    assert wire.end() == (1, "")


def test_a_request_after_the_farewell_is_refused(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    wire.greet()
    wire.ask(id=1, method="shutdown")
    wire.answer(1)
    wire.ask(id=2, method="textDocument/hover", params=HOVER)
    assert error_code(wire.answer(2)) == -32600
    wire.ask(method="exit")
    assert wire.end() == (0, "")


@pytest.mark.parametrize(
    "garbage", [b"", b"hello?\n\n", b"\x00\xff", b"Content-Length: 9\r\n\r\n{"]
)
def test_an_input_that_no_editor_sends_ends_in_one_line(tmp_path: Path, garbage: bytes) -> None:
    code, errors = Wire(tmp_path).end(garbage)
    assert code == 1
    assert errors.startswith("corvus lsp: standard input ended without a greeting")
    assert errors.count("\n") == 1


def error_code(answer: dict[str, object]) -> object:
    error = answer["error"]
    return error["code"] if is_table(error) else None


def test_no_secret_of_a_text_is_in_the_log(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    wire.greet()
    secret = "sk-live-1234567890abcdef1234567890"
    wire.send(f'{{"jsonrpc": "2.0", "method": "{secret}", "params": '.encode())
    wire.ask(method="textDocument/didOpen", params={"textDocument": secret})
    wire.ask(method="exit")
    assert secret not in wire.end()[1]


def test_a_missing_library_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pygls.py").write_text("raise ModuleNotFoundError('no', name='pygls')\n")
    wire = Wire(tmp_path, PYTHONPATH=str(tmp_path))
    code, errors = wire.end()
    assert code == 2
    assert errors == ("error: the language server needs pygls: pip install 'corvus-policy[lsp]'\n")


def test_the_server_imports_no_duckdb(tmp_path: Path) -> None:
    (tmp_path / "duckdb.py").write_text("raise ModuleNotFoundError('no', name='duckdb')\n")
    path = tmp_path / "corvus.toml"
    path.write_text("[cost]\nenabled = true\ndaily_limit_usd = 5\n")
    runtime = open_runtime(path, ledger=tmp_path / "corvus" / "ledger.duckdb")
    with runtime.governor() as governor, governor.call("claude-haiku-4-5", estimate_usd=1) as call:
        call.used(cost_nano_usd=NanoUSD(250_000_000))

    async def scene(editor: Editor) -> None:
        uri = editor.open(path, path.read_text())
        await editor.diagnostics(uri)
        params = types.CodeLensParams(types.TextDocumentIdentifier(uri))
        titles: list[str] = []
        while "today $0.25 of $5.00" not in titles:  # within the patience of the scene
            lenses = await editor.text_document_code_lens_async(params)
            titles = [each.command.title for each in lenses or () if each.command]

    editing(tmp_path, scene, PYTHONPATH=str(tmp_path))
