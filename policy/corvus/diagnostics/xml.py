"""Text as XML 1.0 may hold it: in plain ASCII, which no locale can spoil."""

from __future__ import annotations

from corvus.diagnostics.plain import escape


def attribute(text: str) -> str:
    """Return the value of an attribute, without its quotes; on one line, nothing invisible."""
    return content(escape(text)).replace('"', "&quot;")


def content(text: str) -> str:
    """Return the content of an element; it has no control character but line breaks."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.encode("ascii", "xmlcharrefreplace").decode("ascii")
