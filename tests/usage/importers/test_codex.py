"""Session logs of Codex: what is a call, whose it is, and that no copy of it counts again."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from corvus.model.price import Price
from corvus.model.usage import TokenKind
from tests.usage.importers.conftest import Books

if TYPE_CHECKING:
    from pathlib import Path

    from tests.usage.importers.conftest import Desk

PARENT = "01970000-0000-7000-8000-000000000001"
CHILD = "01970000-0000-7000-8000-000000000002"
OTHER = "01970000-0000-7000-8000-000000000003"
GRANDCHILD = "01970000-0000-7000-8000-000000000004"
CODEX = {
    TokenKind.INPUT: 1_000_000_000,
    TokenKind.OUTPUT: 10_000_000_000,
    TokenKind.CACHE_READ: 100_000_000,
    TokenKind.REASONING: 10_000_000_000,
}
TOKENS = (
    "SELECT coalesce(sum(calls), 0)::BIGINT, sum(input_tokens)::BIGINT, "
    "sum(cache_read_tokens)::BIGINT, sum(output_tokens)::BIGINT, sum(reasoning_tokens)::BIGINT "
    "FROM usage_record"
)


@pytest.fixture
def books() -> Books:
    entry = "bundled:openai/gpt-5-codex@always"
    return Books(Price("openai", "gpt-5-codex", "bundled", entry, CODEX, (), None))


def at(minute: int, second: int = 0) -> str:
    return f"2026-10-01T10:{minute:02}:{second:02}.000Z"


def meta(thread: str, when: str = at(0), **more: Any) -> dict[str, Any]:
    payload = {"id": thread, "timestamp": when, "cwd": "/home/dev/app", "cli_version": "0.150.0"}
    return {"timestamp": when, "type": "session_meta", "payload": payload | more}


def context(when: str = at(0), model: str = "gpt-5-codex") -> dict[str, Any]:
    payload = {"cwd": "/home/dev/app", "model": model}
    return {"timestamp": when, "type": "turn_context", "payload": payload}


def usage(tokens: tuple[int, ...]) -> dict[str, int]:
    asked, cached, answered, reasoned = tokens
    return {
        "input_tokens": asked,
        "cached_input_tokens": cached,
        "output_tokens": answered,
        "reasoning_output_tokens": reasoned,
        "total_tokens": asked + answered,
    }


Tokens = tuple[int, int, int, int]
ONE: Tokens = (1000, 400, 50, 20)
TWO: Tokens = (2000, 1500, 70, 30)
THREE: Tokens = (3000, 2500, 90, 0)


def count(when: str, total: Tokens | None, last: Tokens | None) -> dict[str, Any]:
    info: dict[str, Any] = {}
    if total is not None:
        info["total_token_usage"] = usage(total)
    if last is not None:
        info["last_token_usage"] = usage(last)
    payload = {"type": "token_count", "info": info or None, "rate_limits": {"primary": None}}
    return {"timestamp": when, "type": "event_msg", "payload": payload}


def plus(*parts: Tokens) -> Tokens:
    return (
        sum(one[0] for one in parts),
        sum(one[1] for one in parts),
        sum(one[2] for one in parts),
        sum(one[3] for one in parts),
    )


def turns(*parts: Tokens, minute: int = 1, start: Tokens = (0, 0, 0, 0)) -> list[dict[str, Any]]:
    """Return a count for each call, whose totals add up."""
    return [
        count(at(minute + number), plus(start, *parts[: number + 1]), part)
        for number, part in enumerate(parts)
    ]


def rollout(desk: Desk, thread: str, lines: list[Any], folder: str = "") -> Path:
    return desk.write(f"{folder}rollout-2026-10-01T10-00-00-{thread}.jsonl", lines)


def spent(*parts: Tokens) -> tuple[int, ...]:
    """Return calls and disjoint tokens of some calls, as ``TOKENS`` asks for them."""
    whole = plus(*parts)
    return (len(parts), whole[0] - whole[1], whole[1], whole[2] - whole[3], whole[3])


def test_a_session_is_read_with_its_model_project_and_cost(desk: Desk) -> None:
    reply = {"timestamp": at(1), "type": "response_item", "payload": {"type": "message"}}
    lines = [meta(PARENT), context(), count(at(0, 1), None, None), reply, *turns(ONE, TWO)]
    summary = desk.take(rollout(desk, PARENT, lines))
    assert (summary.files, summary.new, summary.bad_lines) == ({"codex": 1}, 2, 0)
    assert summary.read_lines == len(lines)
    assert desk.ask(TOKENS) == [spent(ONE, TWO)]
    assert desk.ask(
        "SELECT DISTINCT provider, requested_model, project, session_id, agent, tags['client'] "
        "FROM usage_call"
    ) == [("openai", "gpt-5-codex", "/home/dev/app", PARENT, "codex", "codex 0.150.0")]
    # 600 + 500 fresh, 400 + 1500 cached, 120 out of which 50 are reasoning
    assert desk.totals()[-1] == 1100 * 1000 + 1900 * 100 + 120 * 10_000


def test_a_repeated_count_is_no_call(desk: Desk) -> None:
    """ccusage#876, #884, #1288: rate limits repeat the same total, up to 67 % too much."""
    first, second = turns(ONE, TWO)
    again = [{**first, "timestamp": at(1, second)} for second in range(10, 20)]
    desk.take(rollout(desk, PARENT, [meta(PARENT), context(), first, *again, second, second]))
    assert desk.ask(TOKENS) == [spent(ONE, TWO)]


