"""Which spans stand for a call of a model, and which only sum up the calls below them."""

from __future__ import annotations

from corvus.usage.importers.importer import text_at
from corvus.usage.importers.telemetry import ai_sdk
from corvus.usage.importers.telemetry.shapes import Signal

_NO_CALLS = {
    "create_agent",
    "create_memory",
    "delete_memory",
    "execute_tool",
    "invoke_agent",
    "invoke_workflow",
    "plan",
    "retrieval",
    "search_memory",
    "update_memory",
    "upsert_memory",
}
_KIND = (
    "traceloop.span.kind",
    "openinference.span.kind",
    "langfuse.observation.type",
    "langsmith.span.kind",
    "mlflow.spanType",
    "lmnr.span.type",
)
_CALL_KINDS = {"", "chat", "chat_model", "completion", "embedding", "generation", "llm", "unknown"}
_AGENT_NAMES = ("agent run", "invoke_agent", "invoke_workflow", "execute_tool")


def is_no_call(signal: Signal) -> bool:
    """Return whether a span is of an agent, a workflow or a tool, whose counts are repetitions."""
    attributes = signal.attributes
    operation = (text_at(attributes, "gen_ai.operation.name", "llm.request.type") or "").lower()
    if operation in _NO_CALLS or ai_sdk.repeats_calls_below(attributes):
        return True
    kind = (text_at(attributes, *_KIND) or "").strip('"').lower()
    is_call = kind in _CALL_KINDS or (kind == "span" and bool(operation))
    return not is_call or (not operation and signal.name.lower().startswith(_AGENT_NAMES))
