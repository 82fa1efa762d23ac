"""Starts what is measured: `corvus gateway`, a visitor who is logged in, and the floor.

The floor is the same bytes from a bare uvicorn app. The ledger that is given stays as it is: the
gateway writes to a copy of it. Refuses to measure a gateway that ended or a page that is not
answered with 200.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).parent
MOCK = HERE.parent / "gateway" / "mock_upstream.py"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS_MAX = 400.0
"""A new store counts its balances from all that the ledger has."""
ROOT = "/dashboard"
UPSTREAM = """
[governance.upstreams.openai]
base_url = "{url}/v1"
kind = "openai"
api_key_env = "MEASURED_KEY"
"""
BUDGET = """
[[cost.budgets]]
name = "more-{number}"
period = "month"
limit_usd = {limit}
match = {{ project = "project-1{number}*" }}
"""


@dataclass
class Gateway:
    """A running gateway.

    Attributes:
        caller: Token for model calls.
        reader: Token for pages, with the right to change.
        cookie: Set once the visitor is logged in.
    """

    port: int
    process: subprocess.Popen[str]
    caller: str
    reader: str
    cookie: str = field(default="")

    @property
    def cpu_seconds(self) -> float:
        """CPU of the process so far, to a hundredth of a second."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, words[11:13])) / TICKS

    @property
    def resident_mb(self) -> float:
        words = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(words[1]) * PAGE_BYTES / 1e6

    def log_in(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        origin = f"http://127.0.0.1:{self.port}"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
        body = urlencode({"token": self.reader})
        connection.request("POST", f"{ROOT}/login", body, headers)
        answer = connection.getresponse()
        assert answer.status == 303, f"log-in: {answer.status} {answer.read()[:500]!r}"
        self.cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        connection.close()

    def get(self, path: str) -> bytes:
        return get(self.port, path, Cookie=self.cookie)


def get(port: int, path: str, **headers: str) -> bytes:
    """Return the body of an answer, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, f"{path}: {answer.status} {body[:500]!r}"
    return body


@contextmanager
def gateway(ledger: Path, folder: Path, *, budgets: int = 9) -> Generator[Gateway]:
    """Start a mock provider and `corvus gateway`, on a copy of a ledger and its config.

    Args:
        ledger: As `benchmarks/reports/make_ledger.py` makes it; its config has 9 budgets.
        folder: Where the copy is made, on a real disk.
        budgets: How many budgets there are; 9 or more.
    """
    folder.mkdir(parents=True)
    copied, config = folder / "ledger.duckdb", folder / "corvus.toml"
    shutil.copyfile(ledger, copied)
    with process(sys.executable, str(MOCK), stdout=subprocess.PIPE) as mock:
        assert mock.stdout is not None
        url = f"http://127.0.0.1:{int(mock.stdout.readline())}"
        text = ledger.with_name("corvus.toml").read_text() + UPSTREAM.format(url=url)
        for number in range(budgets - 9):
            text += BUDGET.format(number=number, limit=100 + number)
        config.write_text(text)
        where = ["--config", str(config), "--ledger", str(copied)]
        base = [sys.executable, "-m", "corvus"]
        tokens = {scope: _token([*base, "token", "create"], scope, where) for scope in SCOPES}
        log = folder / "corvus.log"
        with (
            log.open("w") as told,
            process(*base, "gateway", "--port", "0", *where, stderr=told) as running,
        ):
            port = _port(running, log)
            yield Gateway(port, running, tokens["proxy"], tokens["admin"])


SCOPES = ("proxy", "admin")


@contextmanager
def floor(files: dict[str, tuple[bytes, str]], folder: Path) -> Generator[int]:
    """Serve bytes from memory with uvicorn and nothing else; yields the port.

    Args:
        files: Body and media type of each path, query left out.
        folder: Where they are handed over.
    """
    folder.mkdir(parents=True)
    kept = folder / "files.json"
    kept.write_text(
        json.dumps({path: [body.decode(), kind] for path, (body, kind) in files.items()})
    )
    script = str(HERE / "floor.py")
    with process(sys.executable, script, str(kept), stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        yield int(running.stdout.readline())


@contextmanager
def process(*words: str, **more: object) -> Generator[subprocess.Popen[str]]:
    environment = {**os.environ, "MEASURED_KEY": "sk-measured-0123456789"}
    started = subprocess.Popen(words, text=True, env=environment, **more)  # type: ignore[call-overload]
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def machine() -> str:
    """Return how busy the machine is, to be told beside numbers."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _token(made: list[str], scope: str, where: list[str]) -> str:
    words = [*made, f"measured-{scope}", "--scope", scope, "--format", "json", *where]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return json.loads(said)["token"]


def _port(running: subprocess.Popen[str], log: Path) -> int:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        said = log.read_text()
        assert running.poll() is None, f"the gateway ended: {said}"
        if said.endswith("\n"):
            found = re.search(r"127\.0\.0\.1:(\d+)", said)
            assert found is not None, f"no address is told: {said}"
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError("the gateway did not start")
