"""The server: which files are open, when each is checked, and who answers which request.

Everything that takes time runs on one thread, in order, so that the event loop is free to take the
next change. A request sees the text as it was when it came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from corvus.lsp.check_queue import CheckQueue
from corvus.lsp.files import Checked, Checker, OpenFile
from corvus.lsp.findings import diagnostics
from corvus.lsp.stdio import Protocol, log, own_stdout, run
from corvus.lsp.text import UTF16, Text
from corvus.version import __version__

if TYPE_CHECKING:
    from typing import BinaryIO

    from corvus.config.check.subject import PriceFacts

T = TypeVar("T")

NAME: Final = "corvus"


class Server(LanguageServer):
    """A language server for one editor.

    Args:
        facts: Answers about prices, for checks.

    Attributes:
        files: What the editor shows, by URI.
        checker: Checks their texts.
    """

    def __init__(self, facts: PriceFacts) -> None:
        super().__init__(NAME, __version__, protocol_cls=Protocol)
        self.files: dict[str, OpenFile] = {}
        self.checker = Checker(facts)
        self._worker = ThreadPoolExecutor(1, "corvus-lsp")
        self._queue = CheckQueue(self._check)

    @property
    def wire(self) -> Protocol:
        """The protocol, which reads and writes messages."""
        assert isinstance(self.protocol, Protocol)
        return self.protocol

    def started(self) -> None:
        """Take note that messages may come."""

    def stopped(self) -> None:
        """Let go of everything; what runs is not waited for."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def work(self, step: Callable[..., T], *args: Any) -> T:
        """Run a step on the one thread for what takes time."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, step, *args)

    def opened(self, document: types.TextDocumentItem) -> None:
        """Take a file that the editor shows."""
        text = Text(document.text, self._encoding, document.version)
        self.files[document.uri] = OpenFile(document.uri, text)
        self._queue.add(document.uri)

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        """Take changes of a text; of a file that is not open there is nothing to change."""
        document = params.text_document
        file = self.files.get(document.uri)
        if file is not None:
            file.text = file.text.changed(params.content_changes, document.version)
            self._queue.add(document.uri)

    def closed(self, uri: str) -> None:
        """Let go of a file, and of what was found in it."""
        self._queue.drop(uri)
        if self.files.pop(uri, None) is not None:
            self._publish(uri, None, [])

    def report_server_error(self, error: Exception, source: object) -> None:
        """Write a failure to the log of the editor, and never into the way of its user."""
        words = log(error)
        self.window_log_message(types.LogMessageParams(types.MessageType.Error, words))

    async def _check(self, uri: str) -> None:
        file = self.files.get(uri)
        if file is None:
            return
        try:
            checked = await self.work(self.checker.check, file, file.text)
            if self.files.get(uri) is file and not self._queue.waits(uri):
                self._take(file, checked)
        except Exception as fault:
            self.report_server_error(fault, type(fault))

    def _take(self, file: OpenFile, checked: Checked) -> None:
        file.checked = checked
        file.is_ours = file.is_ours or checked.file is not None
        found = checked.file.diagnostics if checked.file is not None else ()
        self._publish(
            file.uri, checked.text.version, diagnostics(found, checked.text, file.uri)
        )

    def _publish(self, uri: str, version: int | None, found: list[types.Diagnostic]) -> None:
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, version=version, diagnostics=found)
        )

    @property
    def _encoding(self) -> str:
        return self.workspace.position_encoding or UTF16


def serve(facts: PriceFacts, stdin: BinaryIO) -> int:
    """Serve one editor over standard input and output until it leaves; return the exit code.

    Args:
        facts: Answers about prices, for checks.
        stdin: Standard input.
    """
    return run(Server(facts), stdin, own_stdout())
