"""What LangChain says about a call: before it is made, what it may use; afterwards, what it used.

The callback and the middleware share it. It knows only what LangChain reports, so an answer without
usage is bounded, and never free.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from langchain_core.outputs import ChatGeneration, Generation, LLMResult

from corvus.calls.flight import Ending
from corvus.governor.options import CallOptions, CallReport
from corvus.metering.facts import Json, Unusable, as_object, count, member, text_or_none
from corvus.metering.maxima import ANSWERS, MAXIMA
from corvus.metering.models import OTHER_MODELS, models_in
from corvus.metering.providers import most_output_of
from corvus.metering.text import FRAME_TOKENS, HIDDEN_TOKENS, input_token_bound
from corvus.model.reservation import Outcome, Reservation
from corvus.model.usage import Usage
from corvus.prices.names import tier_of

_ANSWERS_MAX = 128  # as many as any provider writes for one request
_BODIES = ("extra_body", "model_kwargs", "generation_config")
_MODELS = ("model", "model_name", "model_id", "deployment_name")


class Description(NamedTuple):
    """A call before it is made.

    Attributes:
        model: As LangChain names it.
        input_tokens: Upper bound.
        answers: How many answers may be written, >= 1.
        options: What may be used, for the governor.
    """

    model: str
    input_tokens: int
    answers: int
    options: CallOptions


def describe(text: str, metadata: Json, params: Json) -> Description:
    """Return a call as it is put to the governor.

    Args:
        text: All that the model is sent.
        metadata: LangChain's own about the run.
        params: With which the model is called.
    """
    model = next((name for key in _MODELS if (name := text_or_none(params, key))), None)
    model = model or text_or_none(metadata, "ls_model_name") or "unknown"
    bound, others = _input_bound(text, params), _other_models(params)
    answers = max(
        1, *(_stated(body, key, _ANSWERS_MAX) for body in _bodies(params) for key in ANSWERS)
    )
    options: CallOptions = {
        "input_tokens": bound,
        "max_output_tokens": _max_output((model, *others), metadata, params) * answers,
        "models": others,
        "service_tier": _tier(params),
    }
    return Description(model, bound, answers, options)


class Run:
    """One open call.

    Attributes:
        relayed: Text that was streamed so far.
        first_token_at: When the first of it came, aware UTC.
    """

    def __init__(self, reservation: Reservation, input_tokens: int) -> None:
        self._reservation = reservation
        self._input_tokens = input_tokens
        self.relayed = ""
        self.first_token_at: datetime | None = None

    def ended(self, response: LLMResult) -> Ending:
        """Return how to settle a call that has its answer."""
        answers = [answer for turn in response.generations for answer in turn]
        reported = next((counts for counts in map(_usage_metadata, answers) if counts), None)
        if reported is not None and reported.get("total_cost") == 0:
            return self._ending(None, Outcome.COMPLETED, is_release=True)  # from LangChain's cache
        report: CallReport = {"answering_model": _answering_model(answers)}
        usage = _usage_of(reported) if reported is not None else None
        if usage is not None:
            return self._ending(usage, Outcome.COMPLETED, report)
        text = "".join(map(_written, answers))
        return self._estimate(text or self.relayed, Outcome.COMPLETED)

    def failed(self, error: BaseException, response: object) -> Ending:
        """Return how to settle a call that has no answer, or part of one."""
        if isinstance(response, LLMResult):
            answers = [answer for turn in response.generations for answer in turn]
            reported = next((counts for counts in map(_usage_metadata, answers) if counts), None)
            usage = _usage_of(reported) if reported is not None else None
            if usage is not None and usage.output_tokens:
                return self._ending(usage, Outcome.FAILED)
        if self.relayed:
            is_fault = isinstance(error, Exception)
            outcome = Outcome.FAILED if is_fault else Outcome.CANCELLED
            return self._estimate(self.relayed, outcome)
        is_release = isinstance(getattr(error, "status_code", None), int)
        return self._ending(None, Outcome.FAILED, is_release=is_release)

    def _estimate(self, text: str, outcome: Outcome) -> Ending:
        usage = Usage(self._input_tokens, input_token_bound(text.encode(errors="replace")))
        return self._ending(usage, outcome, {"is_estimated": True})

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


def _written(answer: Generation) -> str:
    """Return what stands for the output of an answer: with the calls of tools that are in it."""
    message = answer.message if isinstance(answer, ChatGeneration) else None
    calls = getattr(message, "tool_calls", None)
    return answer.text + (json.dumps(calls, default=str) if calls else "")


def _usage_metadata(answer: Generation) -> Json | None:
    message = answer.message if isinstance(answer, ChatGeneration) else None
    return as_object(getattr(message, "usage_metadata", None)) or None


def _answering_model(answers: Sequence[Generation]) -> str | None:
    for answer in answers:
        if isinstance(answer, ChatGeneration):
            metadata: Json = answer.message.response_metadata
            return text_or_none(metadata, "model_name") or text_or_none(metadata, "model")
    return None


def _usage_of(counts: Json) -> Usage | None:
    """Read usage as LangChain words it: totals, with the kinds of input inside; ``None`` if odd."""
    read, made = member(counts, "input_token_details"), member(counts, "output_token_details")
    try:
        cached = count(read, "cache_read")
        hour = count(read, "ephemeral_1h_input_tokens")
        split = count(read, "ephemeral_5m_input_tokens") + hour
        written = max(count(read, "cache_creation"), split)
        total, output = count(counts, "input_tokens"), count(counts, "output_tokens")
        reasoning = min(output, count(made, "reasoning"))
    except Unusable:
        return None
    inside = cached + written
    return Usage(
        input_tokens=total - inside if inside <= total else total,
        output_tokens=output - reasoning,
        cache_read_tokens=cached,
        cache_write_5m_tokens=written - hour,
        cache_write_1h_tokens=hour,
        reasoning_tokens=reasoning,
    )


def _max_output(models: Sequence[str], metadata: Json, params: Json) -> int:
    """Return the largest maximum of one answer that is stated, else the models' own limit (PRC-7).

    Of several models the one that writes most counts.
    """
    limit = max(most_output_of(name) for name in models)
    stated = [_stated(body, key, limit) for body in _bodies(params) for key in MAXIMA]
    stated.append(_stated(metadata, "ls_max_tokens", limit))
    return max(stated) or limit
