"""The answer of a provider, whose head has come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from corvus.gateway.asgi import Headers
from corvus.gateway.proxy.failures import UpstreamFailed


class Answer:
    """An answer; its body comes as ``chunks``.

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
        return 300 <= self.status < 400

    def require_no_redirect(self) -> None:
        """Let go of an answer that names another address.

        Raises:
            UpstreamFailed: It does.
        """
        if self.is_redirect:
            self.close()
            detail = "the provider redirects, which is not followed"
            raise UpstreamFailed(502, "upstream_redirects", detail)

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; not packed, not unpacked.

        Raises:
            UpstreamFailed: It ends early, or nothing came for too long.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go: before the end of the answer this ends the connection, so the provider stops."""
        raise NotImplementedError
