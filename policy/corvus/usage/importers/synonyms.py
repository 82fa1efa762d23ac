"""The usual names of what a record of usage says, once: field of a record, and who writes it how.

A name is compared without case and marks, so ``promptTokens``, ``prompt_tokens`` and ``Prompt
Tokens`` are one. A dot leads into an object; what stands inside of ``usage`` is found by its name
there. Refuses names that say different things in different programs, such as ``tokens`` or
``price``.

Sources: the answers of OpenAI, Anthropic, DeepSeek and Google, the exports of OpenRouter, LiteLLM,
Helicone and Langfuse, and the semantic conventions of OpenTelemetry, read on 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

TOTAL_TOKENS = "total_tokens"
"""Pseudo-field: all tokens of a call; says which counts include others."""
WRITTEN_TOKENS = "written_tokens"
"""Pseudo-field: tokens written to a cache of any lifetime; what is not split is for 5 minutes."""
CURRENCY = "currency"
"""Pseudo-field: the currency of a stated cost."""

_INPUT_DETAILS = ("prompttokensdetails", "inputtokensdetails", "inputtokendetails")
_OUTPUT_DETAILS = ("completiontokensdetails", "outputtokensdetails", "outputtokendetails")
DETAILS = (*_INPUT_DETAILS, *_OUTPUT_DETAILS)
"""Objects whose counts are parts of the count that they are about."""


def _inside(objects: Sequence[str], *names: str) -> tuple[str, ...]:
    return tuple(f"{parent}.{name}" for parent in objects for name in names)


SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "timestamp": (
        "createdat",
        "created",
        "createdtime",
        "time",
        "ts",
        "datetime",
        "date",
        "starttime",
        "startedat",
        "starttimestamp",
        "requesttime",
        "eventtime",
        "occurredat",
        "timestampms",
        "timestampns",
    ),
    "model": (
        "modelname",
        "modelid",
        "modelslug",
        "modelused",
        "llmmodel",
        "requestmodel",
        "requestedmodel",
    ),
    "input_tokens": (
        "prompttokens",
        "tokensprompt",
        "tokensinput",
        "tokensin",
        "intokens",
        "inputtokencount",
        "inputtokenscount",
        "prompttokencount",
        "numinputtokens",
        "numprompttokens",
        "tokens.input",
        "tokens.prompt",
    ),
    "output_tokens": (
        "completiontokens",
        "tokenscompletion",
        "tokensoutput",
        "tokensout",
        "outtokens",
        "outputtokencount",
        "outputtokenscount",
        "completiontokencount",
        "numoutputtokens",
        "numcompletiontokens",
        "generatedtokens",
        "tokens.output",
        "tokens.completion",
    ),
    "cache_read_tokens": (
        "cachedtokens",
        "tokenscached",
        "cacheread",
        "cachereadinputtokens",
        "cachedinputtokens",
        "inputcachedtokens",
        "cachedprompttokens",
        "promptcachedtokens",
        "promptcachehittokens",
        "promptcachereadtokens",
        "cachereadtokencount",
        "cachereadinputtokencount",
        "cachedtokencount",
        "cachedcontenttokencount",
        "cachehittokens",
        "tokens.cached",
        "tokens.cacheread",
        "tokens.cache.read",
        *_inside(_INPUT_DETAILS, "cachedtokens", "cacheread"),
    ),
    WRITTEN_TOKENS: (
        "cachewritetokens",
        "cachewrite",
        "cachecreationtokens",
        "cachecreationinputtokens",
        "cachewriteinputtokens",
        "cachecreationtokencount",
        "cachewritetokencount",
        "cachewriteinputtokencount",
        "promptcachewritetokens",
        "tokens.cachewrite",
        "tokens.cache.write",
        *_inside(_INPUT_DETAILS, "cachecreationtokens", "cachewritetokens", "cachecreation"),
    ),
    "cache_write_5m_tokens": (
        "ephemeral5minputtokens",
        "cachecreation.ephemeral5minputtokens",
    ),
    "cache_write_1h_tokens": (
        "ephemeral1hinputtokens",
        "cachecreation.ephemeral1hinputtokens",
    ),
    "reasoning_tokens": (
        "tokensreasoning",
        "thinkingtokens",
        "thoughtstokencount",
        "thoughtstokens",
        "reasoningoutputtokens",
        "tokens.reasoning",
        "tokens.thoughts",
        *_inside(_OUTPUT_DETAILS, "reasoningtokens", "reasoning"),
    ),
    "input_audio_tokens": (
        "audioinputtokens",
        "promptaudiotokens",
        *_inside(_INPUT_DETAILS, "audiotokens"),
    ),
    "input_image_tokens": (
        "imageinputtokens",
        "promptimagetokens",
        *_inside(_INPUT_DETAILS, "imagetokens"),
    ),
    "input_video_tokens": ("videoinputtokens", *_inside(_INPUT_DETAILS, "videotokens")),
    "output_audio_tokens": (
        "audiooutputtokens",
        "completionaudiotokens",
        *_inside(_OUTPUT_DETAILS, "audiotokens"),
    ),
    "output_image_tokens": (
        "imageoutputtokens",
        "completionimagetokens",
        *_inside(_OUTPUT_DETAILS, "imagetokens"),
    ),
    "output_video_tokens": ("videooutputtokens", *_inside(_OUTPUT_DETAILS, "videotokens")),
    "web_search_requests": ("websearches", "servertooluse.websearchrequests"),
    "file_search_requests": ("filesearches",),
    TOTAL_TOKENS: ("tokenstotal", "totaltokencount", "totaltokenscount", "tokens.total"),
    "cost_usd": (
        "cost",
        "totalcost",
        "totalcostusd",
        "usdcost",
        "costinusd",
        "spend",
        "spendusd",
        "totalspend",
    ),
    "estimated_cost_usd": ("estimatedcost", "costestimate", "costestimateusd"),
    CURRENCY: ("costcurrency", "billingcurrency", "currencycode"),
    "provider": (
        "providername",
        "vendor",
        "llmprovider",
        "modelprovider",
        "customllmprovider",
        "apiprovider",
    ),
    "answering_model": ("responsemodel", "modelanswered"),
    "service_tier": ("servicetiername",),
    "session_id": ("session", "conversationid", "threadid", "chatid"),
    "user_name": ("user", "userid", "useremail", "email", "enduser", "enduserid"),
    "project": ("projectname", "projectid"),
    "agent": ("agentname", "agentid"),
    "token": ("apikeyalias", "apikeyname", "keyalias", "keyname", "apikeyid"),
    "branch": ("gitbranch",),
    "provider_request_id": ("requestid", "responseid", "generationid"),
    "calls": ("requests", "numrequests", "requestcount", "callcount", "nummodelrequests"),
    "settled_at": ("endtime", "endedat", "completedat", "finishedat"),
    "first_token_at": ("completionstarttime",),
}
"""Usual names of a field besides its own, the better ones first. ``id`` has none: what makes a call
known must not depend on a guess."""

EXACT = frozenset(
    {"timestamp", "model", "cost_usd", CURRENCY, TOTAL_TOKENS, WRITTEN_TOKENS, "calls"}
    | {name for name in SYNONYMS if name.endswith(("_tokens", "_requests"))}
)
"""Fields of which two columns that differ are refused; of others the first name is taken."""

_CONTAINERS = frozenset({"usage", "tokenusage", "tokencounts", "usagemetadata", "usagedetails"})
_USAGE_LIKE = re.compile(r"token|cache|cost|spend")
_NO_USAGE = re.compile(
    r"^(max|min|limit)|^(access|api|auth|bearer|csrf|id|refresh|session)?token$"
    r"|(alias|budget|code|control|center|centre|enabled|hash|hit|key|limit|name|perminute|persecond"
    r"|rate|remaining|status|tokeni[sz]er|ttl|type|(?<!pa)id)$"
)
_COST_PART = re.compile(r"^.+cost(s|usd)?$|^cost(details|breakdown)\.|^cost.+")
_KNOWN_PARTS = frozenset(
    _inside(_INPUT_DETAILS, "texttokens")
    + _inside(_OUTPUT_DETAILS, "texttokens", "acceptedpredictiontokens", "rejectedpredictiontokens")
)
STATING = frozenset(_inside(DETAILS, "texttokens", "audiotokens", "imagetokens", "videotokens"))
"""Counts that say of which modality tokens are."""

Place = tuple[str, ...]
"""Where a value stands: its column, or the names of objects down to it."""


def spelling(place: Place) -> str:
    """Return the name of a place for comparison: inside of an object of usage, from there on."""
    names = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in place]
    inner = [at for at, name in enumerate(names[:-1]) if name in _CONTAINERS]
    return ".".join(names[inner[-1] + 1 :] if inner else names)


def names_of(field: str) -> Iterator[str]:
    """Yield the names of a field as ``spelling`` writes them, its own first."""
    yield spelling((field,))
    yield from SYNONYMS.get(field, ())


def looks_like_usage(place: Place) -> bool:
    """Return whether a column that no field takes may be a count or an amount all the same."""
    name = spelling(place)
    leaf = name.rpartition(".")[2]
    if name in _KNOWN_PARTS or _NO_USAGE.search(leaf):
        return False
    return _USAGE_LIKE.search(name) is not None


def is_part_of_cost(place: Place) -> bool:
    """Return whether a column seems to be a part of a total cost."""
    return _COST_PART.search(spelling(place)) is not None
