"""What a ``usage`` of Claude Code counts, and what of it is known, as SQL."""

from __future__ import annotations

from corvus.model.usage import COUNTS

USAGE = """{
    "input_tokens": "BIGINT", "output_tokens": "BIGINT", "cache_read_input_tokens": "BIGINT",
    "cache_creation_input_tokens": "BIGINT",
    "cache_creation": {
        "ephemeral_5m_input_tokens": "BIGINT", "ephemeral_1h_input_tokens": "BIGINT"
    },
    "server_tool_use": {"web_search_requests": "BIGINT"},
    "speed": "VARCHAR", "service_tier": "VARCHAR", "inference_geo": "VARCHAR"
}"""

COUNTS_OF_USAGE = f"""
    coalesce(u.input_tokens, 0) AS input_tokens,
    coalesce(u.output_tokens, 0) AS output_tokens,
    coalesce(u.cache_read_input_tokens, 0) AS cache_read_tokens,
    write_5m + greatest(coalesce(u.cache_creation_input_tokens, 0) - write_5m - write_1h, 0)
        AS cache_write_5m_tokens,
    write_1h AS cache_write_1h_tokens,
    0 AS reasoning_tokens,
    coalesce(u.server_tool_use.web_search_requests, 0) AS web_search_requests,
    {", ".join(f"0 AS {name}" for name in COUNTS[7:])}"""  # none of these occurs
COUNTED_KEYS = (
    "(input|output|cache_read_input|cache_creation_input|ephemeral_5m_input|ephemeral_1h_input)"
    "_tokens|web_search_requests"
)
_TEXTS = "service_tier|inference_geo|speed|type|model"
PLAIN = (
    rf"""(?:[\s,{{}}\[\]]|"(?:{COUNTED_KEYS}|web_fetch_requests)"\s*:\s*[0-9]{{1,9}}"""
    rf"""|"(?:{_TEXTS})"\s*:\s*(?:"[^"\\]*"|null)"""
    r"""|"(?:cache_creation|server_tool_use|iterations)"\s*:\s*[{\[n]|ull)*"""
)
"""A usage made of known counts alone, each of at most 9 digits. Nearly all are; it takes one look
at them, where what follows takes four."""

UNREAD = (
    f"regexp_extract_all(regexp_replace(usage, '\"({COUNTED_KEYS})\"', '', 'g'), "
    r"""'"([a-z0-9_]*(?:cach|audio|image|video)[a-z0-9_]*)"\s*:\s*[1-9]', 1, 'i')"""
)
"""Names of counts above 0 that are in no table, and may be of cached tokens or a modality."""

WRITES = """
    coalesce(u.cache_creation.ephemeral_5m_input_tokens, 0) AS write_5m,
    coalesce(u.cache_creation.ephemeral_1h_input_tokens, 0) AS write_1h"""
