"""A real client of the language server: pygls' own, over the pipes of a process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.client import LanguageClient

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
FULL = types.ClientCapabilities(
    general=types.GeneralClientCapabilities(),
    workspace=types.WorkspaceClientCapabilities(
        code_lens=types.CodeLensWorkspaceClientCapabilities(refresh_support=True),
        workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
    ),
    text_document=types.TextDocumentClientCapabilities(
        rename=types.RenameClientCapabilities(prepare_support=True)
    ),
)
"""What a large editor can do."""
PLAIN = types.ClientCapabilities()
"""An editor that states nothing."""


def asking(*encodings: str) -> types.ClientCapabilities:
    """Return the capabilities of an editor that offers encodings, the first preferred."""
    general = types.GeneralClientCapabilities(
        position_encodings=[types.PositionEncodingKind(each) for each in encodings]
    )
    return types.ClientCapabilities(general=general)


class Editor(LanguageClient):
    """What an editor does, as far as a test needs it.

    Attributes:
        published: Every publication of diagnostics, in order.
        shown: Messages to the user, in order.
        refreshes: How often the server had lenses drawn again.
    """

    def __init__(self) -> None:
        super().__init__("tests", "1")
        self.published: list[types.PublishDiagnosticsParams] = []
        self.shown: list[types.ShowMessageParams] = []
        self.logged: list[types.LogMessageParams] = []
        self.refreshes = 0
        self._news = asyncio.Event()
        self._hear(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, self.published)
        self._hear(types.WINDOW_SHOW_MESSAGE, self.shown)
        self._hear(types.WINDOW_LOG_MESSAGE, self.logged)

        def refresh(params: Any) -> None:
            self.refreshes += 1
            self._news.set()

        self.feature(types.WORKSPACE_CODE_LENS_REFRESH)(refresh)

    def _hear(self, method: str, into: list[Any]) -> None:
        def take(params: Any) -> None:
            into.append(params)
            self._news.set()

        self.feature(method)(take)

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The server."""
        assert self._server is not None
        return self._server

    async def begin(
        self, folder: Path, capabilities: types.ClientCapabilities = FULL, **environment: str
    ) -> types.InitializeResult:
        """Start a server in a folder, and greet it."""
        await self.start_io(  # pyright: ignore[reportUnknownMemberType]
            sys.executable,
            "-m",
            "corvus",
            "lsp",
            cwd=folder,
            env={**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder), **environment},
        )
        params = types.InitializeParams(
            capabilities=capabilities,
            process_id=os.getpid(),
            root_uri=folder.as_uri(),
            initialization_options={"spendSeconds": 0.2},
        )
        result = await self.initialize_async(params)
        self.initialized(types.InitializedParams())
        return result

    async def end(self) -> int:
        """Say goodbye; return the exit code."""
        await self.shutdown_async(None)
        self.exit(None)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS)

    def open(self, path: Path, text: str, version: int = 1) -> str:
        """Show a file; return its URI."""
        uri = path.as_uri()
        item = types.TextDocumentItem(uri, "toml", version, text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, text: str, version: int, place: types.Range | None = None) -> None:
        """Type: replace a range, or the whole text."""
        event = (
            types.TextDocumentContentChangeWholeDocument(text)
            if place is None
            else types.TextDocumentContentChangePartial(place, text)
        )
        document = types.VersionedTextDocumentIdentifier(version, uri)
        self.text_document_did_change(types.DidChangeTextDocumentParams(document, [event]))

    async def until(self, look: Callable[[], T | None]) -> T:
        """Wait until something is there."""

        async def wait() -> T:
            while (found := look()) is None:
                self._news.clear()
                await self._news.wait()
            return found

        return await asyncio.wait_for(wait(), PATIENCE_SECONDS)

    async def diagnostics(self, uri: str, version: int | None = 1) -> list[types.Diagnostic]:
        """Wait for what is found in a version of a file."""

        def look() -> list[types.Diagnostic] | None:
            fitting = (
                each for each in self.published if (each.uri, each.version) == (uri, version)
            )
            return next((list(each.diagnostics) for each in fitting), None)

        return await self.until(look)


def editing(
    folder: Path,
    scene: Callable[[Editor], Coroutine[Any, Any, T]],
    capabilities: types.ClientCapabilities = FULL,
    **environment: str,
) -> T:
    """Play a scene with a server that is started for it, and ended well."""

    async def play() -> T:
        editor = Editor()
        await editor.begin(folder, capabilities, **environment)
        try:
            result = await asyncio.wait_for(scene(editor), PATIENCE_SECONDS)
            assert await editor.end() == 0
        finally:
            with suppress(ProcessLookupError):
                editor.process.kill()
        assert editor.logged == [], await _stderr(editor)
        return result

    return asyncio.run(play())


async def _stderr(editor: Editor) -> str:
    assert editor.process.stderr is not None
    return (await editor.process.stderr.read()).decode()
