"""The judge finds what it is there for: a store and diaries that were tampered with."""

from __future__ import annotations

import psycopg
import pytest

from tests.faults.hosts.host import Host
from tests.faults.hosts.team import Team
from tests.postgres import PostgresServer

TAMPERING = {
    "a hold is lost": "DELETE FROM reservation WHERE state = 'held'",
    "a sum is too low": "UPDATE balance SET spent_nano_usd = spent_nano_usd - 1 WHERE calls > 0",
    "a hold is counted twice": "UPDATE balance SET held_nano_usd = held_nano_usd + 1",
    "an event is lost": "DELETE FROM outbox WHERE seq = 3",
    "a settlement is lost": "UPDATE reservation SET state = 'held' WHERE state = 'committed'",
}


@pytest.mark.parametrize("statement", [*TAMPERING.values()], ids=[*TAMPERING])
def test_what_is_missing_or_wrong_in_the_store_is_found(
    judged: tuple[Team, str], postgres_server: PostgresServer, statement: str
) -> None:
    team, url = judged
    address, _, schema = url.partition("?schema=")
    assert team.findings(url) == []
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema}".encode())
        connection.execute("CREATE TABLE kept AS SELECT * FROM reservation")
        assert connection.execute(statement.encode()).rowcount > 0
    assert team.findings(url) != []


@pytest.mark.parametrize("line", ["reserved 0 5\n", "committed 0 5\n", "wrong 0 KeyError()\n"])
def test_what_was_acknowledged_and_is_not_there_is_found(
    judged: tuple[Team, str], line: str
) -> None:
    team, url = judged
    with team.diaries[0].open("a") as diary:
        diary.write(line)
    assert len(team.findings(url)) == 1


def test_what_was_refused_and_is_there_is_found(judged: tuple[Team, str]) -> None:
    team, url = judged
    name = team.facts("reserved")[0]
    for kind in ("refused", "denied"):
        with team.diaries[0].open("a") as diary:
            diary.write(f"{kind} {name} 0\n")
    assert len(team.findings(url)) == 2


def test_a_limit_that_is_exceeded_is_found(judged: tuple[Team, str]) -> None:
    team, url = judged
    team.limit_cents = 2
    assert any("overspend" in one for one in team.findings(url))


@pytest.fixture
def judged(team: Team, postgres_url: str) -> tuple[Team, str]:
    """A store that a host has used, and is well."""
    Host(team.task(postgres_url, calls=6, threads=2, commit=0.5, release=0.2)).work()
    return team, postgres_url
