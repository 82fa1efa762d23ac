"""``corvus status``: what is in force, whether store and ledger work, what is under way (CLI-6)."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.exits import Exit
from corvus.ledger.lock import ledger_lock
from corvus.ledger.migrate import shipped_migrations
from corvus.store import sqlite_place, statements
from corvus.store.sqlite_files import taken_lock
from tests.cli.places import CONFIG, Place
from tests.fakes import FrozenClock

NEWEST = len(statements.MIGRATIONS)


def told(place: Place, capsys: pytest.CaptureFixture[str], code: Exit = Exit.CLEAN) -> Any:
    capsys.readouterr()
    assert place.run("status", "--format", "json") == code
    return json.loads(capsys.readouterr().out)


def test_before_the_first_call_all_is_well_and_nothing_is_made(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(os.listdir(place.config.parent))
    seen = told(place, capsys)
    assert (seen["healthy"], seen["store"]["state"], seen["ledger"]["state"]) == (
        True, "missing", "missing"
    )  # fmt: skip
    assert (seen["store"]["writable"], seen["ledger"]["writable"]) == (True, True)
    assert sorted(os.listdir(place.config.parent)) == before


def test_it_tells_what_is_under_way(
    place: Place, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    place.hold(50)
    clock.move(timedelta(hours=6))
    place.run("cost", "override", "--session", "b", "--reason", "later")
    place.hold(75, "b")
    clock.move(timedelta(minutes=5))
    with place.governor() as governor:
        governor.close_session("a")
    capsys.readouterr()
    seen = told(place, capsys)
    # The first hold of noon has expired; its call is presumed to have cost what it held.
    assert seen["reservations"] == {
        "open": 1, "held_usd": "0.7500", "oldest_at": "2026-11-18T18:00:00+00:00", "overdue": 0
    }  # fmt: skip
    assert seen["open_sessions"] == 1
    (override,) = seen["overrides"]
    assert (override["session_id"], override["reason"]) == ("b", "later")
    assert override["expires_at"] == "2026-11-18T19:00:00+00:00"
    position, digest = place.runtime.audit_head()
    assert seen["audit"] == {"position": position, "hash": digest}
    assert position == 2  # the expiry and the grant


def test_an_overdue_hold_and_an_expired_override_are_told_apart(
    place: Place, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking changes nothing: the next call settles them."""
    place.hold(50)
    place.run("cost", "override")
    clock.move(timedelta(hours=6))
    seen = told(place, capsys)
    assert (seen["reservations"]["open"], seen["reservations"]["overdue"]) == (1, 1)
    assert seen["overrides"] == []


