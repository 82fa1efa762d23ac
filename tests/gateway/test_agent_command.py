"""``corvus agent``: a command behind a proxy of its own (CLI-4, CLI-5, DIA-5)."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.places import read_terminal
from tests.gateway.provider import Provider
from tests.gateway.proxied import CONFIG, KEY, Settings

CALL = """
import json, os, sys, urllib.request, urllib.error
body = json.dumps({"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "x"}]})
url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
headers = {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"],
           "content-type": "application/json"}
for _ in range(int(sys.argv[1])):
    request = urllib.request.Request(url, body.encode(), headers)
    try:
        print(json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"])
    except urllib.error.HTTPError as refused:
        print(refused.code)
        sys.exit(7)
"""


class Desk:
    """Where an agent is run from."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.folder = folder
        self.provider = provider
        self.ledger = folder / "l.duckdb"
        self.limit("1000")

    def limit(self, usd: str, cost: str = "") -> None:
        settings = Settings(limit=usd, cost=cost)
        text = CONFIG.format(url=self.provider.url, **settings._asdict())
        (self.folder / "corvus.toml").write_text(text)

    def words(self, *options: str, name: str = "agent") -> list[str]:
        where = ["--config", str(self.folder / "corvus.toml"), "--ledger", str(self.ledger)]
        return [sys.executable, "-m", "corvus", name, *where, *options]

    def run(
        self, *options: str, name: str = "agent", **more: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*options, name=name),
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **more},
            check=False,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    provider = Provider()
    yield Desk(tmp_path, provider)
    provider.stop()


STATING = CALL.replace(
    '"content-type"',
    '"x-corvus-session": "other", "x-corvus-subagent": "a1", "x-corvus-tag-team": "t",\n'
    '           "x-corvus-tag-git.branch": "other", "x-corvus-tag-git.commit": "other",\n'
    '           "content-type"',
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def caller(times: int) -> list[str]:
    return ["--", sys.executable, "-c", CALL, str(times)]


def facts(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@pytest.mark.parametrize(("name", "surface"), [("agent", "cli-agent"), ("code", "cli-code")])
def test_calls_of_the_command_are_governed_and_summed_up(
    desk: Desk, name: str, surface: str
) -> None:
    done = desk.run("--session", "s-1", *caller(2), name=name)
    assert (done.returncode, done.stdout) == (0, "Hi\nHi\n")
    told = facts(done.stderr)
    assert (told["session_id"], told["request_count"]) == ("s-1", "2")
    assert told["session_cost_usd"] == "0.1200"
    assert "session s-1 starts" in done.stderr
    assert "session s-1 ended with 0" in done.stderr
    query = "SELECT DISTINCT surface FROM usage_record"
    command = [sys.executable, "-m", "corvus", "sql", "--ledger", str(desk.ledger), query]
    assert surface in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.nightly
def test_a_run_ends_with_a_few_lines_and_says_nothing_when_it_is_quiet(desk: Desk) -> None:
    done = desk.run("--session", "s-1", "--mission", "m-1", *caller(2))
    _, _, summary = done.stderr.partition("ended with 0\n")
    assert summary == (
        "session_id=s-1\nbudget_state=allowed\nsession_cost_usd=0.1200\nrequest_count=2\n"
        "unpriced_calls=0\n"
    )
    done = desk.run("--quiet", "--session", "s-2", *caller(2))
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hi\nHi\n", "")


@pytest.mark.nightly
def test_a_quiet_run_says_what_went_wrong(desk: Desk) -> None:
    unused = desk.run("-q", "--", "true")
    assert unused.stderr.startswith("corvus: 0 calls went through the proxy")
    desk.limit("0.001")
    refused = desk.run("-q", *caller(1))
    assert refused.returncode == 20
    assert json.loads(refused.stderr)["code"] == "budget_exceeded"


def test_a_person_at_a_terminal_gets_the_summary_as_a_table(desk: Desk) -> None:
    """Standard output, which is the command's, may well go elsewhere."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "100"}
    words = desk.words("--session", "s-1", *caller(2))
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True
    ) as process:
        os.close(theirs)
        told = b"".join(iter(lambda: read_terminal(ours), b"")).decode()
        assert process.stdout is not None
        assert process.stdout.read() == "Hi\nHi\n"
    os.close(ours)
    assert "session_cost_usd=" not in told
    day = next(line for line in told.splitlines() if line.startswith("day"))
    assert "$0.12" in day
    assert "$1,000" in day


def test_the_real_key_stays_with_the_parent(desk: Desk) -> None:
    script = "import os; print(sorted(os.environ.items()))"
    done = desk.run("--", sys.executable, "-c", script, NO_PROXY="example.org")
    assert KEY not in done.stdout
    assert "cvk_" in done.stdout
    assert "example.org,127.0.0.1,localhost" in done.stdout
    assert desk.run(*caller(1)).returncode == 0
    assert desk.provider.calls[0].header("authorization") == f"Bearer {KEY}"


def test_a_call_without_the_key_of_the_run_is_refused(desk: Desk) -> None:
    script = CALL.replace('os.environ["OPENAI_API_KEY"]', '"sk-guessed"')
    done = desk.run("--", sys.executable, "-c", script, "1")
    assert (done.returncode, done.stdout) == (7, "401\n")
    assert desk.provider.calls == []


def test_a_log_in_of_the_command_passes_when_asked_for(desk: Desk) -> None:
    done = desk.run("--pass-through", *caller(1), OPENAI_API_KEY="of-a-subscription")
    assert done.returncode == 0, done.stderr
    assert desk.provider.calls[0].header("authorization") == "Bearer of-a-subscription"


@pytest.mark.parametrize(
    "code", [0, 42, *(pytest.param(one, marks=pytest.mark.nightly) for one in (1, 255))]
)
def test_the_exit_code_of_the_command_passes_through(desk: Desk, code: int) -> None:
    assert desk.run("--", sys.executable, "-c", f"raise SystemExit({code})").returncode == code


def test_a_budget_that_stops_the_command_is_told_to_programs(desk: Desk) -> None:
    """CLI-5: exit 20 and one JSON line on standard error."""
    desk.limit("0.6")
    done = desk.run(*caller(5))
    assert done.returncode == 20
    assert done.stdout.splitlines()[-1] == "402"
    denial = json.loads(done.stderr.splitlines()[-1])
    assert denial["code"] == "budget_exceeded"
    assert denial["governance_domain"] == "token_spend"
    assert (denial["scope"], denial["limit_nano_usd"]) == ("day", "600000000")
    assert denial["resets_at"] is not None


def test_a_model_without_a_price_is_told_to_programs_with_the_lines_to_paste(desk: Desk) -> None:
    """PRC-5: the same words as in the answer of the proxy."""
    script = CALL.replace('"model": "m"', '"model": "gpt-6.2-sol"')
    script = script.replace("print(refused.code)", "print(refused.read().decode())")
    done = desk.run("--", sys.executable, "-c", script, "1")
    assert done.returncode == 20
    denial = json.loads(done.stderr.splitlines()[-1])
    assert (denial["code"], denial["model"]) == ("unpriced_model", "gpt-6.2-sol")
    assert denial["add_line"].startswith('[cost.prices."gpt-6.2-sol"]\n')
    assert denial["add_line"] in denial["message"]
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["message"]) == ("unpriced_model", denial["message"])


@pytest.mark.nightly
def test_a_denial_that_the_command_gets_over_is_its_own_affair(desk: Desk) -> None:
    desk.limit("0.6")
    script = CALL.replace("sys.exit(7)", "sys.exit(0)")
    done = desk.run("--", sys.executable, "-c", script, "9")
    assert done.returncode == 0
    assert done.stdout.startswith("Hi\n")
    assert done.stdout.endswith("402\n")


@pytest.mark.nightly
def test_a_command_that_got_nothing_but_refusals_was_stopped_by_its_budget(desk: Desk) -> None:
    """Whatever it says of itself: a script that swallows every error has done nothing."""
    desk.limit("0.001")
    script = CALL.replace("sys.exit(7)", "sys.exit(0)")
    done = desk.run("--", sys.executable, "-c", script, "1")
    assert done.returncode == 20
    assert json.loads(done.stderr.splitlines()[-1])["code"] == "budget_exceeded"


def test_an_upgrade_is_refused_without_a_word_among_what_the_command_says(desk: Desk) -> None:
    """Codex with its own log-in asks for a websocket first, and shares standard error with us."""
    upgrade = """
import http.client, os
from urllib.parse import urlsplit
line = http.client.HTTPConnection(urlsplit(os.environ["OPENAI_BASE_URL"]).netloc)
key = "Bearer " + os.environ["OPENAI_API_KEY"]
more = {"connection": "upgrade", "upgrade": "websocket", "authorization": key}
line.request("GET", "/v1/responses", headers=more)
print(line.getresponse().status)
"""
    done = desk.run("--session", "s", "--", sys.executable, "-c", upgrade)
    assert done.stdout == "426\n"
    first, *_, last = [line for line in done.stderr.splitlines() if "withheld" not in line]
    assert first.endswith("; session s starts")
    assert last.startswith("corvus: no call was made; the last one was refused: websockets are not")
    assert all(line.startswith("corvus: ") for line in done.stderr.splitlines())


@pytest.mark.nightly
def test_a_run_whose_calls_were_refused_unread_says_why_and_not_that_none_came(desk: Desk) -> None:
    done = desk.run("--", sys.executable, "-c", CALL.replace('"model": "m", ', ""), "1")
    assert (done.stdout, done.returncode) == ("400\n", 7)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("corvus: no call was made; the last one was refused: ")
    assert "model" in last
    assert desk.provider.calls == []


def test_an_override_lifts_one_block_of_the_run(desk: Desk) -> None:
    desk.limit("0.001", "allow_override = true")
    done = desk.run("--override-budget", *caller(2))
    assert done.stdout == "Hi\n402\n"
    assert done.returncode == 20


def test_an_override_that_is_refused_stops_before_anything_starts(desk: Desk) -> None:
    done = desk.run("--override-budget", *caller(1))
    assert (done.returncode, done.stdout) == (2, "")
    assert "starts" not in done.stderr
    assert desk.provider.calls == []


def test_a_mission_has_its_own_limit_and_ends_with_the_run(desk: Desk) -> None:
    done = desk.run("--session", "s", "--mission", "triage", "--limit", "0.6", *caller(5))
    assert done.returncode == 20
    assert json.loads(done.stderr.splitlines()[-1])["scope"] == "mission"
    again = desk.run("--session", "s", "--mission", "triage", "--limit", "0.6", *caller(1))
    assert again.returncode == 2
    assert "starts" not in again.stderr


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.nightly)],
)
def test_signals_reach_the_command(desk: Desk, number: signal.Signals) -> None:
    script = "import time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen(
        desk.words("--", sys.executable, "-c", script),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        started = time.monotonic()
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert time.monotonic() - started < 20
    assert process.returncode == 128 + number
    assert "ended with" in told
    assert "0 calls went through the proxy" in told


def test_a_signal_that_comes_while_the_command_starts_is_not_lost() -> None:
    """Busy threads keep the parent from learning of its child for a while, as a full machine does.

    Before, most of these signals were forgotten, and the command ran on.
    """
    script = """
import os, threading
from corvus.cli.agents.child import run_child
done = threading.Event()
def spin():
    while not done.is_set():
        pass
threads = [threading.Thread(target=spin) for _ in range(12)]
for one in threads:
    one.start()
asks = ["/bin/sh", "-c", "kill -TERM $PPID; exec sleep 2"]
print([run_child(asks[0], asks, os.environ) for _ in range(5)])
done.set()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"{[128 + signal.SIGTERM] * 5}\n"


def test_calls_are_of_the_session_and_the_branch_of_the_run(desk: Desk) -> None:
    """A call says for itself only what attributes it: it does not leave its session (SES-3)."""
    (desk.folder / ".git").mkdir()
    (desk.folder / ".git" / "HEAD").write_text("ref: refs/heads/fix/login\n")
    (desk.folder / ".git" / "packed-refs").write_text(f"{COMMIT} refs/heads/fix/login\n")
    remote = '[remote "origin"]\n\turl = https://ada:secret@example.org/shop.git\n'
    (desk.folder / ".git" / "config").write_text(remote)
    words = [*desk.words("--session", "mine"), "--", sys.executable, "-c", STATING, "1"]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, cwd=desk.folder, check=False
    )
    assert done.returncode == 0, done.stderr
    query = "SELECT session_id, subagent, token, branch, tags::JSON AS tags FROM usage_call"
    sql = [sys.executable, "-m", "corvus", "sql", "--ledger", str(desk.ledger), "--format", "json"]
    found = subprocess.run([*sql, query], capture_output=True, text=True, check=True)
    rows = json.loads(found.stdout)["rows"]
    assert [row | {"tags": json.loads(row["tags"])} for row in rows] == [
        {
            "session_id": "mine",
            "subagent": "a1",
            "token": None,
            "branch": "fix/login",
            "tags": {
                "git.branch": "fix/login",
                "git.commit": COMMIT,
                "git.repository": "https://example.org/shop.git",
                "team": "t",
            },
        }
    ]


def test_the_command_is_not_given_the_password_of_a_store_that_hosts_share(
    desk: Desk, postgres_url: str
) -> None:
    """Whoever has it can write balances; the run itself goes on to connect by it."""
    url = postgres_url.replace("corvus@", "corvus:hush@", 1)
    look = [sys.executable, "-c", "import os; print(os.environ)"]
    for given in (
        {"CORVUS_GOVERNANCE__LEDGER__URL": url},
        {"CORVUS_GOVERNANCE__LEDGER__URL": postgres_url, "PGPASSWORD": "hush"},
    ):
        done = desk.run("--session", "s", "--", *look, DATABASE_URL=url, **given)
        assert (done.returncode, "hush" in done.stdout + done.stderr) == (0, False), done
        assert postgres_url in done.stdout
        *_, last = given
        assert last in done.stderr
        assert "DATABASE_URL" in done.stderr
    done = desk.run("--session", "s", "--pass-env", "PGPASSWORD", "--", *look, **given)
    assert "hush" in done.stdout
