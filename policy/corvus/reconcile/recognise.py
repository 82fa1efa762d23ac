"""Which form a file has, and what it says: the first form that recognises its contents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from corvus.base.errors import BillRefused
from corvus.reconcile.charge import Bill
from corvus.reconcile.contents import Content, read_content
from corvus.reconcile.forms import anthropic, focus, openai, openrouter
from corvus.reconcile.forms.reader import Context, Page, Reader

READERS: tuple[Reader, ...] = (
    *anthropic.READERS,
    *openai.READERS,
    *openrouter.READERS,
    *focus.READERS,
)
"""Every form that is read."""
_KNOWN = (
    "cost and usage reports of Anthropic (JSON, and the CSV of its Console), costs of OpenAI (JSON "
    "and CSV), activity of OpenRouter (CSV), and FOCUS (CSV)"
)


def read_bill(path: Path, context: Context) -> Bill:
    """Read one file.

    Raises:
        BillRefused: It cannot be read, or has none of the known forms, or is another's bill.
    """
    content = read_content(path)
    for number, page in enumerate(content.pages, start=1):
        if "data" not in page:
            seen = ", ".join(list(page)[:8]) or "nothing"
            raise BillRefused(f"{content.name}: page {number} is no report: it has {seen}")
    reader = _reader_of(content)
    if context.provider is not None and reader.form.provider not in (None, context.provider):
        raise BillRefused(
            f"{content.name}: is a bill of {reader.form.provider} ({reader.form.name}), "
            f"not of {context.provider}"
        )
    return reader.read(content, context)


def _reader_of(content: Content) -> Reader:
    if content.columns:
        found = [reader for reader in READERS if reader.has_columns(content.columns)]
        seen = f"its columns are {', '.join(content.columns[:8])}"
    else:
        found = _readers_of_pages(content.pages)
        seen = "none of its pages has a line"
    if not found:
        why = _usage_of_openai(content) or f"{seen}; known are {_KNOWN}"
        raise BillRefused(f"{content.name}: no bill of a known form: {why}")
    return found[0]


def _readers_of_pages(pages: Sequence[Page]) -> list[Reader]:
    """Return the form of a file: that of the first page that has a line."""
    for page in pages:
        found = [reader for reader in READERS if reader.recognise and reader.recognise(page)]
        if found:
            return found
    return []


def _usage_of_openai(content: Content) -> str:
    if any("organization.usage." in str(page)[:4000] for page in content.pages[:1]):
        return "it has OpenAI's counts without costs; take /v1/organization/costs"
    return ""