def test_events_that_were_not_handed_over_are_counted(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(10, times=3)
    before = told(place, capsys)["store"]["undrained_events"]
    place.run("ledger", "drain")
    seen = told(place, capsys)
    # each call: a price entry is told once at most, a hold, a settlement and its record
    assert before >= 9
    assert seen["store"]["undrained_events"] == 0
    assert (seen["ledger"]["state"], seen["ledger"]["version"]) == ("ok", len(shipped_migrations()))


def test_settings_that_differ_come_with_their_origin_and_no_secret(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORVUS_COST__DAILY_LIMIT_USD", "9")
    place.config.write_text(
        CONFIG + '[governance.observability]\notlp_endpoint = "https://u:hunter2@otel/x"\n'
    )
    for style in ("json", "kv", "text"):
        assert place.run("status", "--format", style) == Exit.CLEAN
        shown = capsys.readouterr().out
        assert "hunter2" not in shown
        assert "env CORVUS_COST__DAILY_LIMIT_USD" in shown
    settings = told(place, capsys)["settings"]
    assert settings["cost.daily_limit_usd"]["value"] == 9
    assert settings["cost.session_limit_usd"]["origin"] == f"{place.config}:4:1"
    assert "autonomy.level" not in settings


def test_deprecated_keys_are_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.config.write_text("[autonomy]\nmax_cost_per_day_cents = 100\n")
    assert told(place, capsys)["deprecated_fields"] == ["autonomy.max_cost_per_day_cents"]
    place.run("status", "--format", "text")
    assert "autonomy.max_cost_per_day_cents: `corvus migrate`" in capsys.readouterr().out


def ruin_store(place: Place) -> None:
    place.store.write_bytes(b"no database at all" * 100)


def newer_store(place: Place) -> None:
    with sqlite3.connect(place.store) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def strange_store(place: Place) -> None:
    place.store.unlink()
    with sqlite3.connect(place.store) as connection:
        connection.execute("CREATE TABLE cookies (x)")
    connection.close()


def folder_for_a_store(place: Place) -> None:
    place.store.unlink()
    place.store.mkdir()


def dangling_store(place: Place) -> None:
    place.store.unlink()
    place.store.symlink_to("nowhere")


def rowless_store(place: Place) -> None:
    with sqlite3.connect(place.store) as connection:
        connection.execute("DELETE FROM store_state")
    connection.close()


@pytest.mark.parametrize(
    ("ruin", "words"),
    [
        (ruin_store, "is no store, or is damaged"),
        (newer_store, f"has version 99, this corvus knows up to {NEWEST}; upgrade corvus"),
        (strange_store, "is a SQLite database, but no store"),
        (folder_for_a_store, "is no file"),
        (dangling_store, "is no file"),
        (rowless_store, "has lost its own row"),
    ],
)
def test_a_store_that_cannot_be_used_is_told_and_the_ledger_all_the_same(
    ruin: Callable[[Place], None],
    words: str,
    place: Place,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place.spend(10)
    place.run("ledger", "drain")
    ruin(place)
    seen = told(place, capsys, Exit.LEDGER_UNAVAILABLE)
    assert (seen["healthy"], seen["store"]["state"]) == (False, "unusable")
    assert words in seen["store"]["problem"]
    assert (seen["ledger"]["state"], seen["ledger"]["version"]) == ("ok", len(shipped_migrations()))
    assert seen["settings"]["cost.enabled"]["value"] is True
    for style in ("kv", "text"):
        assert place.run("status", "--format", style) == Exit.LEDGER_UNAVAILABLE
        assert capsys.readouterr().err == ""


def ruin_ledger(place: Place) -> None:
    place.ledger.write_bytes(b"no database at all" * 1000)


def lose_ledger(place: Place) -> None:
    place.ledger.unlink()


def folder_for_a_ledger(place: Place) -> None:
    place.ledger.unlink()
    place.ledger.mkdir()


@pytest.mark.parametrize(
    ("ruin", "words"),
    [
        (ruin_ledger, ""),
        (lose_ledger, "has lost events 1 to"),
        (folder_for_a_ledger, "is a folder, no ledger"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_told_and_the_store_all_the_same(
    ruin: Callable[[Place], None],
    words: str,
    place: Place,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place.spend(10)
    place.run("ledger", "drain")
    place.hold(25)
    ruin(place)
    seen = told(place, capsys, Exit.LEDGER_UNAVAILABLE)
    assert (seen["store"]["state"], seen["ledger"]["state"]) == ("ok", "unusable")
    assert words in seen["ledger"]["problem"]
    assert seen["reservations"]["held_usd"] == "0.2500"


def test_a_ledger_that_another_process_writes_is_busy_and_nothing_is_wrong(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(10)
    place.run("ledger", "drain")
    program = (
        "import sys; from pathlib import Path; from corvus.ledger.lock import ledger_lock\n"
        f"with ledger_lock(Path({str(place.ledger)!r}), write=True, timeout_seconds=5):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=place.environment(),
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "held\n"
        seen = told(place, capsys)
        writer.communicate("")
    assert (seen["healthy"], seen["ledger"]["state"]) == (True, "busy")
    with ledger_lock(place.ledger, write=True, timeout_seconds=5):
        pass


@pytest.mark.usefixtures("unprivileged")
def test_a_store_that_may_only_be_read_admits_nothing_and_is_told(
    tmp_path: Path, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path / "", clock)
    place.hold(25)
    place.store.chmod(0o444)
    seen = told(place, capsys, Exit.LEDGER_UNAVAILABLE)
    assert "no permission to write" in seen["store"]["problem"]
    assert seen["reservations"]["held_usd"] == "0.2500"
    place.store.unlink()
    tmp_path.chmod(0o555)
    seen = told(place, capsys, Exit.LEDGER_UNAVAILABLE)
    tmp_path.chmod(0o755)
    assert "cannot be made; name another ledger" in seen["store"]["problem"]


def test_a_store_that_somebody_holds_is_not_called_healthy(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped in a transaction keeps every call out, though all can read."""
    monkeypatch.setattr(sqlite_place, "_PATIENCE_SECONDS", 0.1)
    place.hold(25)
    holder = sqlite3.connect(place.store, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    seen = told(place, capsys, Exit.LEDGER_UNAVAILABLE)
    assert (seen["healthy"], seen["store"]["state"]) == (False, "unusable")
    assert "another program holds the store" in seen["store"]["problem"]
    assert seen["reservations"]["open"] == 1, "what can be read is told"
    holder.execute("ROLLBACK")
    assert told(place, capsys)["healthy"]
    with closing(taken_lock(place.store, 1)):
        seen = told(place, capsys, Exit.LEDGER_UNAVAILABLE)
        assert "look for one that was stopped" in seen["store"]["problem"]
    holder.close()


def test_a_full_disk_is_not_called_healthy(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.hold(25)
    disk = [4096, 4096, 1000, 0, 0, 9, 9, 9, 0, 255]

    def statvfs(_: object) -> os.statvfs_result:
        return os.statvfs_result(disk)

    monkeypatch.setattr(os, "statvfs", statvfs)
    seen = told(place, capsys, Exit.LEDGER_UNAVAILABLE)
    assert "is full, so no call can be admitted" in seen["store"]["problem"]
    disk[3] = disk[4] = 1000
    assert told(place, capsys)["healthy"]


def test_looking_changes_no_file(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.hold(25)
    place.run("ledger", "drain")
    files = [path for path in place.config.parent.iterdir() if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    for style in ("text", "kv", "json"):
        assert place.run("status", "--format", style) == Exit.CLEAN
    capsys.readouterr()
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files} == before
    more = {path.name for path in place.config.parent.iterdir() if path.is_file()}
    more -= {path.name for path in files}
    assert more <= {"l.duckdb.store-shm", "l.duckdb.store-wal"}  # SQLite's own


def test_a_page_fits_a_narrow_terminal_and_escapes_strangers(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    hostile = "\x1b[31m[bold]\nhealthy=true"
    place.make_store()
    place.run("cost", "override", "--session", hostile)
    capsys.readouterr()
    assert place.run("status", "--format", "text") == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[1:])) <= 44
    shown = "".join(lines)
    assert "\x1b" not in shown
    assert "[bold]" in shown.replace(" ", "")
    assert place.run("status", "--format", "kv") == Exit.CLEAN
    kv = capsys.readouterr().out
    assert "\x1b" not in kv
    assert kv.splitlines().count("healthy=true") == 1


def test_a_broken_config_is_a_usage_error(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.config.write_text("[cost]\nenabld = true\n")
    assert place.run("status") == Exit.USAGE
    assert "unknown-key" in capsys.readouterr().err


def test_a_budget_that_refuses_is_told_with_what_was_needed(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not place.hold(5000)
    told_of = {one["budget"]: one for one in told(place, capsys)["blocking"]}
    day = told_of["day"]
    assert (day["refusals"], day["session_id"], day["last_refusal"]["needed_usd"]) == (1, None, 50)
    assert told_of["session"]["session_id"] == "a"
    assert place.run("status", "--format", "kv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("blocking=day ") and "needed_usd=50.0000" in line for line in lines)
    assert place.hold(1)
    assert told(place, capsys)["blocking"] == []
