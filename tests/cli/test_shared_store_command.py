"""``corvus store`` over a real server: made, moved into, looked at from another host, and away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from corvus import Usage
from corvus.base.errors import StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.base.resources import shipped
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.request import Request
from tests.cli.places import CENT, Place
from tests.postgres import PostgresServer, drop_schema, free_port, url_of


def answer(capsys: pytest.CaptureFixture[str], place: Place, *words: str) -> Any:
    capsys.readouterr()
    assert place.run("store", *words, "--format", "json") == Exit.CLEAN
    body = json.loads(capsys.readouterr().out)
    if words[0] in ("status", "move"):
        schema = shipped("schemas").joinpath(f"store-{words[0]}.schema.json").read_text()
        jsonschema.validate(body, json.loads(schema))
    return body


def test_a_schema_is_made_once_and_status_says_what_its_server_is(
    real_place: Place, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, real_place, "init", postgres_url)["version_before"] == 0
    again = answer(capsys, real_place, "init", postgres_url)
    assert again["version_before"] == again["version"]
    seen = answer(capsys, real_place, "status", postgres_url)
    assert (seen["state"], seen["server"]["local"]) == ("ok", True)
    assert seen["server"]["engine"].startswith("PostgreSQL ")
    assert abs(seen["server"]["ahead_seconds"]) < 60
    assert [warning["code"] for warning in seen["warnings"]] == ["no-synchronous-standby"]
    assert real_place.run("store", "status", postgres_url, "--format", "text") == Exit.CLEAN
    assert "none is waited for" in capsys.readouterr().out


def test_a_mistyped_schema_is_no_store_of_its_own(
    tmp_path: Path,
    postgres_server: PostgresServer,
    postgres_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every limit would begin at zero there, on this host alone."""
    (tmp_path / "right").mkdir()
    right, typo = (
        Place(tmp_path / "right", url=postgres_url),
        Place(tmp_path, url=f"{postgres_url}x"),
    )
    right.spend(75)
    with pytest.raises(StoreUnavailable, match="the database has one in another schema"):
        typo.spend(75)
    seen = [typo.run("store", "status"), typo.run("cost", "reset", "--scope", "day", "--yes")]
    assert seen == [Exit.LEDGER_UNAVAILABLE] * 2
    assert "mend ?schema= in the URL" in capsys.readouterr().err
    assert typo.run("store", "init") == Exit.CLEAN
    typo.spend(25)
    made = right.spent("day"), typo.spent("day")
    drop_schema(postgres_server, f"{postgres_url.rpartition('=')[2]}x")
    assert made == (75, 25)


