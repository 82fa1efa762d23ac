"""Declines what a client offers to speak in place of HTTP/1.1, and keeps its request (PRX-1).

Java's ``HttpClient`` offers HTTP/2 in clear text with its first request, body and all. A server may
ignore such an offer (RFC 9110 7.8). The parser cannot: at an ``Upgrade`` it stops, and takes what
follows for another protocol. So in the head of a request the field gets another name of the same
length before the parser sees it. No byte is added or left out, so nobody can shift with it where a
request ends. Offers of websockets stay: their paths say why there are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LINE_BYTES_MAX = 8192
"""Longest line that is waited for to its end, inclusive; a longer one stays as it is."""

_FIELD = b"upgrade"
_RENAMED = b"x-offer"


class HttpOneProtocol(HttpToolsProtocol):
    """A connection that speaks HTTP/1.1 alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_between = True
        """Whether the next byte begins a request."""
        self._is_in_head = True
        self._is_mid_line = False
        self._held = b""
        self._is_left = False

    def data_received(self, data: bytes) -> None:
        """Parse what came; a line that may turn out to be an offer waits for its end."""
        if self._is_left:
            return
        if not self._is_in_head:
            super().data_received(data)
            self._end_piece(data)
            return
        for piece in self._renamed(data):
            super().data_received(piece)
            self._end_piece(piece)
            if self._is_left or self.transport.is_closing():
                return

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._is_between = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header that is no offer."""
        if name.lower() != _RENAMED:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note that what follows is a body."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that another request may follow."""
        super().on_message_complete()
        self._is_between = self._is_in_head = True

    def _unsupported_upgrade_warning(self) -> None:
        """Read no further: what follows an offer of websockets is no request."""
        self._is_left = True

    def _end_piece(self, piece: bytes) -> None:
        self._is_mid_line = not (self._is_between or piece.endswith(b"\n"))

    def _renamed(self, data: bytes) -> Iterator[bytes]:
        """Yield bytes of a head as the parser is to see them, and then what follows it."""
        data, self._held = self._held + data, b""
        if self._is_plain(data):
            yield data
            return
        while data and self._is_in_head:
            line, end, rest = data.partition(b"\n")
            is_start = not self._is_mid_line
            if is_start and not end and _may_become_offer(line) and len(line) <= LINE_BYTES_MAX:
                self._held = line
                return
            if is_start and end and _is_offer(line):
                line = _RENAMED + line[len(_FIELD) :]
            data = rest
            yield line + end
        if data:
            yield data

    def _is_plain(self, data: bytes) -> bool:
        """Return whether no line is an offer, or may become one."""
        head, is_whole, _ = data.partition(b"\r\n\r\n")
        if _FIELD in head.lower():
            return False
        start = data.rfind(b"\n") + 1
        is_new_line = start > 0 or not self._is_mid_line
        return bool(is_whole) or not (is_new_line and _may_become_offer(data[start:]))


def _may_become_offer(line: bytes) -> bool:
    """Return whether a line without its end begins, as far as it goes, as the field does."""
    begin = line[: len(_FIELD)].lower()
    return bool(begin) and _FIELD.startswith(begin)


def _is_offer(line: bytes) -> bool:
    """Return whether a whole line offers something, and no websocket."""
    name, _, value = line.partition(b":")
    protocols = [word.strip().partition(b"/")[0] for word in value.lower().split(b",")]
    return name.lower() == _FIELD and b"websocket" not in protocols
