"""How the address of a repository may be shown."""

from __future__ import annotations

import re

_QUERY = re.compile(r"[?#]")
_HOST = re.compile(r"(?:[^:@\[\]]+|\[[0-9A-Fa-f:.%]+\])(?::[0-9]*)?")
_MAX_CHARACTERS = 1_000


def public_url(url: str) -> str | None:
    """Return the address of a repository without what may be secret in it.

    What stands before the host (a user, a password, a token), the query and the fragment are left
    out; the same repository then has the same address whoever cloned it.

    Args:
        url: As git keeps it: ``https://…``, ``ssh://…``, ``git@host:path``, or a folder.

    Returns:
        ``None`` where it cannot be said what of it is secret, and where nothing is left.
    """
    plain, *query = _QUERY.split(url.strip(), maxsplit=1)
    if (
        not plain.isprintable()
        or len(plain) > _MAX_CHARACTERS
        or any("@" in part for part in query)
    ):
        return None
    scheme, mark, rest = plain.rpartition("://")
    if not mark:
        place, slash, path = rest.partition("/")
        return f"{place.rpartition('@')[2]}{slash}{path}" or None
    if "@" in scheme or "/" in scheme:
        return None
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    if not _HOST.fullmatch(host):  # perhaps a password with a slash in it
        host, slash, path = rest.rpartition("@")[2].partition("/")
    return f"{scheme}://{host}{slash}{path}" if _HOST.fullmatch(host) else None
