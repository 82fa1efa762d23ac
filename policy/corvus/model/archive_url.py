"""Which URLs an archive may have (LED-4).

Only places that keep what they were given, and that can make a file only if there is none: so no
two hosts write over each other. A user, a password and options are no part of a URL: credentials
come from the environment, as for the cloud's own tools.
"""

from __future__ import annotations

ARCHIVE_URL = (
    r"^((s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*|abfss?://[A-Za-z0-9-]+@[A-Za-z0-9.-]+"
    r"|file:///[^\s/?#*@\[\]]+)(/[^\s/?#*@\[\]]+)*/?$"
)
"""The form of one, as a regular expression that JSON Schema takes as well."""
ARCHIVE_URL_WORDS = (
    "a URL that begins with s3://, gs://, az://, abfs:// or file:///, without password and options"
)


_BUCKETS = frozenset({"s3", "gs", "az"})
_ACCOUNTS = frozenset({"abfs", "abfss"})
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_REFUSED = frozenset("?#*@[]")


def is_archive_url(text: str) -> bool:
    """Return whether an archive may be there: whether ``ARCHIVE_URL`` matches all of it.

    Without ``re``, which a check of a config would wait for.
    """
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    names = path.removesuffix("/").split("/") if path else []
    if not all(name and not any(c in _REFUSED or c.isspace() for c in name) for name in names):
        return False
    if scheme in _BUCKETS:
        return host[:1] in _LETTERS and _LETTERS.union("._-").issuperset(host) and host != ""
    if scheme in _ACCOUNTS:
        container, at, account = host.partition("@")
        return (
            bool(container and at and account)
            and _LETTERS.union("-").issuperset(container)
            and _LETTERS.union(".-").issuperset(account)
        )
    return scheme == "file" and host == "" and slash == "/" and names != []
