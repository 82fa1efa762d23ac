"""The inputs: configs, logs and exports of each format, and requests."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

from tools.checkout import HERE
from tools.surfaces.normal import NOON

_BEFORE = NOON.timestamp() - 86_400
BUDGETS = """
# The team's budgets.
[cost]
enabled = true
session_limit_usd = 2
daily_limit_usd = 40 # agreed in March
monthly_limit_usd = 900
warn_at_percent = 80
allow_override = true
unpriced_models = "warn"
default_output_tokens = 100

[cost.prices.m] # USD per million
input = 3
output = 15
cache_read = 0.3

[[cost.budgets]]
name = "opus-week"
period = "week"
limit_usd = 12
match = { model = "opus-*" }

[[cost.budgets]]
name = "experiments"
period = "day"
timezone = "Europe/Madrid"
limit_usd = 5
match = { project = "lab" }

[[cost.budgets]]
name = "ever"
period = "total"
limit_usd = 5000

[autonomy]
level = "supervised"
allowed_commands = ["git", "ls", "cat", "grep", "find", "npm", "cargo", "echo"]
auto_approve = ["file_read"]
always_ask = ["http_request"]
max_actions_per_hour = 4

[mission]
enabled = true
max_steps = 3
max_estimated_cost_cents = 150
"""
SERVED = """
[cost]
enabled = true
session_limit_usd = 2
daily_limit_usd = 5
monthly_limit_usd = 0
default_output_tokens = 100
allow_override = true

[cost.prices.m] # USD per million
input = 1000
output = 10000
cache_read = 100
cache_write_5m = 1250
cache_write_1h = 2000
reasoning = 10000

[autonomy]
level = "supervised"
max_actions_per_hour = 3

[governance.gateway]
max_body_bytes = 200000

[governance.upstreams.openai]
base_url = "http://127.0.0.1:{port}/v1"
api_key_env = "UPSTREAM_KEY"
kind = "openai"

[governance.upstreams.anthropic]
base_url = "http://127.0.0.1:{port}"
api_key_env = "UPSTREAM_KEY"
kind = "anthropic"
denied_status = 400

[governance.observability]
log = "json"
metrics = true
"""


def copy_tree(source: str, target: Path) -> Path:
    """Copy a folder of the repository; all of it was changed the day before."""
    shutil.copytree(HERE / source, target, ignore=shutil.ignore_patterns("*.py", "*.txt"))
    for path in sorted(target.rglob("*")):
        os.utime(path, (_BEFORE, _BEFORE))
    return target


def write(path: Path, text: str) -> Path:
    """Write a file that was changed the day before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (_BEFORE, _BEFORE))
    return path


def exports() -> dict[str, str]:
    """Return a file of each format that can be imported, and broken ones, by name."""
    spend_logs = [_spend_log(1), _spend_log(2, spend=0.0005, user="bob", session_id="session-2")]
    page = {"object": "page", "data": [_bucket()], "has_more": False, "next_page": None}
    return {
        "litellm.jsonl": _lines(spend_logs),
        "litellm.json": json.dumps(spend_logs, indent=2),
        "litellm.csv": _csv(spend_logs),
        "openai.json": json.dumps(page),
        "openai-old.json": json.dumps({"data": [_OLD_EXPORT]}, indent=1),
        "otel.jsonl": _lines([_spans(1, _SPAN), _spans(2, _OLD_SPAN), _spans(3, _OPENINFERENCE)]),
        "codex/rollout-2026-10-01T10-00-00-01970000-0000-7000-8000-000000000001.jsonl": _codex(),
        "claude/session-a.jsonl": _lines([_claude(1), _claude(2, "claude-haiku-4-5-20251001")]),
        "generic.csv": _GENERIC,
        "generic.jsonl": _lines(
            [{"time": "2026-11-16T10:00:00Z", "model": "m", "prompt": 10, "completion": 20}]
        ),
        "broken.jsonl": _lines([_spend_log(7)]) + '{not json\n[1, 2]\n"text"\n{"cut": \n',
        "empty.jsonl": "",
        "unknown.jsonl": _lines([{"a": 1}, {"b": 2}]),
    }


def _lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        nested = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()}
        writer.writerow(nested)
    return text.getvalue()


_GENERIC = """timestamp,model,input_tokens,output_tokens,team
2026-11-16T10:00:00Z,claude-sonnet-4-5-20250929,10,20,red
2026-11-16 11:00:00,claude-sonnet-4-5-20250929,1,2,blue
2026-11-17 11:00:00,no-such-model,5,6,blue
soon,claude-sonnet-4-5-20250929,1,2,blue
"""
_OLD_EXPORT = {
    "organization_id": "org-1",
    "aggregation_timestamp": 1_790_812_800,
    "n_requests": 3,
    "operation": "completion",
    "snapshot_id": "gpt-5",
    "n_context_tokens_total": 900,
    "n_cached_context_tokens_total": 100,
    "n_generated_tokens_total": 50,
    "email": "ada@example.com",
}


