"""1,000 configs in one run: ``corvus check`` against tombi, taplo and check-jsonschema, in turn.

All four get the same files and the same schema. The commands take turns, so that a busy machine
slows all of them; the median of the ratios of each round is printed. The files differ in one
amount; short ones have 15 lines, long ones every key there is (80 lines).
"""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from peers import ROOT, SCHEMA, corvus, installed
from startup import CONFIG

LONG = ROOT / "tests" / "golden" / "valid" / "full.toml"
DAILY = re.compile(r"(?<=daily_limit_usd = )\d+")
FILES = 1000
ROUNDS = 5


def write(folder: Path, text: str) -> list[str]:
    names: list[str] = []
    for number in range(FILES):
        own = text.replace("search-team", f"team-{number}")
        own = DAILY.sub(rf"\g<0>.{number:03}", own, count=1)
        path = folder / f"team-{number}.toml"
        path.write_text(f"#:schema {SCHEMA.as_uri()}\n\n{own}", encoding="utf-8")
        names.append(str(path))
    return names


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True)
    elapsed = time.perf_counter() - started
    if run.returncode:
        raise SystemExit(f"{command[0]} ended with {run.returncode}: {run.stderr[-500:]!r}")
    return elapsed


def compare(kind: str, text: str, programs: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = write(Path(folder), text)
        check_jsonschema = [str(programs / "check-jsonschema"), "--schemafile", str(SCHEMA)]
        commands = {
            "corvus": corvus(*names),
            "tombi": [str(programs / "tombi"), "lint", "--offline", *names],
            "taplo": [str(programs / "taplo"), "lint", "--no-auto-config", *names],
            "check-jsonschema": [*check_jsonschema, *names],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(seconds(command))
    print(f"{FILES} {kind} files, clean; medians of {ROUNDS} rounds in turn")
    for name, taken in times.items():
        pairs = zip(taken, times["corvus"], strict=True)
        ratio = statistics.median(one / own for one, own in pairs)
        print(f"  {name}: {statistics.median(taken):.2f} s, {ratio:.2f}x the time of corvus")


def main() -> None:
    with installed() as programs:
        compare("short", CONFIG, programs)
        compare("long", LONG.read_text(encoding="utf-8"), programs)


if __name__ == "__main__":
    main()
