"""What LangChain says about a call: before it is made, what it may use; afterwards, what it used.

The callback and the middleware share it. It knows only what LangChain reports, so an answer without
usage is bounded, and never free.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from corvus.calls.flight import Ending
from corvus.calls.plan import UNSEEN_TOKENS
from corvus.clients.extras import imports_of
from corvus.clients.langchain.message_usage import Answer, read_answer
from corvus.governor.options import Bound, CallOptions, CallReport
from corvus.governor.pricing import most_expensive
from corvus.metering.facts import Json, Unusable, count, member, text_or_none
from corvus.metering.maxima import ANSWERS, MAXIMA
from corvus.metering.media import (
    OUTPUT_OPTIONS,
    PICTURES,
    READ_KINDS,
    WRITTEN_KINDS,
    Media,
    is_text_option,
    may_draw_or_speak,
)
from corvus.metering.models import OTHER_MODELS, models_in
from corvus.metering.pictures import Picture
from corvus.metering.providers import most_output_of, vision_of
from corvus.metering.providers.openai import CHAT
from corvus.metering.text import FRAME_TOKENS, HIDDEN_TOKENS, input_token_bound
from corvus.model.reservation import Outcome, Reservation
from corvus.model.usage import Usage, UsagePart
from corvus.prices.names import VARIANTS, tier_of

with imports_of("langchain"):
    from langchain_core.outputs import ChatGeneration, Generation, LLMResult

_ANSWERS_MAX = 128  # as many as any provider writes for one request
_BODIES = ("extra_body", "model_kwargs", "generation_config")
_PARTS = re.compile(r'"type":\s*"[a-z_]*?(image|audio|video|file|media|document)')
"""Finds the parts of messages that are no text, in what LangChain writes of them."""

_MODELS = ("model", "model_name", "model_id", "deployment_name")


class Description(NamedTuple):
    """A call before it is made.

    Attributes:
        model: As LangChain names it.
        input_tokens: Upper bound.
        answers: How many answers may be written, >= 1.
        is_text: Nothing but text is read or written, as far as it shows.
        options: What may be used, for the governor.
    """

    model: str
    input_tokens: int
    answers: int
    is_text: bool
    options: CallOptions


def describe(text: str, metadata: Json, params: Json, least_tokens: int = 0) -> Description:
    """Return a call as it is put to the governor.

    Args:
        text: All that the model is sent.
        metadata: LangChain's own about the run.
        params: With which the model is called.
        least_tokens: What the request itself is bounded by, where it is shown: then pictures and
            files need no guess.
    """
    model = next((name for key in _MODELS if (name := text_or_none(params, key))), None)
    model = model or text_or_none(metadata, "ls_model_name") or "unknown"
    others = _other_models(params)
    bound = max(_input_bound(text, params), least_tokens)
    if not least_tokens:
        bound = _with_media(bound, text, (model, *others))
    answers = max(
        1, *(_stated(body, key, _ANSWERS_MAX) for body in _bodies(params) for key in ANSWERS)
    )
    options: CallOptions = {
        "input_tokens": bound,
        "max_output_tokens": _max_output((model, *others), metadata, params) * answers,
        "models": others,
        "service_tier": _tier(params),
    }
    media = _media_of((model, *others), text, params)
    if any(kind not in PICTURES for kind in (*media.read, *media.written)):
        options["expected"] = _most_expensive(options, media)
    is_text = not (media.read or media.written)
    return Description(model, bound, answers, is_text, options)


class Run:
    """One open call.

    Attributes:
        relayed: Text that was streamed so far.
        first_token_at: When the first of it came, aware UTC.
    """

    def __init__(self, reservation: Reservation, call: Description) -> None:
        self._reservation = reservation
        self._input_tokens = call.input_tokens
        self._is_text = call.is_text
        self.relayed = ""
        self.first_token_at: datetime | None = None

    def ended(self, response: LLMResult) -> Ending:
        """Return how to settle a call that has its answer."""
        answer = read_answer(response)
        if answer.is_from_cache:
            return self._ending(None, Outcome.COMPLETED, is_release=True)
        if answer.usage is not None:
            return self._ending(answer.usage, Outcome.COMPLETED, self._report(answer))
        answers = [one for turn in response.generations for one in turn]
        text = "".join(map(_written, answers)) or self.relayed
        return self._estimate(text, Outcome.COMPLETED, self._report(answer))

    def failed(self, error: BaseException, response: object) -> Ending:
        """Return how to settle a call that has no answer, or part of one."""
        if isinstance(response, LLMResult):
            answer = read_answer(response)
            if answer.usage is not None and answer.usage.output_tokens:
                return self._ending(answer.usage, Outcome.FAILED, self._report(answer))
        if self.relayed:
            is_fault = isinstance(error, Exception)
            outcome = Outcome.FAILED if is_fault else Outcome.CANCELLED
            return self._estimate(self.relayed, outcome)
        is_release = isinstance(getattr(error, "status_code", None), int)
        return self._ending(None, Outcome.FAILED, is_release=is_release)

    def _report(self, answer: Answer) -> CallReport:
        report: CallReport = {
            "answering_model": answer.model,
            "service_tier": answer.service_tier if answer.service_tier in VARIANTS else None,
            "is_at_least": answer.is_at_least,
            "has_counts": answer.usage is not None,
        }
        if answer.usage is not None:
            states = answer.states_modalities or self._is_text
            report["parts"] = (
                UsagePart(
                    answer.model, answer.usage, answer.service_tier, states_modalities=states
                ),
            )
        if answer.stated_cost is not None:
            report["stated_cost"] = answer.stated_cost
        return report

    def _estimate(self, text: str, outcome: Outcome, more: CallReport | None = None) -> Ending:
        usage = Usage(self._input_tokens, input_token_bound(text.encode(errors="replace")))
        return self._ending(usage, outcome, {**(more or {}), "is_estimated": True})

    def _ending(
        self,
        usage: Usage | None,
        outcome: Outcome,
        more: CallReport | None = None,
        *,
        is_release: bool = False,
    ) -> Ending:
        report: CallReport = {
            **(more or {}),
            "outcome": outcome,
            "settlement_key": f"{self._reservation.id}/meter",
            "first_token_at": self.first_token_at,
        }
        return Ending(self._reservation, is_release, usage, report)


def _media_of(models: Sequence[str], text: str, params: Json) -> Media:
    """Return what a call may read or write that is no text."""
    kinds = {found[1] for found in _PARTS.finditer(text)}
    read = tuple(kind for kind in READ_KINDS if kind.rpartition("_")[2] in kinds)
    if kinds - {"image", "audio", "video"}:
        read = READ_KINDS  # a file may hold any of them
    options = (body.get(name) for body in _bodies(params) for name in OUTPUT_OPTIONS)
    speaks = any(map(may_draw_or_speak, models)) or any(
        option is not None and not is_text_option(option) for option in options
    )
    return Media(read, WRITTEN_KINDS if speaks else ())


def _most_expensive(options: CallOptions, media: Media) -> Bound:
    """Return the bound of a call that is not all text."""
    read, written = options.get("input_tokens", 0), options.get("max_output_tokens") or 0
    return lambda price: most_expensive(price, read, written, media.read, media.written)


def _bodies(params: Json) -> tuple[Json, ...]:
    """Return where a model class keeps members of its request."""
    return (params, *(member(params, name) for name in _BODIES))


def _tier(params: Json) -> str | None:
    tiers = (text_or_none(body, "service_tier") for body in _bodies(params))
    return tier_of(next((tier for tier in tiers if tier), None))


def _other_models(params: Json) -> tuple[str, ...]:
    """Return the models that may answer in place of the first."""
    return tuple(
        model
        for body in _bodies(params)
        for name in OTHER_MODELS
        for model in models_in(name, body.get(name))
    )


def _stated(of: Json, key: str, unlimited: int) -> int:
    """Return a count that is stated; 0 for none.

    Args:
        of: What LangChain reports.
        key: Its name.
        unlimited: Stands in for one that may mean "no limit", such as -1 (PRC-7).
    """
    try:
        return count(of, key)
    except Unusable:
        return unlimited


def _input_bound(text: str, params: Json) -> int:
    body = text + json.dumps(params, default=str)
    has_tools = bool(params.get("tools") or params.get("functions"))
    frame = HIDDEN_TOKENS if has_tools else FRAME_TOKENS
    return input_token_bound(body.encode(errors="replace")) + frame


def _with_media(tokens: int, text: str, models: Sequence[str]) -> int:
    """Return a bound of a text with what it may refer to: pictures by address, files, sound."""
    kinds = [found[1] for found in _PARTS.finditer(text)]
    picture = max(vision_of(CHAT, model).tokens_of(Picture()) for model in models)
    bound = tokens + kinds.count("image") * picture
    return 2 * bound + UNSEEN_TOKENS if set(kinds) - {"image"} else bound


def _written(answer: Generation) -> str:
    """Return what stands for the output of an answer: with the calls of tools that are in it."""
    message = answer.message if isinstance(answer, ChatGeneration) else None
    calls = getattr(message, "tool_calls", None)
    return answer.text + (json.dumps(calls, default=str) if calls else "")


def _max_output(models: Sequence[str], metadata: Json, params: Json) -> int:
    """Return the largest maximum of one answer that is stated, else the models' own limit (PRC-7).

    Of several models the one that writes most counts.
    """
    limit = max(most_output_of(name) for name in models)
    stated = [_stated(body, key, limit) for body in _bodies(params) for key in MAXIMA]
    stated.append(_stated(metadata, "ls_max_tokens", limit))
    return max(stated) or limit
