"""Measures how much of a budget real coding agents can use, by the count of a truthful provider.

    TEST_AGENTS_FOLDER=/tmp/agents PYTHONPATH=. python benchmarks/gateway/agents_day.py

Runs Claude Code and Codex as npm has them under `corvus code --daily 5` again and again, until a
run gets nothing but a refusal. The folder has them installed (`npm install --prefix /tmp/agents
--ignore-scripts @anthropic-ai/claude-code @openai/codex`). Prints a row of a table for each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.gateway.agent_day import CLAUDE, CODEX, Day, work_through
from tests.gateway.provider import Provider
from tests.gateway.real_agents import Place, installed
from tests.gateway.truthful import Truthful

LIMIT_USD = 5
COMMANDS = {
    "Claude Code, its default model": CLAUDE,
    "Claude Code, claude-sonnet-4-6": (*CLAUDE, "--model", "claude-sonnet-4-6"),
    "Claude Code, claude-sonnet-4-5": (*CLAUDE, "--model", "claude-sonnet-4-5"),
    "Codex, gpt-5.1-codex": CODEX,
}
HEAD = "| agent | seed | truly spent | runs | calls | as sent | capped | answers cut | changed |"


def day(command: tuple[str, ...], seed: int, agents: Path) -> Day:
    provider, script = Provider(), Truthful(None, seed=seed)
    try:
        with tempfile.TemporaryDirectory() as folder:
            place = Place(Path(folder), provider, installed(agents), script)
            options = ("--daily", str(LIMIT_USD))
            return work_through(place, script, [*command], options=options, cost="")
    finally:
        provider.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    agents = Path(os.environ["TEST_AGENTS_FOLDER"])
    listed = ["npm", "ls", "--prefix", str(agents), "--depth", "0"]
    print(subprocess.run(listed, capture_output=True, text=True, check=False).stdout)
    print(HEAD)
    print("|---" * HEAD.count(" | ") + "|---|")
    is_kept = True
    for name, command in COMMANDS.items():
        for seed in range(1, options.seeds + 1):
            found = day(command, seed, agents)
            share = found.nano_usd / LIMIT_USD / 1e9
            is_kept = is_kept and share <= 1 and not found.changed
            capped = found.capped + found.bounded
            print(
                f"| {name} | {seed} | {found.nano_usd / 1e9:.4f} USD, {share:.1%} "
                f"| {len(found.codes)} | {found.calls} | {found.same} | {capped} "
                f"| {found.cut} | {len(found.changed)} |",
                flush=True,
            )
    sys.exit(not is_kept)


if __name__ == "__main__":
    main()
