"""The answer of a provider, whose head has come."""

from __future__ import annotations

from collections.abc import Callable

from corvus.gateway.asgi import Headers
from corvus.gateway.exchange import Outlet
from corvus.gateway.proxy.failures import UpstreamFailed

_NOT_MODIFIED = 304
"""Names no address: the client has the answer already."""


class Answer:
    """An answer.

    Args:
        status: 200 to 599.
        headers: As they came, each name in lower case and as often as it came.
    """

    def __init__(self, status: int, headers: Headers) -> None:
        self.status = status
        self.headers = headers
        self.on_broken: Callable[[UpstreamFailed], None] = lambda _: None
        """Called when it does not come to its end."""

    @property
    def by_name(self) -> dict[str, str]:
        """Its headers by name; of several of one name, the first."""
        return {
            name.decode("latin-1"): value.decode("utf-8", "surrogateescape")
            for name, value in reversed(self.headers)
        }

    @property
    def is_redirect(self) -> bool:
        """Whether it names another address, which could be anybody's."""
        return 300 <= self.status < 400 and self.status != _NOT_MODIFIED

    @property
    def is_ready(self) -> bool:
        """Whether ``read`` is known not to wait."""
        return False

    @property
    def is_read(self) -> bool:
        """Whether it is known that all of it was read."""
        return False

    def require_no_redirect(self) -> None:
        """Let go of an answer that names another address.

        Raises:
            UpstreamFailed: It does.
        """
        if self.is_redirect:
            self.close()
            detail = "the provider redirects, which is not followed"
            raise UpstreamFailed(502, "upstream_redirects", detail)

    async def read(self) -> bytes:
        """Return what has come of the body, not unpacked; nothing at its end.

        Raises:
            UpstreamFailed: It ends early, or nothing came for too long.
        """
        raise NotImplementedError

    async def pass_to(self, outlet: Outlet) -> None:
        """Pass the body on as it comes.

        Raises:
            UpstreamFailed: As ``read`` does; the client gets no end then.
        """
        while True:
            if not self.is_ready:
                outlet.flush()
            data = await self.read()
            if self.is_read or not data:
                await outlet.end(data)
                return
            await outlet.write(data)

    def close(self) -> None:
        """Let go: before the end of the answer this ends the connection, so the provider stops."""
        raise NotImplementedError