def test_an_older_total_that_is_told_again_is_no_call(desk: Desk) -> None:
    """robinebers/openusage#1001: a snapshot whose totals have not advanced."""
    first, second, third = turns(ONE, TWO, THREE)
    stale = {**first, "timestamp": at(2, 30)}
    desk.take(rollout(desk, PARENT, [meta(PARENT), context(), first, second, stale, third]))
    assert desk.ask(TOKENS) == [spent(ONE, TWO, THREE)]


def test_without_the_last_call_the_totals_differ_by_it(desk: Desk) -> None:
    lines = [count(at(1), ONE, None), count(at(2), plus(ONE, TWO), None)]
    desk.take(rollout(desk, PARENT, [meta(PARENT), context(), *lines]))
    assert desk.ask(TOKENS) == [spent(ONE, TWO)]


def test_equal_calls_of_one_session_count_each(desk: Desk) -> None:
    desk.take(rollout(desk, PARENT, [meta(PARENT), context(), *turns(ONE, ONE, ONE)]))
    assert desk.ask(TOKENS) == [spent(ONE, ONE, ONE)]


def test_equal_sessions_count_each(desk: Desk) -> None:
    """cclank/tokei#23: equal numbers in independent sessions are no copies."""
    for thread in (PARENT, OTHER):
        rollout(desk, thread, [meta(thread), context(), *turns(ONE, TWO)])
    desk.take(desk.folder)
    assert desk.ask(TOKENS) == [spent(ONE, TWO, ONE, TWO)]


def replayed(parent: list[dict[str, Any]], when: str) -> list[dict[str, Any]]:
    """Return lines under the time at which a fork copied them."""
    return [{**one, "timestamp": when} for one in parent]


