"""What each tool says of three files with 13 planted mistakes each; prints a table.

Every mistake is marked by a comment on its line: number, route, and where the author meant another
word, `-> word`. The rule for counting, the same for all tools:

- *messages*: everything the tool prints about the files, at every place it prints it.
- *found*: a mistake is found when a message quotes its key where the key itself is wrong or
  missing, or else stands on its line, or, for a tool without lines, names its route.
- *line:col*, *caret*: found mistakes of which a message has a line and a column, or an excerpt with
  a mark below.
- *did-you-mean*: found mistakes with a meant word for which a message proposes that word, and not
  only as one of a list.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from peers import ROOT, SCHEMA, corvus, installed
from pydantic import ValidationError

from corvus.config.model.settings import Settings

FILES = sorted((Path(__file__).parent / "mistakes").glob("*.toml"))
MARK = re.compile(r"# (\d+) (\S+)(?: -> (\S+))?$")
PROPOSAL = re.compile(r"Did you mean (\S+?)\?|is a key of (\S+?)\.?$", re.MULTILINE)


class Mistake(NamedTuple):
    line: int
    route: str
    meant: str

    @property
    def key(self) -> str:
        return self.route.rpartition(".")[2]


class Message(NamedTuple):
    text: str
    line: int = 0
    route: str = ""
    has_column: bool = False
    has_caret: bool = False


class Count(NamedTuple):
    found: int
    messages: int
    columns: int
    carets: int
    proposals: int


def planted(path: Path) -> list[Mistake]:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    marks = ((number, MARK.search(line)) for number, line in lines)
    return [Mistake(number, mark[2], mark[3] or "") for number, mark in marks if mark]


def is_about(message: Message, mistake: Mistake, mistakes: Iterable[Mistake]) -> bool:
    quoted = {
        one for one in mistakes if re.search(rf"['\"]{re.escape(one.key)}['\"]", message.text)
    }
    if quoted:
        return mistake in quoted
    if message.line:
        return message.line == mistake.line
    return message.route == mistake.route


def count(path: Path, messages: list[Message]) -> Count:
    mistakes = planted(path)
    about = {
        one: [message for message in messages if is_about(message, one, mistakes)]
        for one in mistakes
    }
    proposed = {
        one: {
            word.strip('`"[]')
            for message in found
            for pair in PROPOSAL.findall(message.text)
            for word in pair
        }
        for one, found in about.items()
    }
    return Count(
        sum(bool(found) for found in about.values()),
        len(messages),
        sum(any(message.has_column for message in found) for found in about.values()),
        sum(any(message.has_caret for message in found) for found in about.values()),
        sum(bool(one.meant) and one.meant in words for one, words in proposed.items()),
    )


def said(command: list[str]) -> str:
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def by_corvus(path: Path, programs: Path) -> list[Message]:
    text = said(corvus("--quiet", "--color", "never", str(path)))
    place = re.compile(r"^ *--> .*:(\d+):\d+$", re.MULTILINE)
    blocks = [block for block in text.split("\n\n") if place.search(block)]
    return [
        Message(block, int(place.findall(block)[0]), "", True, bool(re.search(r"\| +\^", block)))
        for block in blocks
    ]


def by_taplo(path: Path, programs: Path) -> list[Message]:
    text = said([str(programs / "taplo"), "lint", "--no-auto-config", "--colors=never", str(path)])
    blocks = re.findall(r"^error: (.*)\n\s*┌─ .*:(\d+):\d+\n((?:.*\n)*?)\n", text, re.MULTILINE)
    return [Message(text, int(line), "", True, "^" in rest) for text, line, rest in blocks]


def by_tombi(path: Path, programs: Path) -> list[Message]:
    text = said([str(programs / "tombi"), "lint", "--offline", str(path)])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    found = re.findall(r"^ *(?:Error|Warning): (.*)\n +at .*:(\d+):\d+$", plain, re.MULTILINE)
    return [Message(text, int(line), "", True) for text, line in found]


def by_check_jsonschema(path: Path, programs: Path) -> list[Message]:
    options = ["--schemafile", str(SCHEMA), "--output-format", "json", "--verbose"]
    output = json.loads(said([str(programs / "check-jsonschema"), *options, str(path)]))
    return [Message(one["message"], route=route_of(one["path"])) for one in output["errors"]]


def route_of(json_path: str) -> str:
    """Write ``$.cost.prices['a/b'].input`` as ``cost.prices.a/b.input``."""
    return re.sub(r"\['?([^]']+)'?\]", r".\1", json_path).removeprefix("$").removeprefix(".")


def by_pydantic(path: Path, programs: Path) -> list[Message]:
    data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    try:
        Settings.model_validate(data)
    except ValidationError as error:
        found: list[Any] = error.errors(include_url=False, include_input=False)
        return [
            Message(one["msg"], route=".".join(str(part) for part in one["loc"] if part != "[key]"))
            for one in found
        ]
    return []


TOOLS: dict[str, Callable[[Path, Path], list[Message]]] = {
    "corvus": by_corvus,
    "tombi 1.9.6": by_tombi,
    "taplo 0.9.3": by_taplo,
    "check-jsonschema 0.39.0": by_check_jsonschema,
    "pydantic, our model": by_pydantic,
}


def main() -> None:
    total = sum(len(planted(path)) for path in FILES)
    meant = sum(bool(one.meant) for path in FILES for one in planted(path))
    names = ", ".join(path.stem for path in FILES)
    found = f"found of {total} ({names})"
    print(f"| tool | {found} | messages | line:col | caret | did-you-mean of {meant} |")
    print("|---|---|---|---|---|---|")
    with installed() as programs:
        for name, ask in TOOLS.items():
            counts = [count(path, ask(path, programs)) for path in FILES]
            sums = [sum(column) for column in zip(*counts, strict=True)]
            each = " + ".join(str(one.found) for one in counts)
            cells = [f"{sums[0]} ({each})", *sums[1:]]
            print(f"| {name} | {' | '.join(str(cell) for cell in cells)} |")


if __name__ == "__main__":
    main()
