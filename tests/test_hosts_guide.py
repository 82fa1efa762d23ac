"""Every command of ``docs/hosts.md`` runs, and does what the guide says, on a real server."""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corvus import Usage, open_runtime
from corvus.base.money import NanoUSD
from corvus.model.request import Request
from tests.gateway.test_metrics import LABELS, OF_LEASES, OF_SHARED
from tests.postgres import PostgresServer, programs

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- ([\w ]+) -->\n```sh\n(.*?)```", GUIDE, re.DOTALL))
CENT = 10_000_000
CONFIG = """
[governance.ledger]
path = "ledger.duckdb"

[cost]
enabled = true
daily_limit_usd = 10
"""


class Host:
    """A folder with a config and a ledger, whose commands see the server of a test."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.folder = folder
        self.server = server
        self.config = folder / "corvus.toml"
        folder.mkdir(exist_ok=True)
        self.config.write_text(CONFIG)

    def follow(self, block: str) -> str:
        """Run the commands of a block of the guide, and return what they print."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{programs()}{os.pathsep}"
        result = subprocess.run(
            ["bash", "-euc", self.named(BLOCKS[block])],
            cwd=self.folder,
            env={"PATH": path + os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "100"}
            | {"PYTHONPATH": str(ROOT / "policy"), "TMPDIR": os.environ["TMPDIR"]},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert result.returncode == 0, (block, result.stdout, result.stderr)
        return result.stdout

    def named(self, text: str) -> str:
        return text.replace("db.example", f"127.0.0.1:{self.server.port}")

    def share(self) -> None:
        """Put the lines of the guide into the config."""
        lines, *_ = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
        url = self.named(lines.splitlines()[1])
        self.config.write_text(
            CONFIG.replace('path = "ledger.duckdb"', f'path = "ledger.duckdb"\n{url}')
        )

    def unshare(self) -> None:
        self.config.write_text(CONFIG)

    def spend(self, cents: int) -> bool:
        with open_runtime([self.config]).governor() as governor:
            decision = governor.reserve(Request("m", NanoUSD(cents * CENT), "s", rungs=()))
            if decision.reservation is not None:
                cost = NanoUSD(cents * CENT)
                governor.commit(decision.reservation, Usage(1, 1), cost_nano_usd=cost)
            return decision.allowed

    def spent(self) -> int:
        """Return what counts against the day, in cents."""
        statuses = open_runtime([self.config]).status().decision.statuses
        (found,) = [one.spent for one in statuses if one.budget.name == "day"]
        return found // CENT


def test_the_guide_from_the_first_command_to_the_way_back(
    make_postgres_server: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    one = Host(tmp_path / "one", make_postgres_server())
    two = Host(tmp_path / "two", one.server)
    assert one.spend(300)
    one.follow("set up")
    assert "resumed=false" in one.follow("move in")
    for host in (one, two):
        host.share()
        said = host.follow("check")
        assert "state=ok" in said
        assert "schema team_a" in said
    assert two.spend(400), "$3 of one host and $4 of the other are within the $10 of both"
    assert not one.spend(400)
    assert one.spent() == two.spent() == 700, "the dollar after the dump is in no ledger here"

    gc.collect()  # closes what the runtimes of this process have left open for their next look
    one.follow("move out")
    one.unshare()
    assert one.spent() == 700
    assert one.spend(1)


def test_every_block_is_run_and_every_metric_is_named() -> None:
    assert len(re.findall("```sh\n", GUIDE)) == len(BLOCKS)
    for name in (
        *OF_SHARED,
        *OF_LEASES,
        *(name for name in LABELS if name.startswith("corvus_store")),
    ):
        assert re.sub(r"_(bucket|count|sum)$", "", name) in GUIDE, name


def test_the_guide_has_the_programs_it_needs() -> None:
    for program in ("bash", "rm"):
        assert shutil.which(program) or pytest.skip(f"{program} is missing")
