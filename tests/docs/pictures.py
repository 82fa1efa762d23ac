"""The pictures of ``docs/images/``: ``python -m tests.docs.pictures`` makes them again.

``refusal.svg`` is what a terminal prints, letter for letter; the others are pages of the dashboard
in chromium, of a team whose calls are invented.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap

from playwright.sync_api import sync_playwright

from corvus import Usage, open_runtime
from tests.clients.upstream import Answer, Asked, Upstream
from tests.docs.pages import ROOT
from tests.docs.reader import Reader

IMAGES = ROOT / "docs" / "images"
ANSWER = "Done: all 14 tests pass."
_COLUMNS, _LINE, _LETTER = 96, 19, 8.43
_CONFIG = """\
[cost]
enabled = true
daily_limit_usd = 60
monthly_limit_usd = 1000
allow_override = true

[[cost.budgets]]
name = "each-developer"
per = ["user"]
period = "month"
limit_usd = 50

[[cost.budgets]]
name = "search"
match = { project = "search" }
period = "day"
limit_usd = 1.5

[[cost.budgets]]
name = "opus"
match = { model = "claude-opus-*" }
period = "week"
limit_usd = 120

[governance.ledger]
path = "ledger.duckdb"
"""
_PEOPLE = ("ana", "bob", "chen", "dana", "eli")
_MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5-mini")


def main() -> int:
    """Make all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, Upstream().running() as upstream:
        (IMAGES / "refusal.svg").write_text(
            drawn(refusal(Reader(Path(folder), upstream), upstream))
        )
    with TemporaryDirectory() as folder:
        _team(Path(folder))
        with _gateway(Path(folder)) as url:
            _photograph(url, Path(folder))
    return 0


def refusal(reader: Reader, upstream: Upstream) -> list[tuple[str, str]]:
    """Return the last run of an agent that fits into its day, and the first that does not.

    Each is the command, and what is printed for a person.
    """
    upstream.script = _thorough
    shown: list[tuple[str, str]] = []
    for task in ("fix the failing test", "now the other one") * 20:
        command = f'corvus code --daily 5 --session tests -- claude "{task}"'
        ended = reader.run(command)
        lines = ended.printed.splitlines()
        said = [line for line in lines if line.startswith("corvus: governed")]
        said += [line for line in lines if line.startswith(("API Error", ANSWER))]
        shown = [*shown[-1:], (command, "\n".join(said))]
        if ended.code:
            break
    return shown


def _thorough(path: str, asked: Asked) -> Answer:
    """Answer with as many tokens as were allowed."""
    usage = {"input_tokens": 12, "output_tokens": asked["max_tokens"]}
    content = [{"type": "text", "text": ANSWER}]
    body = {"type": "message", "role": "assistant", "model": asked["model"], "content": content}
    return Answer([json.dumps(body | {"usage": usage}).encode()])


def drawn(shown: list[tuple[str, str]]) -> str:
    """Draw what a terminal shows, in the letters of whoever looks."""
    rows: list[tuple[str, str]] = []
    for command, printed in shown:
        rows.append(("command", f"$ {command}"))
        for line in printed.splitlines():
            kind = "refused" if line.startswith("API Error") else "said"
            rows += [(kind, part) for part in wrap(line, _COLUMNS)]
    width, height = round(_COLUMNS * _LETTER) + 40, len(rows) * _LINE + 56
    lines = [
        f'<text class="{kind}" x="20" y="{52 + number * _LINE}">{escape(text)}</text>'
        for number, (kind, text) in enumerate(rows)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            "<style>text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace;"
            " white-space: pre } .command { fill: #e6edf3; font-weight: 600 } .said { fill: #9da7b3"
            " } .refused { fill: #ff938a }</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>',
            '<g fill="#6e7681"><circle cx="22" cy="20" r="6"/><circle cx="42" cy="20" r="6"/>'
            '<circle cx="62" cy="20" r="6"/></g>',
            *lines,
            "</svg>",
            "",
        ]
    )


def _team(folder: Path) -> None:
    """Write a config, two weeks of calls as an import, and those of today as governed ones."""
    (folder / "corvus.toml").write_text(_CONFIG)
    dice, now = random.Random(5), datetime.now(UTC)
    rows = ["timestamp,model,project,user_name,session_id,input_tokens,output_tokens"]
    for day in range(1, 15):
        for number in range(60):
            at = now - timedelta(days=day, minutes=number * 7)
            model, user = dice.choice(_MODELS), dice.choice(_PEOPLE)
            project = dice.choice(("search", "web", "billing"))
            counts = f"{dice.randint(20_000, 160_000)},{dice.randint(500, 6_000)}"
            rows.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{model},{project},{user},{user}-{day},{counts}")
    (folder / "calls.csv").write_text("\n".join(rows))
    _corvus(folder, "usage", "import", "calls.csv")
    with open_runtime([folder / "corvus.toml"]).governor() as governor:
        for number in range(70):
            model, user = dice.choice(_MODELS), dice.choice(_PEOPLE)
            project = dice.choice(("search", "web", "billing"))
            request = governor.request(
                model,
                session_id=f"{user}-0",
                project=project,
                user=user,
                input_tokens=90_000,
                max_output_tokens=4_000,
                rungs=(),
            )
            decision = governor.reserve(request)
            if decision.reservation is not None and number < 68:
                used = Usage(dice.randint(20_000, 90_000), dice.randint(500, 4_000))
                governor.commit(decision.reservation, used)


def _corvus(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "corvus", *words]
    environment = os.environ | {"HOME": str(folder)}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return ended.stdout


@contextmanager
def _gateway(folder: Path) -> Generator[str]:
    command = [sys.executable, "-m", "corvus", "gateway", "--port", "0"]
    environment = os.environ | {"HOME": str(folder)}
    _corvus(folder, "token", "create", "ops", "--scope", "admin")
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        yield process.stderr.readline().removeprefix("listening on ").strip()
        process.terminate()


def _photograph(url: str, folder: Path) -> None:
    made = _corvus(folder, "token", "create", "ana", "--scope", "admin", "--format", "kv")
    (token,) = (word.partition("=")[2] for word in made.split() if "cvk_" in word)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for name, size, scheme in (
            ("overview", {"width": 1280, "height": 1000}, "light"),
            ("overview-phone", {"width": 390, "height": 844}, "dark"),
        ):
            page = chromium.new_context(
                viewport=size,  # type: ignore[arg-type]
                color_scheme=scheme,  # type: ignore[arg-type]
                reduced_motion="reduce",
                locale="en-US",
            ).new_page()
            page.context.request.post(
                f"{url}/dashboard/login", form={"token": token}, headers={"origin": url}
            )
            page.goto(f"{url}/dashboard")
            page.locator("#days-data").wait_for(timeout=30_000)
            page.screenshot(path=IMAGES / f"{name}.png")
        chromium.close()


if __name__ == "__main__":
    sys.exit(main())
