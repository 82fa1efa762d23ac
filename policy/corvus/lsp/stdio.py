"""The wire: messages over standard input and output, and the end of the server.

Nothing but messages may reach standard output: what a library prints goes to standard error. A
message that cannot be read, and a handler that fails, never end the server.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcServerNotInitialized,
)
from pygls.io_ import StdoutWriter, run_async
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

if TYPE_CHECKING:
    from corvus.lsp.server import Server

_CHUNK_BYTES: Final = 65_536
_HEADER_BYTES: Final = 1 << 26
_ENDED_EARLY: Final = 1
"""Exit code of a server whose editor left without saying so."""
_LEFT: Final = "corvus lsp: the editor left without saying so"
_NO_EDITOR: Final = (
    "corvus lsp: standard input ended without a greeting; an editor starts this command and talks "
    "to it in the language server protocol"
)


class Protocol(LanguageServerProtocol):
    """Hands the texts of open files to the server, and answers requests that it cannot read.

    pygls keeps texts too, by lines that end where Python says, which is not where the protocol
    does: a form feed in a comment would put every later change in the wrong place.
    """

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take a file that the editor shows."""
        self.server.opened(params.text_document)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take a change of its text."""
        self.server.changed(params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Let go of a file."""
        self.server.closed(params.text_document.uri)

    _is_greeted = False

    @property
    def is_greeted(self) -> bool:
        """Whether the editor has sent ``initialize``."""
        return self._is_greeted

    @property
    def server(self) -> Server:
        """The server that this protocol is of."""
        return self._server  # pyright: ignore[reportReturnType] - made by it alone

    @property
    def is_shut_down(self) -> bool:
        """Whether the editor has announced the end."""
        return self._shutdown

    def handle_message(self, message: Any) -> None:
        """Handle a message with the texts as they are now, if it comes at its time."""
        method = getattr(message, "method", "")
        self._is_greeted = self._is_greeted or method == types.INITIALIZE
        error = self._untimely(method)
        if error is None:
            self.server.hold_still()
            super().handle_message(message)
        elif hasattr(message, "id"):
            self._send_response(message.id, error=error.to_response_error())

    def _untimely(self, method: str) -> JsonRpcException | None:
        """Return why a message comes before the greeting, or after the farewell."""
        if not method or method == types.EXIT:
            return None
        if not self._is_greeted:
            return JsonRpcServerNotInitialized("the first request must be initialize")
        return JsonRpcInvalidRequest("the server is shut down") if self._shutdown else None

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Make a message of JSON; a request that is none is answered with an error."""
        try:
            return super().structure_message(data)
        except JsonRpcException as fault:
            number = data.get("id")
            if "method" in data and isinstance(number, int | str):
                error = JsonRpcInvalidParams(str(fault)).to_response_error()
                self._send_response(number, error=error)
            raise


def run(server: Server, stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Serve one editor until it leaves.

    Args:
        server: The server.
        stdin: Where messages come from.
        stdout: Where answers go.

    Returns:
        0 when the editor announced the end, else 1.
    """
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # it would log texts, secrets included
    try:
        asyncio.run(_serve(server, stdin, stdout))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else _ENDED_EARLY
    except BrokenPipeError:
        return _ENDED_EARLY
    except EOFError:
        pass  # in the middle of a message
    if server.wire.is_shut_down:
        return 0
    print(_LEFT if server.wire.is_greeted else _NO_EDITOR, file=sys.stderr)
    return _ENDED_EARLY


async def _serve(server: Server, stdin: BinaryIO, stdout: BinaryIO) -> None:
    reader = asyncio.StreamReader(limit=_HEADER_BYTES)
    loop = asyncio.get_running_loop()
    # A daemon: a thread that waits for input must not keep a stopped server alive.
    threading.Thread(target=_feed, args=(stdin, reader, loop), daemon=True).start()
    server.wire.set_writer(StdoutWriter(stdout))
    try:
        await run_async(
            stop_event=threading.Event(),
            reader=reader,
            protocol=server.wire,
            error_handler=server.report_server_error,
        )
    finally:
        server.stopped()


def _feed(stdin: BinaryIO, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # the loop has ended
        while True:
            try:
                data = os.read(stdin.fileno(), _CHUNK_BYTES)
            except OSError:
                data = b""
            if not data:
                loop.call_soon_threadsafe(reader.feed_eof)
                return
            loop.call_soon_threadsafe(reader.feed_data, data)


def own_stdout() -> BinaryIO:
    """Return standard output for messages alone; what is printed goes to standard error instead."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream


def log(fault: BaseException) -> str:
    """Write a failure to standard error, where editors keep a log; return it in a few words.

    The words name no value: a message may quote a text with a secret in it.
    """
    words = f"corvus lsp: {type(fault).__name__} in {_place(fault)}"
    print(words, file=sys.stderr, flush=True)
    if os.environ.get("CORVUS_TRACEBACK"):
        traceback.print_exception(fault, file=sys.stderr)
    return words


def _place(fault: BaseException) -> str:
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "the wire"
