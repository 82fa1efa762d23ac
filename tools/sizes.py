"""``python -m tools sizes``: the ratchet of sizes, which only ever gets tighter.

What is larger than a reader takes in at once has a record in ``tests/tidy/sizes.toml``. No module
and no function grows past its record, and new ones stay below the bounds. This command lowers the
records to what is true now; to raise one, edit the file and give the reason in the commit.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "policy" / "corvus"
RECORDS = ROOT / "tests" / "tidy" / "sizes.toml"
MODULE_LINES = 300
"""What a module may have without a record."""
FUNCTION_LINES = 40
"""What a function may have without a record, its docstring included."""
Sizes = Mapping[str, Mapping[str, int]]


def measure() -> dict[str, dict[str, int]]:
    """Return the lines of each module and function of the package that is above the bounds.

    Returns:
        ``modules`` by path, ``functions`` by path and qualified name, such as
        ``store/unit.py:Unit.settle``.
    """
    modules: dict[str, int] = {}
    functions: dict[str, int] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        text, name = path.read_text("utf-8"), path.relative_to(PACKAGE).as_posix()
        lines = len(text.splitlines())
        if lines > MODULE_LINES:
            modules[name] = lines
        for function, length in _functions(ast.parse(text)):
            if length > FUNCTION_LINES:
                functions[f"{name}:{function}"] = length
    return {"modules": modules, "functions": functions}


def recorded() -> dict[str, dict[str, int]]:
    """Return the records."""
    return tomllib.loads(RECORDS.read_text("utf-8"))


def grown(now: Sizes, records: Sizes) -> list[str]:
    """Return what has outgrown its record, or has none, in words."""
    return [
        f"{name} has {lines} lines, {records[kind].get(name, bound)} are recorded"
        for kind, bound in (("modules", MODULE_LINES), ("functions", FUNCTION_LINES))
        for name, lines in now[kind].items()
        if lines > records[kind].get(name, bound)
    ]


def loose(now: Sizes, records: Sizes) -> list[str]:
    """Return the records that are higher than what they record."""
    return [
        f"{kind}: {name}"
        for kind, listed in records.items()
        for name, lines in listed.items()
        if now[kind].get(name, 0) < lines
    ]


def main(arguments: list[str]) -> int:
    """Lower the records; with ``--first``, write them all, also those that grew."""
    now = measure()
    records = now if "--first" in arguments else _lowered(now, recorded())
    RECORDS.write_text(_written(records), "utf-8")
    for words in grown(now, records):
        print(words, file=sys.stderr)
    return 1 if grown(now, records) else 0


def _lowered(now: Sizes, records: Sizes) -> dict[str, dict[str, int]]:
    return {
        kind: {
            name: min(lines, now[kind][name]) for name, lines in listed.items() if name in now[kind]
        }
        for kind, listed in records.items()
    }


def _written(records: Sizes) -> str:
    head = "# Lines of what is larger than the bounds. Lowered by `python -m tools sizes`.\n"
    parts = [
        f"\n[{kind}]\n" + "".join(f'"{name}" = {lines}\n' for name, lines in sorted(listed.items()))
        for kind, listed in records.items()
    ]
    return head + "".join(parts)


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{node.name}"
            if not isinstance(node, ast.ClassDef) and node.end_lineno is not None:
                yield name, node.end_lineno - node.lineno + 1
            yield from _functions(node, f"{name}.")
        else:
            yield from _functions(node, prefix)
