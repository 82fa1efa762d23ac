"""``corvus prove``: what somebody would do who cheats, and somebody who is unlucky (PLN-4)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from corvus.answers.proof import proof_document
from corvus.base.errors import ProofRefused
from corvus.base.money import NanoUSD
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.request import Request
from corvus.proofs.judging import unexplained
from corvus.proofs.keys import canonical, new_key, public_key_of, signed
from corvus.proofs.statement import make_statement
from tests.cli.places import CENT, Place
from tests.fakes import FrozenClock

pytest.importorskip("cryptography", reason="the extra prove is not installed")


def period(place: Place) -> dict[str, Any]:
    """Return the statement about October."""
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    statement: Any = make_statement(place.runtime, "2026-10", start, end)
    return statement


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "team.key"
    new_key(path)
    return path


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(document))
    return path


def verify(path: Path, *words: str) -> int:
    return main(["prove", "--verify", str(path), *words])


def overrun(place: Place, held: int, cost: int) -> None:
    """Make a call that costs more cents than were held for it."""
    with place.governor() as governor:
        decision = governor.reserve(Request("m", NanoUSD(held * CENT), "s"))
        assert decision.reservation is not None
        governor.commit(decision.reservation, cost_nano_usd=NanoUSD(cost * CENT))


@pytest.fixture
def proved(tmp_path: Path, key: Path) -> tuple[dict[str, Any], Path, Place]:
    """A signed October in which one call passed the daily limit by what it really cost."""
    clock = FrozenClock(datetime(2026, 10, 31, 22, tzinfo=UTC))
    place = Place(tmp_path, clock)
    place.spend(150)
    overrun(place, 50, 300)  # 1.50 + 3.00 of 4.00 USD
    clock.move(timedelta(hours=3))
    document: Any = signed(period(place), key)
    return document, written(tmp_path, document), place


def test_a_month_holds_but_for_the_overrun_that_is_named(
    proved: tuple[dict[str, Any], Path, Place], key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document, path, _ = proved
    statement = document["statement"]
    (day,) = (one for one in statement["windows"] if one["budget"] == "day" and one["calls"])
    assert (day["used"], day["limit"]) == (450 * CENT, 400 * CENT)
    assert [(one["kind"], one["usd"]) for one in statement["exceptions"]] == [
        ("overrun", 250 * CENT)
    ]
    assert statement["holds"] is True
    assert statement["records"]["count"] == 2
    validator: Any = Draft202012Validator(proof_document())
    validator.validate(document)
    assert verify(path, "--public-key", f"{key}.pub", "--period", "2026-10") == Exit.CLEAN
    said = capsys.readouterr().out
    assert "good" in said
    assert "does not prove" in said


def test_each_window_is_in_it_however_many_there_are(tmp_path: Path) -> None:
    """A report shows the latest 366 of a budget; what was over its limit before them counts too."""
    clock = FrozenClock(datetime(2026, 10, 31, 16, tzinfo=UTC))
    place = Place(tmp_path, clock)
    place.config.write_text(
        "[cost]\nenabled = true\n[[cost.budgets]]\n"
        'name = "minutes"\nwindow = "1m"\nlimit_usd = 0.02\n'
    )
    with place.governor() as governor:
        for number in range(400):
            decision = governor.reserve(Request("m", NanoUSD(CENT), "s"))
            assert decision.reservation is not None
            cost = 3 * CENT if number == 1 else CENT
            governor.commit(decision.reservation, cost_nano_usd=NanoUSD(cost))
            clock.move(timedelta(minutes=1))
    clock.move(timedelta(hours=3))
    windows = [one for one in period(place)["windows"] if one["budget"] == "minutes"]
    assert len(windows) == 400
    assert [one["used"] for one in windows if one["used"] > one["limit"]] == [3 * CENT]


def test_the_key_is_not_replaced_by_the_statement(
    proved: tuple[dict[str, Any], Path, Place], key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, place = proved
    before = key.read_bytes()
    words = ["--period", "2026-10", "--key", str(key), "--out", str(key)]
    assert place.run("prove", *words) == Exit.USAGE
    assert "is the key" in capsys.readouterr().err
    assert key.read_bytes() == before


MALFORMED: dict[str, Callable[[dict[str, Any]], object]] = {
    "no records": lambda s: s.pop("records"),
    "records that are none": lambda s: s.update(records=None),
    "no list of what it does not prove": lambda s: s.update(does_not_prove=5),
    "windows without names": lambda s: s.update(windows=[{}]),
    "exceptions that are numbers": lambda s: s.update(exceptions=[1]),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_what_lacks_something_is_refused_in_words(
    proved: tuple[dict[str, Any], Path, Place],
    key: Path,
    fault: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    document, _, _ = proved
    MALFORMED[fault](document["statement"])
    path = written(tmp_path, signed(document["statement"], key))
    assert verify(path, "--public-key", f"{key}.pub") == Exit.USAGE
    assert "lacks what a statement has" in capsys.readouterr().err


CHEATS: dict[str, Callable[[dict[str, Any]], object]] = {
    "edits a record": lambda s: s["windows"][0].update(used=1),
    "drops an overrun": lambda s: s["exceptions"].clear(),
    "changes the period": lambda s: s["period"].update(name="2026-12"),
    "says less of it": lambda s: s["does_not_prove"].clear(),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_whoever_changes_it_breaks_the_signature(
    proved: tuple[dict[str, Any], Path, Place],
    key: Path,
    cheat: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    document, _, _ = proved
    CHEATS[cheat](document["statement"])
    assert verify(written(tmp_path, document), "--public-key", f"{key}.pub") == Exit.FINDINGS
    assert "it was changed since" in capsys.readouterr().out


def test_whoever_drops_an_overrun_and_signs_again_does_not_add_up(
    proved: tuple[dict[str, Any], Path, Place],
    key: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    document, _, _ = proved
    statement = document["statement"]
    statement["exceptions"].clear()
    path = written(tmp_path, signed(statement, key))
    assert verify(path, "--public-key", f"{key}.pub") == Exit.FINDINGS
    said = capsys.readouterr().out
    assert "over its limit" in said
    assert "it was changed since" not in said


def test_another_key_another_period_and_no_key_are_not_believed(
    proved: tuple[dict[str, Any], Path, Place],
    key: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    document, path, _ = proved
    other = tmp_path / "other.key"
    new_key(other)
    assert verify(path, "--public-key", f"{other}.pub") == Exit.FINDINGS
    assert "and not by" in capsys.readouterr().out
    forged = written(tmp_path, signed(document["statement"], other))
    assert verify(forged, "--public-key", f"{key}.pub") == Exit.FINDINGS
    capsys.readouterr()
    path = written(tmp_path, document)
    assert verify(path, "--public-key", f"{key}.pub", "--period", "2026-11") == Exit.FINDINGS
    assert "it is about another period: 2026-10" in capsys.readouterr().out
    assert verify(path) == Exit.FINDINGS
    assert "--public-key" in capsys.readouterr().out


def test_an_edited_ledger_is_not_signed(proved: tuple[dict[str, Any], Path, Place]) -> None:
    import duckdb

    _, _, place = proved
    place.runtime.bookkeeping.drain()
    with duckdb.connect(str(place.ledger)) as connection:
        connection.execute("UPDATE usage_record SET cost_nano_usd = 1")
    with pytest.raises(ProofRefused, match="contradict"):
        period(place)


def test_a_period_that_is_not_over_or_has_calls_under_way_is_not_signed(tmp_path: Path) -> None:
    clock = FrozenClock(datetime(2026, 10, 31, 23, 59, 50, tzinfo=UTC))
    place = Place(tmp_path, clock)
    with place.governor() as governor:
        governor.reserve(Request("m", NanoUSD(CENT), "s", ttl_seconds=900))
    with pytest.raises(ProofRefused, match="is not over"):
        period(place)
    clock.move(timedelta(minutes=1))
    with pytest.raises(ProofRefused, match="still under way"):
        period(place)


def test_a_day_is_proved_and_checked_on_the_command_line(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, out = Place(tmp_path), tmp_path / "day.json"
    place.spend(1)
    words = ("--period", "yesterday", "--key", str(key), "--out", str(out))
    assert place.run("prove", *words) == Exit.CLEAN
    assert "budgets held" in capsys.readouterr().out
    pinned = ("--public-key", f"{key}.pub")
    assert verify(out, *pinned, "--period", "yesterday") == Exit.CLEAN
    assert verify(out, *pinned, "--period", "today") == Exit.FINDINGS
    assert main(["prove", "--verify", str(out), "--key", str(key)]) == Exit.USAGE
    assert main(["prove", "--period", "yesterday"]) == Exit.USAGE


def test_what_was_not_drained_is_in_it(proved: tuple[dict[str, Any], Path, Place]) -> None:
    document, _, place = proved
    before = document["statement"]["records"]
    place.runtime.bookkeeping.drain()
    assert period(place)["records"] == before


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_key_is_its_owners_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "k"
    assert main(["prove", "--new-key", str(path)]) == Exit.CLEAN
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_key_of(f"{path}.pub") in capsys.readouterr().out
    assert main(["prove", "--new-key", str(path)]) == Exit.USAGE
    assert "is there already" in capsys.readouterr().err
    path.unlink()
    assert main(["prove", "--new-key", str(path)]) == Exit.USAGE
    assert not path.exists()
    new_key(tmp_path / "other")
    path = tmp_path / "other"
    path.chmod(0o644)
    with pytest.raises(ProofRefused, match="chmod 600"):
        signed({"schema": "x"}, path)


def test_the_bytes_that_are_signed_do_not_depend_on_spelling() -> None:
    assert canonical({"b": [1, None], "a": "é"}) == b'{"a":"\\u00e9","b":[1,null]}'
    with pytest.raises(ValueError, match="canonical"):
        canonical({"a": [{"b": 0.5}]})


def test_a_window_that_is_over_by_more_than_is_named_is_not_explained() -> None:
    window = {
        "budget": "day",
        "part": None,
        "starts_at": "2026-10-01T00:00:00.000000+00:00",
        "ends_at": "2026-10-02T00:00:00.000000+00:00",
        "measure": "usd",
        "limit": 10,
        "used": 15,
        "resets": 0,
    }
    call = {"first_at": "2026-10-01T05", "last_at": "2026-10-01T05", "usd": 5}
    other_day = {"first_at": "2026-10-02T05", "last_at": "2026-10-02T05", "usd": 5}
    assert unexplained({"windows": [window], "exceptions": [call]}) == []
    assert unexplained({"windows": [window | {"used": 16}], "exceptions": [call]})
    assert unexplained({"windows": [window], "exceptions": [other_day]})
    assert unexplained({"windows": [window | {"resets": 1}], "exceptions": []}) == []
