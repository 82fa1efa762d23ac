"""The requests that the server answers, as one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified

from corvus.lsp.code_actions import KINDS, actions, resolve
from corvus.lsp.completion import complete
from corvus.lsp.deferral import Deferral
from corvus.lsp.hover import hover
from corvus.lsp.lenses import lenses
from corvus.lsp.names import definition, prepare, references, rename
from corvus.lsp.outline import outline
from corvus.lsp.server import Server


class Feature(NamedTuple):
    """A method of the protocol.

    Attributes:
        method: Its name.
        answer: Makes the answer to its parameters.
        options: What the server announces of it.
    """

    method: str
    answer: Callable[[Server, Any], Awaitable[Any]]
    options: Any = None


async def _hover(server: Server, params: types.HoverParams) -> types.Hover | None:
    uri = params.text_document.uri
    spend = await server.spend_of(uri, latest=False)
    return await server.ask(uri, lambda view: hover(view, params.position), spend)


async def _complete(server: Server, params: types.CompletionParams) -> types.CompletionList | None:
    return await server.ask(params.text_document.uri, lambda view: complete(view, params.position))


async def _act(server: Server, params: types.CodeActionParams) -> list[types.CodeAction] | None:
    is_lazy = server.resolves_edits
    return await server.ask_patiently(
        params.text_document.uri, lambda view: actions(view, params, is_lazy=is_lazy)
    )


async def _resolve(server: Server, action: types.CodeAction) -> types.CodeAction:
    deferral = Deferral.read(action.data)
    resolved = await server.ask_patiently(
        deferral.uri, lambda view: resolve(view, deferral, action)
    )
    if resolved is None:
        raise JsonRpcContentModified
    return resolved


async def _lenses(server: Server, params: types.CodeLensParams) -> list[types.CodeLens] | None:
    uri = params.text_document.uri
    return await server.ask(uri, lenses, await server.spend_of(uri, latest=True))


async def _outline(
    server: Server, params: types.DocumentSymbolParams
) -> list[types.DocumentSymbol] | None:
    return await server.ask(params.text_document.uri, outline)


async def _prepare(
    server: Server, params: types.PrepareRenameParams
) -> types.PrepareRenamePlaceholder | None:
    return await server.ask(params.text_document.uri, lambda view: prepare(view, params.position))


async def _rename(server: Server, params: types.RenameParams) -> types.WorkspaceEdit | None:
    found = await server.ask(
        params.text_document.uri, lambda view: rename(view, params.position, params.new_name)
    )
    if found is None:
        return None
    edit, warning = found
    server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, warning))
    return edit


async def _define(server: Server, params: types.DefinitionParams) -> types.Location | None:
    return await server.ask(
        params.text_document.uri, lambda view: definition(view, params.position)
    )


async def _refer(server: Server, params: types.ReferenceParams) -> list[types.Location] | None:
    return await server.ask(
        params.text_document.uri, lambda view: references(view, params.position)
    )


async def _save(server: Server, params: types.DidSaveTextDocumentParams) -> None:
    await server.saved()


async def _begin(server: Server, params: types.InitializeParams) -> None:
    server.configure(params.initialization_options)


FEATURES: Final = (
    Feature(types.INITIALIZE, _begin),
    Feature(types.TEXT_DOCUMENT_DID_SAVE, _save),
    Feature(types.TEXT_DOCUMENT_HOVER, _hover),
    Feature(
        types.TEXT_DOCUMENT_COMPLETION,
        _complete,
        types.CompletionOptions(trigger_characters=["[", ".", '"', "=", "{", ","]),
    ),
    Feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        _act,
        types.CodeActionOptions(code_action_kinds=[*KINDS], resolve_provider=True),
    ),
    Feature(types.CODE_ACTION_RESOLVE, _resolve),
    Feature(types.TEXT_DOCUMENT_CODE_LENS, _lenses, types.CodeLensOptions(resolve_provider=False)),
    Feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _outline),
    Feature(types.TEXT_DOCUMENT_PREPARE_RENAME, _prepare),
    Feature(types.TEXT_DOCUMENT_RENAME, _rename, types.RenameOptions(prepare_provider=True)),
    Feature(types.TEXT_DOCUMENT_DEFINITION, _define),
    Feature(types.TEXT_DOCUMENT_REFERENCES, _refer),
)
"""What the server does besides publishing diagnostics."""


def register(server: Server) -> None:
    """Have a server answer every feature."""
    for feature in FEATURES:
        server.feature(feature.method, feature.options)(_bound(server, feature))


def _bound(server: Server, feature: Feature) -> Callable[[Any], Awaitable[Any]]:
    async def answer(params: Any) -> Any:
        return await feature.answer(server, params)

    return answer
