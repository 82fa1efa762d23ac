"""``corvus store``: a store is made, examined, and moved with all that is under way in it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from corvus import Usage
from corvus.base.money import NanoUSD
from corvus.base.resources import shipped
from corvus.cli.exits import Exit
from corvus.model.request import Request
from tests.cli.places import CENT, Place


def answer(place: Place, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Return what a command of ``corvus store`` says, as its schema has it."""
    capsys.readouterr()
    assert place.run("store", *words, "--format", "json") == Exit.CLEAN
    body = json.loads(capsys.readouterr().out)
    if words[0] in ("status", "move"):
        schema = shipped("schemas").joinpath(f"store-{words[0]}.schema.json").read_text()
        jsonschema.validate(body, json.loads(schema))
    return body


def test_before_the_first_call_there_is_no_store_and_a_look_makes_none(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = answer(place, capsys, "status")
    assert (seen["state"], seen["open_holds"], seen["server"]) == ("missing", 0, None)
    assert not place.store.exists()


def test_a_store_is_made_once_and_then_is_up_to_date(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    made = answer(place, capsys, "init")
    assert (made["version_before"], made["version"] > 0) == (0, True)
    again = answer(place, capsys, "init")
    assert again["version_before"] == again["version"] == made["version"]
    assert answer(place, capsys, "migrate", "--dry-run")["version"] == made["version"]
    assert answer(place, capsys, "status")["state"] == "ok"


def test_what_is_not_there_is_not_migrated(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("store", "migrate") == Exit.LEDGER_UNAVAILABLE
    assert "corvus store init" in capsys.readouterr().err
    assert not place.store.exists()


def test_a_file_needs_no_sql(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.run("store", "init", "--sql") == Exit.USAGE
    assert "needs no SQL" in capsys.readouterr().err


def test_status_counts_what_is_under_way(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.hold(50)
    seen = answer(place, capsys, "status")
    assert (seen["open_holds"], seen["held_nano_usd"]) == (1, str(50 * CENT))
    assert seen["warnings"] == []
    capsys.readouterr()
    assert place.run("store", "status", "--format", "text") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "1 call, $0.50" in shown
    assert "that the ledger may not have" in shown


def test_status_says_what_calls_have_left_next_to_the_store(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(10)
    unsettled = place.store.with_name(f"{place.store.name}.unsettled.jsonl")
    unsettled.touch()
    rejected = unsettled.with_name(f"{unsettled.stem}.rejected.jsonl")
    rejected.touch()
    warnings = answer(place, capsys, "status")["warnings"]
    assert [one["code"] for one in warnings] == ["settlements-wait", "settlements-rejected"]
    assert str(unsettled) in warnings[0]["message"]
    assert str(rejected) in warnings[1]["message"]
    assert unsettled.exists(), "a look takes nothing in"
    capsys.readouterr()
    place.store.write_bytes(b"no store")
    assert place.run("store", "status", "--format", "text") == Exit.LEDGER_UNAVAILABLE
    assert "count nowhere" in " ".join(capsys.readouterr().out.split())


def test_a_hold_is_settled_where_its_store_went(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(75)
    with place.governor() as governor:
        reservation = governor.reserve(Request("m", NanoUSD(50 * CENT), "a", rungs=())).reservation
    assert reservation is not None
    place.run("ledger", "drain")
    place.spend(10)  # whose events no ledger has yet
    other = place.ledger.with_name("other.duckdb")
    done = answer(place, capsys, "move", str(other))
    assert (done["open_holds"], done["resumed"]) == (1, False)
    assert done["undrained_events"] > 0

    capsys.readouterr()
    assert place.run("cost", "summary") == Exit.LEDGER_UNAVAILABLE
    assert "was moved to" in (said := capsys.readouterr().err)
    assert f"/other.duckdb.store of the host {socket.gethostname()}" in said, "as others know it"
    assert place.run("store", "status") == Exit.LEDGER_UNAVAILABLE
    capsys.readouterr()

    place.ledger.rename(other)
    place.ledger, place.where[-1] = other, str(other)
    with place.governor() as governor:
        governor.commit(reservation, Usage(1, 1), cost_nano_usd=NanoUSD(25 * CENT))
    assert place.spent("day") == 110
    assert place.run("ledger", "verify") == Exit.CLEAN


def test_a_store_that_is_open_is_not_moved_and_goes_on(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    target = place.ledger.with_name("other.duckdb")
    with place.governor() as governor:
        assert place.run("store", "move", str(target)) == Exit.LEDGER_UNAVAILABLE
        assert "end every agent" in capsys.readouterr().err
        assert governor.reserve(Request("m", NanoUSD(CENT), "a", rungs=())).allowed
    answer(place, capsys, "move", str(target))


def test_a_move_says_what_to_set_and_may_be_said_again(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(10)
    target = str(place.ledger.with_name("other.duckdb"))
    assert place.run("store", "move", target, "--format", "text") == Exit.CLEAN
    assert "is refused from now on" in capsys.readouterr().out
    assert answer(place, capsys, "move", target)["resumed"]
    back = answer(place, capsys, "move", str(place.ledger), "--from", target)
    assert back["rows"]
    assert place.spent("day") == 10


def test_nothing_is_moved_where_nothing_is(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("store", "move", "other.duckdb") == Exit.USAGE
    assert "nothing to move" in capsys.readouterr().err


@pytest.mark.parametrize(
    "mistyped",
    ["postgresql:/ana@h/d", "postgresql:ana@h/d", "db.example:5432/d", "host=h dbname=d", ""],
)
@pytest.mark.parametrize("words", [["init"], ["status"], ["move"]], ids=" ".join)
def test_a_mistyped_url_is_not_the_name_of_a_file(
    words: list[str],
    mistyped: str,
    place: Place,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place.spend(10)
    before = {*tmp_path.rglob("*")}
    assert place.run("store", *words, mistyped) == Exit.USAGE
    assert "neither a URL, postgresql://HOST/DATABASE, nor" in capsys.readouterr().err
    assert {*tmp_path.rglob("*")} == before
    assert place.spent("day") == 10


@pytest.mark.parametrize("name", ["./a:b.duckdb", "other.duckdb", "sub/x=y.duckdb"])
def test_a_file_may_have_any_name(
    name: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert place.run("store", "init", name) == Exit.CLEAN
    assert (tmp_path / f"{name}.store").exists()


@pytest.mark.parametrize(
    "words", [["status"], ["cost", "budgets"], ["store", "init"]], ids=" ".join
)
def test_a_url_is_not_the_path_of_a_ledger(
    words: list[str], place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """STO-1: each host would have a store of its own, and nobody would see it."""
    place.where[-1] = "postgresql://corvus@db.example/corvus"
    before = {*tmp_path.rglob("*")}
    assert place.run(*words) == Exit.LEDGER_UNAVAILABLE
    assert "named in governance.ledger.url" in capsys.readouterr().err
    assert {*tmp_path.rglob("*")} == before
