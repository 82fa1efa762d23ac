"""Code actions of many findings: few proofs for one request, and no diagnostics behind them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.lsp.editor import PLAIN, Editor, editing
from tests.lsp.test_features import applied
from tests.lsp.wire import Wire

LATER = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        code_action=types.CodeActionClientCapabilities(
            data_support=True,
            resolve_support=types.ClientCodeActionResolveOptions(properties=["edit"]),
        )
    )
)
"""An editor that asks for an edit once its user has chosen it."""
BUDGET = """
[[cost.budgets]]
name = "dev-{0}"
period = "day"
limit_usd = {0}
match = {{ user = "dev-{0}" }}
"""
NEVER_BIND = "[cost]\nenabled = true\ndaily_limit_usd = 5\n" + "".join(
    BUDGET.format(number) for number in range(10, 93)
)
REMARKS = "[cost]\nenabled = true\ndaily_limit_usd = 5\n" + "".join(
    f"# corvus: ignore[no-limit-set] remark {number}\n" for number in range(20)
)
EVERYWHERE = types.Range(types.Position(0, 0), types.Position(10_000, 0))


async def everything(editor: Editor, uri: str, *only: str) -> list[types.CodeAction]:
    context = types.CodeActionContext([], [*only] or None)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), EVERYWHERE, context)
    found = await editor.text_document_code_action_async(params)
    return [each for each in found or () if isinstance(each, types.CodeAction)]


def test_comments_are_proved_once_chosen(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "corvus.toml", NEVER_BIND)
        found = await editor.diagnostics(uri)
        assert len(found) > 50
        actions = await everything(editor, uri)
        assert len(actions) == 50
        assert all(each.edit is None for each in actions)
        chosen = await editor.code_action_resolve_async(actions[1])
        number = int(found[1].range.start.line)
        changed = applied(NEVER_BIND, chosen.edit).splitlines()
        assert "# corvus: ignore[limit-never-binds]" in changed[number]
        editor.change(uri, NEVER_BIND + "\n", 2)
        with pytest.raises(JsonRpcException) as late:
            await editor.code_action_resolve_async(actions[2])
        assert late.value.code == -32801
        for data in (None, {}, {"remedy": "fix", "uri": uri}, [1], "x"):
            with pytest.raises(JsonRpcException) as strange:
                await editor.code_action_resolve_async(types.CodeAction("x", data=data))
            assert strange.value.code == -32602

    editing(tmp_path, scene, LATER)


def test_fixes_after_the_first_few_are_proved_once_chosen(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "corvus.toml", REMARKS)
        await editor.diagnostics(uri)
        fixes = await everything(editor, uri, "quickfix")
        fixes = [each for each in fixes if not each.title.startswith("Ignore")]
        assert [each.edit is not None for each in fixes] == [True] * 8 + [False] * 12
        assert [each.is_preferred for each in fixes] == [True] * 8 + [None] * 12
        chosen = await editor.code_action_resolve_async(fixes[-1])
        assert "remark 19" not in applied(REMARKS, chosen.edit)
        (all_,) = await everything(editor, uri, "source.fixAll")
        assert all_.edit is None
        all_ = await editor.code_action_resolve_async(all_)
        assert "remark" not in applied(REMARKS, all_.edit)

    editing(tmp_path, scene, LATER)


def test_an_editor_that_takes_no_edits_later_gets_those_of_the_first_few(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        uri = editor.open(tmp_path / "corvus.toml", NEVER_BIND)
        actions = await everything(editor, uri)
        assert len(actions) == 8
        assert all(each.edit is not None for each in actions)
        uri = editor.open(tmp_path / "team" / "corvus.toml", REMARKS)
        actions = await everything(editor, uri)
        assert {each.kind for each in actions} == {types.CodeActionKind.QuickFix}
        (all_,) = await everything(editor, uri, "source")
        assert "remark" not in applied(REMARKS, all_.edit)

    editing(tmp_path, scene, PLAIN)


def opened(folder: Path, text: str) -> tuple[Wire, dict[str, str]]:
    wire = Wire(folder)
    wire.greet()
    uri = (folder / "corvus.toml").as_uri()
    document = {"uri": uri, "languageId": "toml", "version": 1, "text": text}
    wire.ask(method="textDocument/didOpen", params={"textDocument": document})
    wire.until("textDocument/publishDiagnostics")
    return wire, {"uri": uri}


def select_all(wire: Wire, number: int, document: dict[str, str]) -> None:
    start, end = ({"line": line, "character": 0} for line in (0, 10_000))
    place = {"start": start, "end": end}
    context: dict[str, list[object]] = {"diagnostics": []}
    params = {"textDocument": document, "range": place, "context": context}
    wire.ask(id=number, method="textDocument/codeAction", params=params)


def test_diagnostics_do_not_wait_for_code_actions(tmp_path: Path) -> None:
    wire, document = opened(tmp_path, NEVER_BIND)
    for number in range(1, 41):
        select_all(wire, number, document)
    wire.ask(method="$/cancelRequest", params={"id": 1})
    change = {"textDocument": {**document, "version": 2}, "contentChanges": [{"text": NEVER_BIND}]}
    wire.ask(method="textDocument/didChange", params=change)
    codes: dict[object, object] = {}
    published = False
    while len(codes) < 40 or not published:
        message = wire.read()
        if message.get("method") == "textDocument/publishDiagnostics":
            published = True
        elif "id" in message:
            error = message.get("error")
            codes[message["id"]] = error["code"] if isinstance(error, dict) else "answered"
    assert codes.pop(1) == -32800
    # At most what was under way when the text changed came to an end.
    assert [*codes.values()].count(-32801) >= 38
    wire.ask(id=99, method="shutdown")
    wire.answer(99)
    wire.ask(method="exit")
    assert wire.end() == (0, "")


def test_what_takes_many_checks_does_not_keep_the_server_alive(tmp_path: Path) -> None:
    wire, document = opened(tmp_path, NEVER_BIND)
    for number in range(1, 500):
        select_all(wire, number, document)
    wire.ask(id=999, method="shutdown")
    wire.answer(999)
    wire.ask(method="exit")
    assert wire.end()[0] == 0
