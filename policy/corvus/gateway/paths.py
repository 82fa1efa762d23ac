"""Which surface a path belongs to: pages, our own API, or the API of a provider.

Whatever is not ours was meant for a provider: clients spell its paths in many ways, and an error is
understood only in the shape of the provider's own.
"""

from __future__ import annotations

_PAGES = "/dashboard"
_PREFIXES = ("/api/web", "/web")
_PROBES = {"/healthz", "/readyz"}
_SIGN_IN = {
    "/.well-known/oauth-authorization-server",
    "/oauth/device_authorization",
    "/oauth/token",
}
_DEVICE = "/device"
_OPERATIONS = {*_PROBES, "/metrics", "/openapi.json"}


def is_sign_in(path: str) -> bool:
    """Return whether a path is one by which clients and people sign in; they have no token yet."""
    return path in _SIGN_IN or path == _DEVICE or path.startswith(f"{_DEVICE}/")


def is_page(path: str) -> bool:
    """Return whether a path is one of the pages, which know their visitors by a cookie."""
    return path in ("/", _PAGES) or path.startswith(f"{_PAGES}/")


def is_open(path: str) -> bool:
    """Return whether a path answers without a token: whether the process lives is no secret."""
    return inner(path) in _PROBES


def is_greeting(method: str, path: str) -> bool:
    """Return whether a client of a provider only checks whether there is somebody."""
    return method == "HEAD" and path == "/"


def is_probe(method: str, path: str) -> bool:
    """Return whether a request only checks whether the process lives or can answer."""
    return is_open(path) or is_greeting(method, path)


def is_proxied(path: str) -> bool:
    """Return whether a path is no surface of ours, so that its client speaks to a provider."""
    return not (
        is_page(path)
        or is_sign_in(path)
        or path in _OPERATIONS
        or any(path == prefix or path.startswith(f"{prefix}/") for prefix in _PREFIXES)
    )


def inner(path: str) -> str:
    """Return a path of our API without its prefix."""
    prefix = next((prefix for prefix in _PREFIXES if path.startswith(f"{prefix}/")), "")
    return path.removeprefix(prefix)
