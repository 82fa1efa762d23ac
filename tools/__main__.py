"""Entry point: ``python -m tools NAME …``."""

from __future__ import annotations

import sys
from importlib import import_module

TOOLS = {
    "sizes": "lower the records of sizes to what is true",
    "generate": "write every generated file again, or compare with --check",
    "bench": "compare the speed of two checkouts, run by run",
    "fuzz": "make one mistake in valid configs, many times, and judge what a check says",
    "prices": "compare the bundled price book with a second one, and fail on what nobody reviewed",
    "house": "measure the structure of one checkout, or of two side by side",
    "mutate": "change the code at random and see which changes no test notices",
    "surfaces": "record what every surface answers to the same inputs",
}


def main() -> int:
    """Run a tool by its name."""
    name, *arguments = sys.argv[1:] or [""]
    if name not in TOOLS:
        print("usage: python -m tools NAME …\n", file=sys.stderr)
        for tool, summary in TOOLS.items():
            print(f"  {tool:10}{summary}", file=sys.stderr)
        return 2
    return import_module(f"tools.{name}").main(arguments)


if __name__ == "__main__":
    sys.exit(main())
