"""The action that comments what a branch cost: one comment, updated in place (PLN-3)."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

yaml: Any = pytest.importorskip(
    "yaml", reason="pyyaml is not installed; the dev dependencies have it"
)

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "corvus-pr"
BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
TEXT = "<!-- corvus pr -->\n### What this branch cost\n"


class Hub(ThreadingHTTPServer):
    """As much of GitHub's API as a comment needs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.refuses: int | None = None
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub  # pyright: ignore[reportIncompatibleVariableOverride] - as it is served

    def log_message(self, format: str, *args: object) -> None:
        pass

    def reply(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def serve(self) -> None:
        hub, (path, _, query) = self.server, self.path.partition("?")
        hub.asked.append((self.command, path, self.headers.get("authorization", "")))
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        if hub.refuses is not None and self.command != "GET":
            self.reply(hub.refuses, {"message": "no"})
        elif self.command == "GET":
            page = int(dict(pair.split("=") for pair in query.split("&"))["page"])
            self.reply(200, hub.comments[100 * (page - 1) : 100 * page])
        elif self.command == "POST":
            made = {"id": len(hub.comments) + 1, "user": {"type": "Bot"}, **body}
            hub.comments.append(made)
            self.reply(201, made)
        else:
            (one,) = (each for each in hub.comments if path.endswith(f"/comments/{each['id']}"))
            one.update(body)
            self.reply(200, one)

    do_GET = do_POST = do_PATCH = serve


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def comment(
    hub: Hub, folder: Path, text: str = TEXT, **more: str
) -> subprocess.CompletedProcess[str]:
    file = folder / "text.md"
    file.write_text(text, encoding="utf-8")
    given = {
        "GITHUB_TOKEN": "t0ken",
        "GITHUB_API_URL": hub.url,
        "GITHUB_REPOSITORY": "acme/shop",
        "PULL_REQUEST": "17",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        **more,
    }
    return subprocess.run(
        [sys.executable, str(ACTION / "comment.py"), str(file)],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_comment_is_written_once_and_then_updated_in_place(hub: Hub, tmp_path: Path) -> None:
    stranger = {"id": 900, "user": {"type": "User"}, "body": TEXT + "mine"}
    hub.comments = [{"id": 1000 + n, "user": {"type": "Bot"}, "body": "ci"} for n in range(120)]
    hub.comments.insert(0, stranger)
    assert comment(hub, tmp_path).stdout == "comment written\n"
    assert comment(hub, tmp_path, TEXT + "$5").stdout == "comment updated\n"
    mine = [one for one in hub.comments if one["body"].startswith("<!-- corvus pr")]
    assert [one["body"] for one in mine] == [TEXT + "mine", TEXT + "$5"]
    methods = [method for method, _, _ in hub.asked]
    assert methods == ["GET", "GET", "POST", "GET", "GET", "PATCH"]
    assert {path for _, path, _ in hub.asked[:3]} == {"/repos/acme/shop/issues/17/comments"}
    assert {token for _, _, token in hub.asked} == {"Bearer t0ken"}


@pytest.mark.parametrize("more", [{"GITHUB_TOKEN": ""}, {"PULL_REQUEST": ""}])
def test_without_a_token_or_a_request_the_job_gets_a_summary(
    hub: Hub, tmp_path: Path, more: dict[str, str]
) -> None:
    done = comment(hub, tmp_path, **more)
    assert done.returncode == 0
    assert (tmp_path / "summary.md").read_text() == TEXT + "\n"
    assert hub.asked == []


def test_a_token_of_a_fork_that_may_not_write_leaves_a_summary(hub: Hub, tmp_path: Path) -> None:
    hub.refuses = 403
    done = comment(hub, tmp_path)
    assert (done.returncode, "t0ken" in done.stdout + done.stderr) == (0, False)
    assert (tmp_path / "summary.md").read_text() == TEXT + "\n"
    hub.refuses = 500
    assert comment(hub, tmp_path).returncode == 1


def test_the_step_hands_on_every_input_and_takes_none_for_a_script(tmp_path: Path) -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    (step,) = (one for one in action["runs"]["steps"] if one["name"] == "Comment")
    assert "${{" not in "".join(one["run"] for one in action["runs"]["steps"])
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("corvus", "python"):
        written = tmp_path / name
        program = programs / name
        program.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >>{shlex.quote(str(written))}\n")
        program.chmod(0o755)
    given = {
        "ACTION_PATH": str(ACTION),
        "BASE": "$(touch owned)",
        "BIN": str(programs),
        "CONFIG": "a b.toml",
        "FAIL_ON": "refusals",
        "PLAN_SINCE": "last-month",
        "LEDGER": "'; touch owned; '",
        "RUNNER_TEMP": str(tmp_path),
    }
    assert set(step["env"]) >= set(given) - {"RUNNER_TEMP"}
    script = tmp_path / "step.sh"
    script.write_text(step["run"])
    subprocess.run([*BASH, str(script)], cwd=tmp_path, env={**os.environ, **given}, check=True)
    assert (tmp_path / "corvus").read_text().split("\0")[:-1] == [
        "pr",
        "--base=$(touch owned)",
        "--config=a b.toml",
        "--format=markdown",
        "--ledger='; touch owned; '",
        "plan",
        "--base=origin/$(touch owned)",
        "--since=last-month",
        "--fail-on=refusals",
        "--config=a b.toml",
        "--format=markdown",
        "--ledger='; touch owned; '",
    ]
    (programs / "corvus").write_text("#!/bin/sh\necho $1\n[ $1 = pr ]\n")
    done = subprocess.run([*BASH, str(script)], cwd=tmp_path, env={**os.environ, **given})
    assert done.returncode == 1, "the plan fails the job, after the comment"
    assert (tmp_path / "corvus-pr.md").read_text() == "pr\n\nplan\n"
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["github-pr.yml", "gitlab-pr.yml"])
def test_the_examples_call_what_there_is(name: str) -> None:
    from typer.testing import CliRunner

    text = (ROOT / "examples" / "ci" / name).read_text()
    parsed = yaml.safe_load(text)
    assert parsed
    if name == "github-pr.yml":
        (job,) = parsed["jobs"].values()
        uses = [one["uses"] for one in job["steps"] if "corvus-pr" in one.get("uses", "")]
        assert len(uses) == 1
        inputs = yaml.safe_load((ACTION / "action.yml").read_text())["inputs"]
        (with_,) = (one["with"] for one in job["steps"] if "corvus-pr" in one.get("uses", ""))
        assert set(with_) <= set(inputs)
        assert job["permissions"]["pull-requests"] == "write"
    else:
        from corvus.cli.app import application

        (command,) = (
            line for line in parsed["corvus-pr"]["script"] if line.startswith("corvus pr")
        )
        options = {word.partition("=")[0] for word in command.split() if word.startswith("--")}
        said = CliRunner().invoke(application(("pr",)), ["pr", "--help"], env={"COLUMNS": "200"})
        assert all(option in said.output for option in options)