@pytest.mark.parametrize("keeps_time", [False, True])
@pytest.mark.parametrize("link", ["forked_from_id", "parent_thread_id", "spawn", "copied meta"])
def test_what_a_fork_inherits_counts_once(desk: Desk, link: str, *, keeps_time: bool) -> None:
    """ccusage#897, #950, #988, #1371; getagentseal/codeburn#1383: 3 to 91 times too much."""
    history = [meta(PARENT), context(), *turns(ONE, TWO)]
    rollout(desk, PARENT, [*history, *turns(THREE, minute=9, start=plus(ONE, TWO))])
    named: dict[str, Any] = {
        "spawn": {"source": {"subagent": {"thread_spawn": {"parent_thread_id": PARENT}}}},
        "copied meta": {},
    }.get(link, {link: PARENT})
    copy = history if keeps_time else replayed(history, at(5))
    own = turns(THREE, minute=6, start=plus(ONE, TWO))
    rollout(desk, CHILD, [meta(CHILD, at(5), **named), *copy, context(at(5)), *own])
    desk.take(desk.folder)
    assert desk.ask(TOKENS) == [spent(ONE, TWO, THREE, THREE)]
    assert desk.ask(
        "SELECT coalesce(subagent, session_id), sum(calls)::BIGINT FROM usage_call "
        "GROUP BY ALL ORDER BY ALL"
    ) == [(PARENT, 3), (CHILD, 1)]
    assert desk.ask(
        "SELECT max(admitted_at)::VARCHAR FROM usage_call WHERE input_tokens = 600"
    ) == [("2026-10-01 10:01:00",)]


def test_forks_count_once_in_any_order_and_in_several_imports(desk: Desk) -> None:
    history = [meta(PARENT), context(), *turns(ONE, TWO)]
    parent = rollout(desk, PARENT, history)
    copies = [
        rollout(
            desk,
            thread,
            [
                meta(thread, at(5), forked_from_id=PARENT),
                *replayed(history, at(5)),
                *turns(THREE, minute=6, start=plus(ONE, TWO)),
            ],
        )
        for thread in (CHILD, OTHER)
    ]
    for path in (copies[1], parent, copies[0], copies[1]):
        desk.take(path)
    assert desk.ask(TOKENS) == [spent(ONE, TWO, THREE, THREE)]


def test_a_fork_of_a_fork_counts_what_it_inherits_once(desk: Desk) -> None:
    history = [meta(PARENT), context(), *turns(ONE)]
    rollout(desk, PARENT, history)
    middle = [
        meta(CHILD, at(3), forked_from_id=PARENT),
        *replayed(history, at(3)),
        *turns(TWO, minute=4, start=ONE),
    ]
    rollout(desk, CHILD, middle)
    latest = [
        meta(GRANDCHILD, at(6), forked_from_id=CHILD),
        *replayed(middle, at(6)),
        *turns(THREE, minute=7, start=plus(ONE, TWO)),
    ]
    rollout(desk, GRANDCHILD, latest)
    desk.take(desk.folder)
    assert desk.ask(TOKENS) == [spent(ONE, TWO, THREE)]


def test_a_fork_whose_parent_is_in_the_archive_of_another_day_knows_it(desk: Desk) -> None:
    history = [meta(PARENT), context(), *turns(ONE)]
    rollout(desk, PARENT, history, "archived_sessions/")
    child = [
        meta(CHILD, at(3), forked_from_id=PARENT),
        *replayed(history, at(3)),
        *turns(ONE, minute=4, start=ONE),
    ]
    path = rollout(desk, CHILD, child, "sessions/2026/10/02/")
    desk.take(path)
    desk.take(desk.folder / "archived_sessions")
    assert desk.ask(TOKENS) == [spent(ONE, ONE)]


def test_forks_of_a_lost_parent_repeat_nothing_of_it(desk: Desk) -> None:
    history = [meta(PARENT), context(), *turns(ONE, TWO)]
    for number, thread in enumerate((CHILD, OTHER)):
        own: Tokens = (4000, 0, 10 + number, 0)
        lines = [
            meta(thread, at(5), forked_from_id=PARENT),
            *replayed(history, at(5)),
            *turns(own, minute=6, start=plus(ONE, TWO)),
        ]
        rollout(desk, thread, lines)
    desk.take(desk.folder)
    assert desk.ask("SELECT sum(calls)::BIGINT FROM usage_record") == [(4,)]