def _spend_log(number: int, **rest: Any) -> dict[str, Any]:
    return {
        "request_id": f"chatcmpl-{number:030}",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05",
        "spend": 0.0,
        "total_tokens": 1100,
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "startTime": "2026-10-01T10:00:00.123Z",
        "endTime": "2026-10-01T10:00:03Z",
        "model": "gpt-5",
        "model_group": "smart",
        "custom_llm_provider": "openai",
        "user": "ada",
        "team_id": "team-7",
        "metadata": {"user_api_key_alias": "ci", "user_api_key_team_alias": "search"},
        "cache_hit": "False",
        "request_tags": ["nightly", "eval"],
        "session_id": "session-1",
        "status": "success",
    } | rest


def _bucket() -> dict[str, Any]:
    results = [
        {
            "object": "organization.usage.completions.result",
            "input_tokens": 1000,
            "output_tokens": 500,
            "input_cached_tokens": 800,
            "num_model_requests": 5,
            "project_id": "proj_1",
            "user_id": None,
            "api_key_id": "key_1",
            "model": model,
            "batch": False,
            "service_tier": tier,
        }
        for model, tier in (("gpt-5", "default"), ("gpt-5", "flex"), ("no-such-model", "default"))
    ]
    start = 1_790_812_800
    return {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": results}


_SPAN: dict[str, object] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.response.model": "gpt-5",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.cache_read.input_tokens": 600,
    "gen_ai.usage.cache_creation.input_tokens": 100,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.reasoning.output_tokens": 20,
    "gen_ai.conversation.id": "conversation-1",
    "gen_ai.agent.name": "planner",
}
_OLD_SPAN: dict[str, object] = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.prompt_tokens": 1000,
    "gen_ai.usage.completion_tokens": 50,
    "llm.usage.reasoning_tokens": 20,
}
_OPENINFERENCE: dict[str, object] = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-5",
    "llm.token_count.prompt": 1000,
    "llm.token_count.prompt_details.cache_read": 600,
    "llm.token_count.completion": 50,
}


def _spans(number: int, attributes: dict[str, object]) -> dict[str, Any]:
    span: dict[str, Any] = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"{number:016x}",
        "name": "chat gpt-5",
        "startTimeUnixNano": "1790812800123456789",
        "endTimeUnixNano": "1790812803000000000",
        "attributes": [
            {
                "key": key,
                "value": {"intValue": str(value)}
                if isinstance(value, int)
                else {"stringValue": value},
            }
            for key, value in attributes.items()
        ],
        "status": {},
    }
    service = {"key": "service.name", "value": {"stringValue": "search"}}
    return {
        "resourceSpans": [
            {"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]}
        ]
    }


def _codex() -> str:
    def line(kind: str, second: int, payload: dict[str, Any]) -> dict[str, Any]:
        return {"timestamp": f"2026-10-01T10:00:{second:02}.000Z", "type": kind, "payload": payload}

    def usage(asked: int, cached: int, answered: int, reasoned: int) -> dict[str, int]:
        return {
            "input_tokens": asked,
            "cached_input_tokens": cached,
            "output_tokens": answered,
            "reasoning_output_tokens": reasoned,
            "total_tokens": asked + answered,
        }

    def count(second: int, total: dict[str, int], last: dict[str, int]) -> dict[str, Any]:
        info = {"total_token_usage": total, "last_token_usage": last}
        return line("event_msg", second, {"type": "token_count", "info": info})

    thread = "01970000-0000-7000-8000-000000000001"
    cwd = "/home/dev/app"
    return _lines(
        [
            line("session_meta", 0, {"id": thread, "cwd": cwd, "cli_version": "0.150.0"}),
            line("turn_context", 1, {"cwd": cwd, "model": "gpt-5-codex"}),
            count(2, usage(1000, 400, 50, 20), usage(1000, 400, 50, 20)),
            count(3, usage(3000, 1900, 120, 50), usage(2000, 1500, 70, 30)),
        ]
    )


def _claude(call: int, model: str = "claude-sonnet-4-5-20250929") -> dict[str, Any]:
    return {
        "parentUuid": None,
        "isSidechain": False,
        "cwd": "/home/dev/app",
        "sessionId": "session-a",
        "version": "2.1.37",
        "type": "assistant",
        "message": {
            "id": f"msg_01{call:022}",
            "model": model,
            "role": "assistant",
            "usage": {
                "input_tokens": 10,
                "output_tokens": 20,
                "cache_read_input_tokens": 300,
                "cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 8},
                "cache_creation_input_tokens": 15,
                "service_tier": "standard",
            },
        },
        "requestId": f"req_{call}",
        "uuid": f"uuid-{call}",
        "timestamp": f"2026-11-16T10:00:0{call}.000Z",
    }
