"""Forms as OAuth wants them: fields once each, in the body alone (RFC 6749, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

_FIELDS_MAX = 50


async def read_form(request: Request) -> Mapping[str, str] | None:
    """Return the fields of a form; ``None`` for what is no form, or says a field twice.

    An empty body is an empty form.
    """
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body:
        return {}
    if kind != "application/x-www-form-urlencoded":
        return None
    return read_fields(body)


def read_fields(text: bytes) -> Mapping[str, str] | None:
    """Return encoded fields; ``None`` where one is said twice, or they cannot be read."""
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_FIELDS_MAX,
            errors="strict",
        )
    except ValueError:
        return None
    fields = dict(pairs)
    has_all = len(fields) == len(pairs)
    is_text = all(value.isprintable() for value in fields.values())
    return fields if has_all and is_text else None