def test_a_sub_agent_that_begins_with_the_total_of_its_parent_counts_its_own(desk: Desk) -> None:
    """steipete/CodexBar#3524: an inherited total without any copied line."""
    rollout(desk, PARENT, [meta(PARENT), context(), *turns(ONE, TWO)])
    source = {"subagent": {"thread_spawn": {"parent_thread_id": PARENT, "agent_role": "reviewer"}}}
    own = turns(THREE, minute=6, start=plus(ONE, TWO))
    rollout(desk, CHILD, [meta(CHILD, at(5), source=source), context(), *own])
    desk.take(desk.folder)
    assert desk.ask(TOKENS) == [spent(ONE, TWO, THREE)]
    agents = (
        "SELECT session_id, agent, subagent, parent_subagent, tags['role'] FROM usage_call "
        "WHERE subagent IS NOT NULL"
    )
    assert desk.ask(agents) == [(PARENT, "codex", CHILD, None, "reviewer")]


def test_a_sub_agent_of_a_sub_agent_names_what_started_it(desk: Desk) -> None:
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": CHILD}}}
    lines = [
        meta(OTHER, at(5), source=spawn, session_id=PARENT, git={"branch": "main"}),
        context(),
        *turns(ONE),
    ]
    desk.take(rollout(desk, OTHER, lines))
    place = "SELECT session_id, subagent, parent_subagent, branch FROM usage_call"
    assert desk.ask(place) == [(PARENT, OTHER, CHILD, "main")]


def test_equal_calls_of_two_sub_agents_count_each(desk: Desk) -> None:
    """farion1231/cc-switch#5184: calls of sub-agents share the session id of their parent."""
    rollout(desk, PARENT, [meta(PARENT), context(), *turns(ONE)])
    for thread in (CHILD, OTHER):
        own = turns(TWO, minute=6, start=ONE)
        lines = [meta(thread, at(5), parent_thread_id=PARENT, session_id=PARENT), context(), *own]
        rollout(desk, thread, lines)
    desk.take(desk.folder)
    assert desk.ask(TOKENS) == [spent(ONE, TWO, TWO)]


def record(when: str, response: str, total: Tokens | None, last: Tokens) -> dict[str, Any]:
    payload: dict[str, Any] = {"response_id": response, "thread_id": PARENT, "usage": usage(last)}
    if total is not None:
        payload["thread_token_usage"] = usage(total)
    return {"timestamp": when, "type": "token_usage_record", "payload": payload}


@pytest.mark.parametrize("has_total", [True, False])
def test_a_call_that_is_told_in_two_kinds_of_lines_counts_once(
    desk: Desk, *, has_total: bool
) -> None:
    lines: list[Any] = [meta(PARENT), context()]
    for number, one in enumerate(turns(ONE, TWO, TWO)):
        info = one["payload"]["info"]
        total = plus(*(ONE, TWO, TWO)[: number + 1])
        last = (ONE, TWO, TWO)[number]
        assert info["total_token_usage"]["input_tokens"] == total[0]
        lines += [record(at(number), f"resp_{number}", total if has_total else None, last), one]
    desk.take(rollout(desk, PARENT, lines))
    assert desk.ask(TOKENS) == [spent(ONE, TWO, TWO)]
    assert desk.ask("SELECT count(DISTINCT provider_request_id) FROM usage_call") == [(3,)]


def test_a_response_that_only_a_record_tells_of_counts(desk: Desk) -> None:
    """A remote compaction uses tokens and has no count of its own."""
    compaction = record(at(2), "resp_compact", plus(ONE, TWO), TWO)
    after = turns(THREE, minute=3, start=plus(ONE, TWO))
    desk.take(rollout(desk, PARENT, [meta(PARENT), context(), *turns(ONE), compaction, *after]))
    assert desk.ask(TOKENS) == [spent(ONE, TWO, THREE)]


def test_a_context_that_is_filled_up_is_no_call(desk: Desk) -> None:
    full = count(at(3), None, None)
    full["payload"]["info"] = {
        "total_token_usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 272_000},
        "last_token_usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 200_000},
    }
    lines = [meta(PARENT), context(), *turns(ONE), full, *turns(TWO, minute=4)]
    desk.take(rollout(desk, PARENT, lines))
    assert desk.ask(TOKENS) == [spent(ONE, TWO)]


