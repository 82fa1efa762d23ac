"""A signed statement about a period, as ``corvus prove`` writes it (PLN-4)."""

from __future__ import annotations

from corvus.answers.shape import Schema, array, closed, document, nullable, words

_WHOLE: Schema = {"type": "integer"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_AMOUNT = "In the unit of the measure, USD as nano-USD."
_NO_LIMIT = nullable(words("UTC; null without one."))


def proof_document() -> Schema:
    """Return the published schema of ``corvus prove``."""
    shape = closed(
        {
            "statement": _statement(),
            "signature": closed(
                {
                    "algorithm": {"const": "Ed25519"},
                    "public_key": words("ed25519: and 32 bytes in base64."),
                    "value": words(
                        "Base64, over corvus.proof/1, a line feed, and the statement as JSON with "
                        "sorted keys, no space, ASCII and no float."
                    ),
                }
            ),
        }
    )
    return document("proof", shape, title="A signed statement about the budgets of a period")


def _statement() -> Schema:
    return closed(
        {
            "schema": {"const": "corvus.proof/1"},
            "corvus": words("Version that made it."),
            "issued_at": words("UTC."),
            "period": closed(
                {
                    "name": words("As it was asked for."),
                    "starts_at": words("UTC, inclusive."),
                    "ends_at": words("UTC, exclusive."),
                }
            ),
            "policy_hash": words("Of the config whose limits are judged."),
            "policies": array(_policy(), "Those that calls were decided under."),
            "audit": closed({"position": _COUNT, "head": words("Hash of the newest event.")}),
            "store_id": nullable(words("The store of the calls.")),
            "records": closed({"count": _COUNT, "sha256": words("Over all records, in order.")}),
            "windows": array(_window(), "Each window that overlaps the period, as at its end."),
            "exceptions": array(_exception(), "What let a budget use more than its limit."),
            "limits_passed": array(_passed(), "What was reported at the time."),
            "does_not_prove": array({"type": "string"}, "What nobody should take it for."),
            "holds": {
                "type": "boolean",
                "description": "Whether what is named explains every window over its limit.",
            },
        }
    )


def _policy() -> Schema:
    return closed(
        {
            "policy_hash": nullable(words("null of calls that no policy decided.")),
            "calls": _WHOLE,
            "first_at": words("UTC."),
            "last_at": words("UTC."),
        }
    )


def _window() -> Schema:
    return closed(
        {
            "budget": words("Name."),
            "part": nullable(words("Of a budget with per.")),
            "period": words("day, week, month, quarter, year, total or window."),
            "starts_at": _NO_LIMIT,
            "ends_at": _NO_LIMIT,
            "measure": {"enum": ["usd", "tokens", "calls"]},
            "limit": {**_COUNT, "description": _AMOUNT},
            "used": {**_WHOLE, "description": _AMOUNT},
            "calls": _WHOLE,
            "unpriced_calls": _WHOLE,
            "refused_calls": _COUNT,
            "resets": _COUNT,
        }
    )


def _exception() -> Schema:
    return closed(
        {
            "kind": {
                "enum": ["overrun", "override", "approval", "not_admitted"],
                "description": "A call that cost more than was held; one that an override or a "
                "person let pass; or calls that were never admitted, by the hour.",
            },
            "reservation_id": nullable(words("null of calls that were never admitted.")),
            "first_at": words("UTC."),
            "last_at": words("UTC."),
            "provider": words("Who billed."),
            "model": words("As it was asked for."),
            "usd": {**_WHOLE, "description": "nano-USD: of an overrun what is over the hold."},
            "tokens": {**_WHOLE, "description": "Of an overrun those over the hold."},
            "calls": {**_WHOLE, "description": "0 of an overrun: its call was admitted."},
        }
    )


def _passed() -> Schema:
    return closed(
        {
            "at": words("UTC."),
            "budget": words("Name."),
            "part": nullable(words("Of a budget with per.")),
            "measure": words("usd, tokens or calls."),
            "limit": {**_COUNT, "description": _AMOUNT},
            "spent": {**_COUNT, "description": _AMOUNT},
        }
    )
