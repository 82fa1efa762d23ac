"""Checks a signature of AWS (Signature Version 4) by computing it again, without botocore."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

SECRET = "no-secret-of-anybody"
_GIVEN = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>\d{8}/[^/]+/bedrock/aws4_request), ?"
    r"SignedHeaders=(?P<names>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def is_signed_right(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Return whether a request is signed by ``SECRET``, with host, date, type and session token.

    Args:
        method: In capitals.
        path: As it came over the wire.
        query: Likewise.
        headers: By name in lower case.
        body: As it came.
    """
    given = _GIVEN.fullmatch(headers.get("authorization", ""))
    if given is None:
        return False
    names = given["names"].split(";")
    needed = {"host", "x-amz-date", *({"x-amz-security-token"} & headers.keys())}
    if not needed <= {*names}:
        return False
    canonical = "\n".join(
        (
            method,
            quote(path, safe="/-_.~"),
            _query(query),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
            "",
            given["names"],
            hashlib.sha256(body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers.get("x-amz-date", ""), given["scope"], digest))
    key = b"AWS4" + SECRET.encode()
    for part in (*given["scope"].split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(key.hex(), given["signature"])


def _query(query: str) -> str:
    parts = sorted(part.partition("=")[::2] for part in query.split("&") if part)
    return "&".join("=".join(quote(unquote(text), safe="-_.~") for text in part) for part in parts)
