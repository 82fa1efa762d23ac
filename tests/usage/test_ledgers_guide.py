"""The commands of docs/ledgers.md do what it says: nothing is lost, what is restored verifies."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from corvus import Usage, open_runtime
from corvus.base.money import NanoUSD
from corvus.cli.app import application
from corvus.model.request import Request
from tests.books import books_at

GUIDE = (Path(__file__).parents[2] / "docs" / "ledgers.md").read_text(encoding="utf-8")
CENT = 10_000_000
CONFIG = """
[cost]
enabled = true
daily_limit_usd = 10

[cost.prices.m]
input = 1
output = 2
"""


class Place:
    """A folder with a config, a ledger and its store, and what is put next to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "l.duckdb"
        self.config = folder / "corvus.toml"
        self.config.write_text(f"{CONFIG}\n[governance.ledger]\npath = '{self.ledger}'\n")

    def spend(self, calls: int) -> None:
        with open_runtime([self.config], ledger=self.ledger).governor() as governor:
            for _ in range(calls):
                decision = governor.reserve(Request("m", NanoUSD(CENT), "s"))
                assert decision.reservation is not None
                governor.commit(decision.reservation, Usage(10, 5), cost_nano_usd=NanoUSD(CENT))

    def follow(self, block: str) -> None:
        """Run the commands of a block of the guide."""
        (text,) = (part for part in GUIDE.split("<!-- ") if part.startswith(f"{block} -->"))
        names = {"LEDGER": str(self.ledger)}
        names |= {name: str(self.folder / name.lower()) for name in ("BACKUPS", "MERGED", "TRIAL")}
        commands = [line.strip() for line in text.splitlines() if line.startswith("    ")]
        assert commands
        for command in commands:
            self.run([_named(word, names) for word in shlex.split(command)])

    def run(self, words: list[str]) -> None:
        result = CliRunner().invoke(application(), [*words[1:], "--config", str(self.config)])
        assert result.exit_code in ((0, 1) if "--rebuild" in words else (0,)), result.output

    def spent(self) -> tuple[int, int]:
        with books_at(self.ledger).ledger() as ledger:
            query = "SELECT sum(calls)::BIGINT, sum(cost_nano_usd)::BIGINT FROM usage_record"
            return ledger.connection.execute(query).fetchone() or (0, 0)

    def lose(self, *, store: bool) -> None:
        for file in self.folder.glob("l.duckdb*"):
            if store or ".store" not in file.name:
                file.unlink()


def _named(word: str, names: dict[str, str]) -> str:
    for name, path in names.items():
        word = word.replace(name, path)
    return word


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.spend(3)
    return place


def test_a_backup_is_the_place_as_it_was(place: Place) -> None:
    place.follow("back up")
    place.spend(2)
    place.follow("try")
    place.lose(store=True)
    place.follow("restore")
    assert place.spent() == (3, 3 * CENT)
    place.spend(1)
    assert place.spent() == (4, 4 * CENT)
    assert books_at(place.ledger).verify().is_sound


def test_a_merged_copy_of_a_running_place_grows_and_is_begun_from_again(place: Place) -> None:
    place.follow("merge")
    with open_runtime([place.config], ledger=place.ledger).governor() as governor:
        decision = governor.reserve(Request("m", NanoUSD(CENT), "s"))
        place.follow("merge")  # while a call is under way
        assert decision.reservation is not None
        governor.commit(decision.reservation, Usage(10, 5), cost_nano_usd=NanoUSD(CENT))
    place.follow("merge")
    place.lose(store=True)
    place.follow("begin again")
    assert place.spent() == (4, 4 * CENT)
    place.spend(1)
    assert place.spent() == (5, 5 * CENT)
    assert books_at(place.ledger).verify().is_sound


def test_a_store_without_its_ledger_goes_on_with_what_there_is(place: Place) -> None:
    place.follow("merge")
    place.spend(1)
    place.lose(store=False)
    place.follow("without the ledger")
    assert place.spent() == (4, 4 * CENT)
    assert books_at(place.ledger).verify().differences == ()
