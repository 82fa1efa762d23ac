"""Hosts and URLs with which nothing can be wrong, known without ``ipaddress``.

Most configs have no others. Importing what ``endpoints`` needs to judge the rest takes as long as a
whole check; it finds no fault with anything that is plain.
"""

from __future__ import annotations

_LABEL = "abcdefghijklmnopqrstuvwxyz0123456789-"
_PATH = f"{_LABEL}ABCDEFGHIJKLMNOPQRSTUVWXYZ/_.~"
_LABEL_LENGTH_MAX = 63
_LABELS_MAX = 4
_LENGTH_MAX = 200
"""Letters of all labels; a longer name is judged by ``endpoints``."""
_BYTES = frozenset(map(str, range(256)))


def is_plain_host(host: str) -> bool:
    """Return whether a host is a short name in lower case, or an IPv4 address."""
    labels = host.split(".")
    return _is_plain_name(labels) or _is_ipv4(labels)


def is_plain_url(url: str) -> bool:
    """Return whether a URL is ``https://``, a short name in lower case, and a plain path."""
    host, _, path = url.removeprefix("https://").partition("/")
    return url.startswith("https://") and _is_plain_name(host.split(".")) and not path.strip(_PATH)


def is_plain_origin(origin: str) -> bool:
    """Return whether an origin is ``https://`` and a short name in lower case."""
    return is_plain_url(origin) and "/" not in origin.removeprefix("https://")


def _is_plain_name(labels: list[str]) -> bool:
    is_short = len(labels) <= _LABELS_MAX and sum(map(len, labels)) <= _LENGTH_MAX
    return is_short and labels[-1].isalpha() and all(map(_is_label, labels))


def _is_label(label: str) -> bool:
    is_long = len(label) > _LABEL_LENGTH_MAX
    return bool(label) and not is_long and not label.strip(_LABEL) and label.strip("-") == label


def _is_ipv4(parts: list[str]) -> bool:
    return len(parts) == 4 and all(part in _BYTES for part in parts)
