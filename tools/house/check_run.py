"""What ``corvus check FILE`` really imports, seen in a child process."""

from __future__ import annotations

import json
import subprocess
from typing import NamedTuple

from tools.checkout import Checkout

_CHILD = """
import json, sys
from importlib import import_module
main = import_module(sys.argv[1] + ".cli.main").main
code = main(["check", sys.argv[2]])
found = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
print("\\n" + json.dumps({"code": code, "modules": found}))
"""


class CheckRun(NamedTuple):
    """What one run of ``corvus check`` had to import.

    Attributes:
        modules: All modules, the interpreter's own included.
        own_modules: Those of corvus.
        own_lines: The lines of these.
    """

    modules: int
    own_modules: int
    own_lines: int


def run_check(checkout: Checkout) -> CheckRun:
    """Check a shipped example in a child process and count what it imported."""
    example = checkout.folder / "examples/first-light/corvus.toml"
    done = subprocess.run(
        [checkout.python, "-P", "-c", _CHILD, checkout.package, str(example)],
        env=checkout.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["code"] == 0, done.stdout + done.stderr
    own = {
        name: path
        for name, path in report["modules"].items()
        if name == checkout.package or name.startswith(f"{checkout.package}.")
    }
    lines = 0
    for path in own.values():
        if path is not None:
            with open(path, encoding="utf-8") as source:
                lines += sum(1 for _ in source)
    return CheckRun(len(report["modules"]), len(own), lines)
