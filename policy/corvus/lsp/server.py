"""The server: which files are open, when each is checked, and who answers which request.

What takes as long as one check runs on one thread, in order, so that the event loop is free to take
the next change; stores are read on another. A request sees the text as it was when it came. What
takes many checks has a third thread, rests while the first is busy, and ends when its text changes
or nobody waits for it any more: diagnostics never wait for it.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from corvus.config.toml.values import is_table
from corvus.lsp.check_queue import CheckQueue
from corvus.lsp.deferral import RequestFailed
from corvus.lsp.files import Checked, Checker, OpenFile
from corvus.lsp.findings import diagnostics
from corvus.lsp.spend import BudgetSpend
from corvus.lsp.spend_watch import SpendWatch
from corvus.lsp.stdio import Protocol, log, own_stdout, run
from corvus.lsp.text import UTF16, Text
from corvus.lsp.view import View
from corvus.version import __version__

if TYPE_CHECKING:
    from typing import BinaryIO

    from corvus.config.check.subject import PriceFacts

T = TypeVar("T")

NAME: Final = "corvus"
_ALLOCATIONS: Final = 50_000
"""So many objects before garbage is looked for: about those of one check of a long file."""
_REST_SECONDS: Final = 1.0
"""How long what is patient rests at most before it goes on."""
_ANSWERS: Final = (JsonRpcInvalidParams, JsonRpcContentModified, RequestFailed)
"""Faults that are answers: whoever asked has them, and there is nothing to note."""
_SPEND_SECONDS: Final = 5.0
"""How often spend is read again, unless the editor states ``spendSeconds``; 0 is never."""


class Server(LanguageServer):
    """A language server for one editor.

    Args:
        facts: Answers about prices, for checks.

    Attributes:
        files: What the editor shows, by URI.
        checker: Checks their texts.
        spend: What is spent of their budgets.
    """

    def __init__(self, facts: PriceFacts) -> None:
        super().__init__(NAME, __version__, protocol_cls=Protocol)  # pyright: ignore[reportUnknownMemberType]
        self.files: dict[str, OpenFile] = {}
        self.checker = Checker(facts)
        self.spend = SpendWatch(self._draw_lenses, lambda fault: self._note(fault))
        self._spend_seconds = _SPEND_SECONDS
        self._worker = ThreadPoolExecutor(1, "corvus-lsp")
        self._moment: ContextVar[Mapping[str, Text]] = ContextVar("texts")
        self._patient = ThreadPoolExecutor(1, "corvus-lsp-patient")
        self._is_calm = threading.Event()
        self._is_calm.set()
        self._queue = CheckQueue(self._check)

    @property
    def wire(self) -> Protocol:
        """The protocol, which reads and writes messages."""
        assert isinstance(self.protocol, Protocol)
        return self.protocol

    def configure(self, options: object) -> None:
        """Take the options that an editor states when it begins."""
        seconds = options.get("spendSeconds") if is_table(options) else None
        if isinstance(seconds, int | float) and not isinstance(seconds, bool):
            self._spend_seconds = seconds

    def stopped(self) -> None:
        """Let go of everything; what runs is not waited for."""
        self.spend.stop()
        self.files.clear()
        self._patient.shutdown(wait=False, cancel_futures=True)
        self._worker.shutdown(wait=False, cancel_futures=True)

    def hold_still(self) -> None:
        """Keep the texts as they are for whoever handles the next message: it may start later."""
        self._moment.set({uri: file.text for uri, file in self.files.items()})

    def _text(self, file: OpenFile) -> Text:
        return self._moment.get({}).get(file.uri, file.text)

    async def work(self, step: Callable[..., T], *args: Any) -> T:
        """Run a step on the thread for what takes as long as one check."""

        def run_step() -> T:
            self._is_calm.clear()
            try:
                return step(*args)
            finally:
                self._is_calm.set()

        return await asyncio.get_running_loop().run_in_executor(self._worker, run_step)

    async def ask(
        self,
        uri: str,
        step: Callable[[View], T],
        spend: Mapping[str, BudgetSpend] | None = None,
    ) -> T | None:
        """Answer a request about a file; one that is not open, or not a config of ours, has none.

        Args:
            uri: The file.
            step: Makes the answer.
            spend: Where its budgets stand; by default as far as that is known by now.
        """
        file = self.files.get(uri)
        if file is None:
            return None
        text = self._text(file)
        known = self.spend.known(file.path) if spend is None else spend

        def answer() -> T | None:
            checked = self.checker.check_once(file, text)
            if checked.file is None:
                return None
            options, has_versions = self.checker.options, self._has_versions
            return step(View(uri, file.name, text, checked.file, options, known, has_versions))

        return await self.work(answer)

    async def ask_patiently(self, uri: str, step: Callable[[View], T]) -> T | None:
        """Answer a request that takes many checks, in turn with all others of that kind.

        Args:
            uri: The file.
            step: Makes the answer with checks by ``View.options``, which end it when it is of no
                use any more.

        Raises:
            JsonRpcContentModified: The text changed before the answer was there.
        """
        file = self.files.get(uri)
        if file is None:
            return None
        text = self._text(file)
        is_left = threading.Event()

        def go_on() -> None:
            if is_left.is_set() or self.files.get(uri) is not file or file.text is not text:
                raise JsonRpcContentModified

        def rest() -> None:
            go_on()
            self._is_calm.wait(_REST_SECONDS)

        def answer(view: View) -> T:
            rest()
            return step(replace(view, options=view.options._replace(before=rest)))

        go_on()
        try:
            view = await self.ask(uri, lambda view: view)
            if view is None:
                return None
            return await asyncio.get_running_loop().run_in_executor(self._patient, answer, view)
        finally:
            is_left.set()

    async def spend_of(self, uri: str, *, latest: bool) -> Mapping[str, BudgetSpend]:
        """Return where the budgets of a file stand.

        Args:
            uri: The file.
            latest: Read the store also where something is known by now.
        """
        file = self.files.get(uri)
        if file is None or not file.is_ours:
            return {}
        known = self.spend.known(file.path)
        return await self.spend.latest(file.path) if latest or not known else known

    def opened(self, document: types.TextDocumentItem) -> None:
        """Take a file that the editor shows."""
        text = Text(document.text, self._encoding, document.version)
        self.files[document.uri] = OpenFile(document.uri, text)
        self._queue.add(document.uri)
        self.spend.look_again(self._spend_seconds)

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        """Take changes of a text; of a file that is not open there is nothing to change."""
        document = params.text_document
        file = self.files.get(document.uri)
        if file is not None:
            file.text = file.text.changed(params.content_changes, document.version)
            self._queue.add(document.uri)

    async def saved(self) -> None:
        """Look at everything again: one file may state how others are checked, or move a store."""
        self.checker.look_again()
        for uri in self.files:
            self._queue.add(uri)
        await self.spend.refresh()

    def closed(self, uri: str) -> None:
        """Let go of a file, and of what was found in it."""
        self._queue.drop(uri)
        file = self.files.pop(uri, None)
        if file is not None:
            self.spend.forget(file.path)
            self._publish(uri, None, [])

    def report_server_error(self, error: Exception, source: object) -> None:
        """Write a failure to the log of the editor, and never into the way of its user."""
        if not isinstance(error, _ANSWERS):
            self._note(error)

    def _note(self, fault: Exception) -> None:
        self.window_log_message(types.LogMessageParams(types.MessageType.Error, log(fault)))

    async def _check(self, uri: str) -> None:
        file = self.files.get(uri)
        if file is None:
            return
        try:
            checked = await self.work(self.checker.check_once, file, file.text, True)
            if self.files.get(uri) is file and not self._queue.waits(uri):
                self._take(file, checked)
        except Exception as fault:
            self._note(fault)

    def _take(self, file: OpenFile, checked: Checked) -> None:
        found = checked.file.diagnostics if checked.file is not None else ()
        self._publish(file.uri, checked.text.version, diagnostics(found, checked.text, file.uri))

    def _publish(self, uri: str, version: int | None, found: list[types.Diagnostic]) -> None:
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, version=version, diagnostics=found)
        )

    def _draw_lenses(self) -> None:
        workspace = self.client_capabilities.workspace
        lenses = workspace.code_lens if workspace is not None else None
        if lenses is not None and lenses.refresh_support:
            self.workspace_code_lens_refresh(None)

    @property
    def resolves_edits(self) -> bool:
        """Whether the editor asks for the edit of a code action once its user has chosen it."""
        document = self.client_capabilities.text_document
        action = document.code_action if document is not None else None
        support = action.resolve_support if action is not None else None
        return bool(action and action.data_support and support and "edit" in support.properties)

    @property
    def _has_versions(self) -> bool:
        workspace = self.client_capabilities.workspace
        edit = workspace.workspace_edit if workspace is not None else None
        return bool(edit is not None and edit.document_changes)

    @property
    def _encoding(self) -> str:
        return self.workspace.position_encoding or UTF16


def serve(facts: PriceFacts, stdin: BinaryIO) -> int:
    """Serve one editor over standard input and output until it leaves; return the exit code.

    Args:
        facts: Answers about prices, for checks.
        stdin: Standard input.
    """
    from corvus.lsp.features import register

    server = Server(facts)
    register(server)
    # What is loaded now stays: looking through it again and again takes as long as a check does.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
    return run(server, stdin, own_stdout())
