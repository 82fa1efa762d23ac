"""The walk of ``docs/dashboard.md``: a budget refuses, is lifted once, and the audit has it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree

import httpx2
import pytest

from tests.clients.upstream import Answer, Asked, Upstream
from tests.gateway.pages.visiting import ROOT, words

TOP = Path(__file__).parents[3]
_PART = (TOP / "docs" / "dashboard.md").read_text(encoding="utf-8")
MADE, RAN = [
    re.findall(r"^\$ (.*)$", block, re.MULTILINE)
    for block in re.findall(r"```console\n(.*?)```", _PART, re.DOTALL)
]


class Walk:
    """Where the walk is done: a copy of the example, and programs on the path."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        self.place = folder / "script"
        copytree(TOP / "examples" / "script", self.place)
        config = self.place / "corvus.toml"
        config.write_text(config.read_text().replace("https://api.openai.com", upstream.url))
        programs = folder / "bin"
        programs.mkdir()
        (programs / "corvus").write_text(f'#!/bin/sh\nexec {sys.executable} -m corvus "$@"\n')
        (programs / "corvus").chmod(0o755)
        (programs / "python").symlink_to(sys.executable)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(TOP),
            "OPENAI_API_KEY": "the-real-key",
        }

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def modest(path: str, asked: Asked) -> Answer:
    """Answer with as many tokens as were asked for."""
    usage = '{"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}'
    message = '{"role": "assistant", "content": "Short."}'
    body = (
        f'{{"model": "{asked["model"]}", "choices": [{{"message": {message}}}], "usage": {usage}}}'
    )
    return Answer([body.encode()])


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream().running() as running:
        running.script = modest
        yield running


def test_the_walk_of_the_page(tmp_path: Path, upstream: Upstream) -> None:
    walk = Walk(tmp_path, upstream)
    *tokens, gateway = MADE
    ops, bot = (re.search(r"cvk_\S+", walk.run(f"{one} --format kv").stdout) for one in tokens)
    assert ops is not None
    assert bot is not None
    assert gateway.startswith("corvus gateway ")
    with ExitStack() as ending:
        serving = ending.enter_context(
            subprocess.Popen(
                [*shlex.split(gateway), "--port", "0"],
                cwd=walk.place,
                env=walk.environment,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        ending.callback(serving.terminate)
        assert serving.stderr is not None
        url = serving.stderr.readline().removeprefix("listening on ").strip()
        export, agent = RAN
        export = export.replace("http://127.0.0.1:8642", url).replace("cvk_...", bot[0])
        first = walk.run(f"{export}; {agent}")
        answered = first.stdout.count("Short.")
        assert first.returncode == 1
        assert 0 < answered < 7
        assert "budget 'day' would be exceeded" in first.stderr
        page = ending.enter_context(
            httpx2.Client(base_url=url, headers={"origin": url}, trust_env=False, timeout=30)
        )
        assert page.post(f"{ROOT}/login", data={"token": ops[0]}).status_code == 303
        form = page.get(f"{ROOT}/override").text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        reason = {"reason": "the summaries are needed today"}
        assert page.post(f"{ROOT}/override", data={**hidden, **reason}).status_code == 303
        assert "The next block is lifted" in words(page.get(ROOT).text)
        second = walk.run(f"{export}; {agent}")
        assert second.stdout.count("Short.") == 1
        assert "budget 'day' would be exceeded" in second.stderr
        told = words(page.get(f"{ROOT}/audit").text)
        for part in ("Block lifted in advance", "Override used", "token:ops", *reason.values()):
            assert part in told
