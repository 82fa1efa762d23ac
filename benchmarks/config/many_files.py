"""1,000 configs in one run: ``corvus check`` against tombi, taplo and check-jsonschema, in turn.

All four get the same files and the same schema. The commands take turns, so that a busy machine
slows all of them; the median of the ratios of each round is printed. 500 files are clean and
different; with ``--mistakes`` each of the others has one mistake, else all are clean.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import ROOT, SCHEMA, corvus, installed
from startup import CONFIG

FILES = 1000
ROUNDS = 5


def write(folder: Path, with_mistakes: bool) -> list[str]:
    names: list[str] = []
    for number in range(FILES):
        text = CONFIG.replace("search-team", f"team-{number}").replace("= 20.0", f"= {number}.5")
        if with_mistakes and number % 2:
            text = text.replace("max_actions_per_hour", "max_actions_per_hours")
        path = folder / f"team-{number}.toml"
        path.write_text(f"#:schema {SCHEMA.as_uri()}\n\n{text}", encoding="utf-8")
        names.append(str(path))
    return names


def seconds(command: list[str], expected: int) -> float:
    started = time.perf_counter()
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True)
    elapsed = time.perf_counter() - started
    if run.returncode != expected:
        raise SystemExit(f"{command[0]} ended with {run.returncode}: {run.stderr[-500:]!r}")
    return elapsed


def main() -> None:
    with_mistakes = "--mistakes" in sys.argv
    with tempfile.TemporaryDirectory() as folder, installed() as programs:
        names = write(Path(folder), with_mistakes)
        commands = {
            "corvus": corvus("--format", "concise", *names),
            "tombi": [str(programs / "tombi"), "lint", "--offline", *names],
            "taplo": [str(programs / "taplo"), "lint", "--no-auto-config", *names],
            "check-jsonschema": [
                str(programs / "check-jsonschema"),
                "--schemafile",
                str(SCHEMA),
                *names,
            ],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(seconds(command, int(with_mistakes)))
    kind = "every second one with a mistake" if with_mistakes else "all clean"
    print(f"{FILES} files, {kind}; medians of {ROUNDS} rounds in turn")
    for name, taken in times.items():
        ratio = statistics.median(
            one / own for one, own in zip(taken, times["corvus"], strict=True)
        )
        print(f"{name}: {statistics.median(taken):.2f} s, {ratio:.1f}x the time of corvus")


if __name__ == "__main__":
    main()