def test_each_call_has_the_model_of_its_turn(desk: Desk) -> None:
    first, second = turns(ONE, TWO)
    lines = [meta(PARENT), context(), first, context(at(1, 30), "gpt-5-mini"), second]
    summary = desk.take(rollout(desk, PARENT, lines))
    assert desk.ask("SELECT requested_model FROM usage_call ORDER BY admitted_at") == [
        ("gpt-5-codex",),
        ("gpt-5-mini",),
    ]
    assert summary.unpriced_models == (("openai", "gpt-5-mini", 1),)


def test_a_call_without_a_model_is_unpriced_not_free(desk: Desk) -> None:
    summary = desk.take(rollout(desk, PARENT, [meta(PARENT), *turns(ONE)]))
    assert summary.unpriced_models == (("openai", "unknown", 1),)
    assert desk.ask("SELECT cost_nano_usd FROM usage_call") == [(None,)]


def test_a_log_that_grows_is_read_again_and_adds_only_its_new_calls(desk: Desk) -> None:
    path = rollout(desk, PARENT, [meta(PARENT), context(), *turns(ONE)])
    desk.take_new(path)
    with path.open("a") as log:
        log.write(json.dumps(turns(TWO, minute=4, start=ONE)[0]) + "\n" + '{"timestamp":"2026-')
    summary = desk.take_new(path)
    assert (summary.new, summary.duplicate, summary.bad_lines) == (1, 1, 1)
    assert "ends in the middle" in summary.bad[0].reason
    shutil.copy(path, desk.folder / "copy.jsonl")
    assert desk.take_new(desk.folder / "copy.jsonl").new == 0
    assert desk.ask(TOKENS) == [spent(ONE, TWO)]


def test_lines_that_cannot_be_used_are_told_by_number(desk: Desk) -> None:
    odd = count(at(2), (1, 0, 1, 0), (1, 0, 1, 0))
    odd["payload"]["info"]["last_token_usage"]["input_tokens"] = "many"
    more = count(at(3), (9, 10, 1, 0), (9, 10, 1, 0))
    lines = [meta(PARENT), context(), '{"type": "token_count" ', odd, more, *turns(ONE, minute=5)]
    summary = desk.take(rollout(desk, PARENT, lines))
    assert [(bad.line, bad.reason.split(":")[0]) for bad in summary.bad] == [
        (3, "ends in the middle of a JSON value (was the writer stopped, or is it still writing?)"),
        (4, "input_tokens is no whole number of at most 10 digits, >= 0"),
        (5, "its parts are more than the count of tokens that includes them"),
    ]
    assert desk.ask(TOKENS) == [spent(ONE)]


def test_a_fork_that_names_its_thread_as_a_session_is_known(desk: Desk) -> None:
    def named(thread: str, **more: Any) -> dict[str, Any]:
        found = meta(thread, at(5), **more)
        found["payload"]["session_id"] = found["payload"].pop("id")
        return found

    history = [context(), *turns(ONE, TWO)]
    rollout(desk, PARENT, [named(PARENT), *history])
    own = turns(THREE, minute=6, start=plus(ONE, TWO))
    rollout(desk, CHILD, [named(CHILD, forked_from_id=PARENT), *history, *own])
    desk.take(desk.folder)
    assert desk.ask(TOKENS) == [spent(ONE, TWO, THREE)]


def test_a_sub_agent_without_an_id_is_known_by_its_file(desk: Desk) -> None:
    rollout(desk, PARENT, [meta(PARENT)])
    source = {"subagent": {"thread_spawn": {"parent_thread_id": PARENT}}}
    for thread in (CHILD, OTHER):
        first = meta(thread, source=source, session_id=PARENT)
        del first["payload"]["id"]
        rollout(desk, thread, [first, context(), *turns(ONE)])
    desk.take(desk.folder)
    place = "SELECT session_id, subagent FROM usage_call ORDER BY ALL"
    assert desk.ask(place) == [(PARENT, CHILD), (PARENT, OTHER)]


