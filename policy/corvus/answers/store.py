"""How a store is, and what a move has done, for programs (CLI-6, STO-5)."""

from __future__ import annotations

from corvus.answers.amounts import amount_exact
from corvus.answers.shape import (
    Schema,
    Shape,
    count,
    document,
    flag,
    instant,
    listing,
    member,
    money,
    optional_instant,
    optional_nested,
    optional_text,
    text,
    word,
)
from corvus.model.budget import Measure
from corvus.store.moving import MoveSummary
from corvus.store.operations.lease_standing import LeaseStanding, LeaseState, SliceStanding
from corvus.store.operations.overview import StoreOverview, StoreWarning
from corvus.store.operations.server import HostSeen, ServerStanding
from corvus.store.replicas import ReplicaStanding

_SECONDS: Schema = {"type": "number"}

HOST = Shape[HostSeen](
    text("host", "Its name."),
    text("policy_hash", "Of the policy by which it decides; empty where it has none."),
    count("processes", "Of the host that have written by that policy."),
    instant("seen_at", "When it last wrote, by the clock of the store."),
)
SERVER = Shape[ServerStanding](
    text("engine", "Name and version."),
    text("tls", "Version of TLS on the way to it; empty without."),
    flag("local", "Whether it is on this host.", "is_local"),
    flag("pooled", "Whether a pooler stands between.", "is_pooled"),
    text("synchronous_standbys", "Those that a commit waits for; empty is none.", "standbys"),
    instant("clock_at", "What its clock said just now."),
    member(
        "ahead_seconds",
        {**_SECONDS, "description": "How far its clock is ahead of this host's."},
    ),
    member("round_trip_seconds", {**_SECONDS, "description": "How long one question took."}),
    listing("hosts", HOST, "Those seen within the last minute, the latest first."),
)
SLICE = Shape[SliceStanding](
    text("budget", "Its name."),
    optional_text("part", "Of a budget with `per`; else null.", lambda one: one.part or None),
    word("measure", Measure, "What it counts."),
    text(
        "held",
        "What the host has and has not reported. Exact, in the unit of `measure`.",
        lambda one: amount_exact(one.held, one.measure),
    ),
)
LEASE = Shape[LeaseStanding](
    text("host", "Its name."),
    text("id", "Of its own store."),
    word("state", LeaseState, "Whether it renews them, is silent, presumed dead, or has left."),
    instant("seen_at", "When it was heard of last, by the clock of the store."),
    instant("until", "Until when it may use its slices."),
    listing("slices", SLICE, "What counts as held for it."),
)
REPLICA = Shape[ReplicaStanding](
    text("id", "Which; its file has it."),
    text("host", "Host and path of the file."),
    count("watermark", "It has the events up to this number."),
    count("behind", "How many events it lacks."),
    instant("seen_at", "When it last said so."),
    flag("live", "Whether the store keeps what it lacks.", "is_live"),
    flag("readable", "Whether the store still has all that it lacks.", "is_readable"),
)
WARNING = Shape[StoreWarning](
    text("code", "Stable name."), text("message", "What is the matter, and what to do.", "words")
)


def _state(seen: StoreOverview) -> str:
    if not seen.is_usable:
        return "unusable"
    return "ok" if seen.health.exists else "missing"


SHARED = Shape[StoreOverview](
    optional_nested("server", SERVER),
    listing("leases", LEASE, "The hosts that have slices of its budgets, and those that had."),
    listing("replicas", REPLICA, "The ledgers that are fed from it, where hosts share it."),
    listing("warnings", WARNING, "What is not wrong yet, but will hurt."),
)
STORE_STATUS = Shape[StoreOverview](
    text("store", "The file, or host, port and database.", "name"),
    member("state", {"enum": ["ok", "missing", "unusable"]}, _state),
    optional_text("problem", "Why it cannot be used.", "health.problem"),
    optional_text("store_id", "Which store it is, wherever it is.", "health.store_id"),
    count("version", "How many migrations it has seen.", "health.version"),
    count("size_bytes", "What it takes on disk.", "health.size_bytes"),
    count("open_holds", "Calls that are held.", "health.holds.count"),
    money("held", "What they hold together.", "health.holds.held_nano_usd"),
    optional_instant("oldest_hold_at", "Since when.", "health.holds.oldest_at"),
    count("overdue_holds", "Those past their deadline.", "health.holds.overdue"),
    count("undrained_events", "Events that a ledger may not have.", "health.undrained_events"),
    *SHARED.members,
    title="How a store is, and who uses it",
)
MOVED = Shape[MoveSummary](
    text("store_id", "Which store it is, the same in both places."),
    text("source", "The place that it left."),
    text("target", "The place where it goes on."),
    member(
        "rows",
        {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0},
            "description": "How many were moved, by table.",
        },
    ),
    count("open_holds", "Calls that are held."),
    count("undrained_events", "Events that a ledger may not have."),
    flag("resumed", "Whether only the end of an earlier move was missing.", "is_resumed"),
    title="What a move of a store has done",
)


RECLAIMED = Shape[LeaseStanding](
    text("host", "Its name."),
    text("id", "Of its own store."),
    word("state", LeaseState, "What it was before; only of a silent one something is presumed."),
    instant("seen_at", "When it was heard of last, by the clock of the store."),
    listing("slices", SLICE, "What is presumed to be spent, and stays held."),
    title="What a host had that was reclaimed",
)


def ledger_reclaim_document() -> Schema:
    """Return the schema of ``corvus ledger reclaim --format json``."""
    return document("ledger-reclaim", RECLAIMED.schema)


def store_status_document() -> Schema:
    """Return the schema of ``corvus store status --format json``."""
    return document("store-status", STORE_STATUS.schema)


def store_move_document() -> Schema:
    """Return the schema of ``corvus store move --format json``."""
    return document("store-move", MOVED.schema)
