"""The usage record as it is exported: every column of the ledger, every row of it.

A call that was corrected has three rows, as in the ledger: the sum of any column over all rows is
right. ``schemas/usage-record.schema.json`` describes the object of each JSON line.
"""

from __future__ import annotations

from corvus.usage.exporters.lines import Field

_TEXTS = "VARCHAR"
_TAGS = "MAP(VARCHAR, VARCHAR)"
_TYPES = {
    "id": "UUID",
    "corrects_id": "UUID",
    "calls": "INTEGER",
    "import_key": "UUID",
    "requested_at": "TIMESTAMP",
    "admitted_at": "TIMESTAMP",
    "first_token_at": "TIMESTAMP",
    "settled_at": "TIMESTAMP",
    **dict.fromkeys(("session_id", "mission_id", "surface", "provider"), _TEXTS),
    **dict.fromkeys(("requested_model", "answering_model", "service_tier"), _TEXTS),
    **dict.fromkeys(("project", "user_name", "agent"), _TEXTS),
    "tags": _TAGS,
    **dict.fromkeys(("input_tokens", "output_tokens", "cache_read_tokens"), "BIGINT"),
    **dict.fromkeys(("cache_write_5m_tokens", "cache_write_1h_tokens"), "BIGINT"),
    **dict.fromkeys(("reasoning_tokens", "web_search_requests", "cost_nano_usd"), "BIGINT"),
    **dict.fromkeys(("price_book", "price_entry", "source", "outcome", "policy_hash"), _TEXTS),
    "reservation_id": "UUID",
    "provider_request_id": _TEXTS,
}

FIELDS = tuple(Field(name, kind, f"record.{name}") for name, kind in _TYPES.items())
"""Every column of ``usage_record``, in its order."""