def test_the_model_of_one_count_holds_for_it_alone(desk: Desk) -> None:
    first, second, third = turns(ONE, TWO, THREE)
    second["payload"]["info"]["model"] = "codex-auto-review"
    lines = [meta(PARENT, model="gpt-5-codex"), first, second, third]
    desk.take(rollout(desk, PARENT, lines))
    assert desk.ask("SELECT requested_model FROM usage_call ORDER BY admitted_at") == [
        ("gpt-5-codex",),
        ("codex-auto-review",),
        ("gpt-5-codex",),
    ]


@pytest.mark.parametrize(
    ("stated", "tier"),
    [("fast", "priority"), ("flex", "flex"), ("auto", None), (None, None)],
)
def test_the_tier_of_a_turn_is_that_of_its_calls(
    desk: Desk, stated: str | None, tier: str | None
) -> None:
    turn = context()
    turn["payload"]["service_tier"] = stated
    desk.take(rollout(desk, PARENT, [meta(PARENT), turn, *turns(ONE)]))
    assert desk.ask("SELECT service_tier, cost_nano_usd IS NULL FROM usage_call") == [
        (tier, tier is not None)
    ]


def test_the_repository_of_a_session_is_tagged_without_credentials(desk: Desk) -> None:
    git = {
        "branch": "feature/cart",
        "commit_hash": "0" * 40,
        "repository_url": "https://ada:ghs_secret@example.org/shop.git",
    }
    desk.take(rollout(desk, PARENT, [meta(PARENT, git=git), context(), *turns(ONE)]))
    tags = "tags['git.branch'], tags['git.commit'], tags['git.repository']"
    assert desk.ask(f"SELECT branch, {tags} FROM usage_call") == [  # noqa: S608 - constants
        ("feature/cart", "feature/cart", "0" * 40, "https://example.org/shop.git")
    ]


def test_the_output_of_a_run_is_refused_as_it_has_no_times(desk: Desk) -> None:
    used = {"input_tokens": 1200, "cached_input_tokens": 200, "output_tokens": 50}
    lines = [
        {"type": "thread.started", "thread_id": PARENT},
        {"type": "turn.started"},
        {"type": "turn.completed", "usage": used},
    ]
    summary = desk.take(desk.write("exec.jsonl", lines))
    assert (summary.files, summary.new) == ({"codex": 1}, 0)
    assert [(bad.line, "states no time" in bad.reason) for bad in summary.bad] == [(3, True)]


def test_counters_by_turns_count_their_own_growth(desk: Desk) -> None:
    """farion1231/cc-switch#5854: one counter was subtracted from another, 6.26 times too much."""
    far: Tokens = (900_000, 800_000, 9_000, 0)
    lines: list[Any] = [meta(PARENT), context()]
    for number in range(3):
        calls = [ONE] * (number + 1)
        lines.append(count(at(1, number), plus(*calls), ONE))
        lines.append(count(at(2, number), plus(far, *calls), ONE))
    desk.take(rollout(desk, PARENT, lines))
    assert desk.ask(TOKENS) == [spent(*[ONE] * 6)]


@pytest.mark.parametrize(
    ("stated", "seller"),
    [(None, "openai"), ("openai", "openai"), ("corvus", "openai"), ("azure_openai", "azure")],
)
def test_who_bills_is_what_the_session_says(desk: Desk, stated: str | None, seller: str) -> None:
    """``corvus code`` names the provider of a run after itself; the calls are of OpenAI."""
    lines = [meta(PARENT, model_provider=stated), context(), *turns(ONE)]
    desk.take(rollout(desk, PARENT, lines))
    assert desk.ask("SELECT provider FROM usage_call") == [(seller,)]