def test_a_store_moves_in_with_its_holds_and_comes_back_with_what_happened_there(
    real_place: Place, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    real_place.spend(75)
    with real_place.governor() as governor:
        reservation = governor.reserve(Request("m", NanoUSD(50 * CENT), "a", rungs=())).reservation
    assert reservation is not None
    done = answer(capsys, real_place, "move", postgres_url)
    assert done["open_holds"] == 1
    assert real_place.run("cost", "summary") == Exit.LEDGER_UNAVAILABLE
    assert "was moved to 127.0.0.1" in capsys.readouterr().err
    assert answer(capsys, real_place, "status", postgres_url)["open_holds"] == 1
    back = answer(capsys, real_place, "move", str(real_place.ledger), "--from", postgres_url)
    of_this_move = done["rows"]["outbox"] + 1  # the audit event of the way back
    assert back["rows"] == {**done["rows"], "outbox": of_this_move}
    with real_place.governor() as governor:
        governor.commit(reservation, Usage(1, 1), cost_nano_usd=NanoUSD(25 * CENT))
    assert real_place.spent("day") == 100
    assert real_place.run("ledger", "verify") == Exit.CLEAN
    capsys.readouterr()
    assert real_place.run("store", "status", postgres_url) == Exit.LEDGER_UNAVAILABLE


def test_a_server_that_is_away_is_said_with_its_port_and_without_a_password(
    real_place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    url = url_of(port, schema="s").replace("corvus@", "corvus:hush@")
    for words in (("status", url), ("init", url), ("migrate", url), ("move", url)):
        if words[0] == "move":
            real_place.spend(1)
        assert real_place.run("store", *words) == Exit.LEDGER_UNAVAILABLE, words
        printed = capsys.readouterr()
        said = printed.out + printed.err
        assert str(port) in said
        assert "hush" not in said
        assert "Traceback" not in said
    assert real_place.spent("day") == 1, "a move that failed leaves the store where it was"


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql://h", "postgresql://u:hush@h/d?x=1"])
def test_a_url_that_names_no_store_is_refused_in_words(
    url: str, real_place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert real_place.run("store", "status", url) != Exit.CLEAN
    printed = capsys.readouterr()
    assert "URL" in printed.err
    assert "hush" not in printed.err


def test_the_sql_for_an_administrator_makes_a_store_that_a_role_without_rights_can_use(
    real_place: Place, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    schema, role = "by_hand", 'by-hand "user"'
    url = postgres_server.url(schema)
    try:
        assert real_place.run("store", "init", url, "--sql", "--role", role) == Exit.CLEAN
        script = capsys.readouterr().out
        with psycopg.connect(postgres_server.superuser_url(), autocommit=True) as connection:
            connection.execute(script.encode())
        as_role = url.replace("corvus@", "by-hand%20%22user%22@")
        assert answer(capsys, real_place, "init", as_role)["version_before"] > 0
        real_place.spend(75)
        answer(capsys, real_place, "move", as_role)
        assert answer(capsys, real_place, "status", as_role)["state"] == "ok"
        with (
            psycopg.connect(as_role.partition("?")[0]) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(b"CREATE TABLE by_hand.other (id int)")
        assert real_place.run("store", "migrate", as_role, "--sql", "--role", role) == Exit.CLEAN
        assert "CREATE TABLE" not in capsys.readouterr().out, "it is up to date"
        drop_schema(postgres_server, schema)
        other = as_role.replace(schema, "by_nobody")
        assert real_place.run("store", "status", other) == Exit.LEDGER_UNAVAILABLE
        assert "this role may not make one: mend the schema" in capsys.readouterr().out
    finally:
        drop_schema(postgres_server, schema)
        quoted = '"' + role.replace('"', '""') + '"'
        postgres_server.query(f"DROP ROLE IF EXISTS {quoted}")


def test_each_store_that_a_script_makes_has_an_id_of_its_own(
    real_place: Place, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """STO-3: a store that was made again is not one that has lost changes."""
    url = postgres_server.url("by_script")
    assert real_place.run("store", "init", url, "--sql") == Exit.CLEAN
    script = capsys.readouterr().out
    try:
        ids: set[str] = set()
        for _ in range(2):
            drop_schema(postgres_server, "by_script")
            with psycopg.connect(postgres_server.superuser_url(), autocommit=True) as connection:
                connection.execute(script.encode())
            ids.add(answer(capsys, real_place, "status", url)["store_id"])
        assert len(ids) == 2
    finally:
        drop_schema(postgres_server, "by_script")


def test_what_runs_beside_any_config_needs_none(
    tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "init", postgres_url]) == Exit.CLEAN
    assert not list(tmp_path.rglob("*.duckdb*")), "nothing is made on this host"
    capsys.readouterr()


def test_the_status_of_any_host_shows_the_store_that_it_shares(
    real_place: Place, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert real_place.run("store", "init", postgres_url) == Exit.CLEAN
    capsys.readouterr()
    sets = ("--set", f"governance.ledger.url={postgres_url}")
    assert real_place.run("status", "--format", "json", *sets) == Exit.CLEAN
    seen = json.loads(capsys.readouterr().out)["shared"]
    assert seen["server"]["engine"].startswith("PostgreSQL ")
    assert [warning["code"] for warning in seen["warnings"]] == ["no-synchronous-standby"]
    assert real_place.run("status", "--format", "text", *sets) == Exit.CLEAN
    assert "none is waited for" in capsys.readouterr().out
    assert real_place.run("status", "--format", "json") == Exit.CLEAN
    assert json.loads(capsys.readouterr().out)["shared"] is None
