"""Writes the measurements as a table, one column for each checkout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tools.house.changes import CHANGES
from tools.house.measure import House

_SMALL, _MIDDLING, _LARGE = 60, 100, 300


def compare(houses: Sequence[House], *, with_files: bool = False) -> str:
    """Return a table of what was measured.

    Args:
        houses: One or two checkouts.
        with_files: Whether to name the files that a change touches.
    """
    rows = [(name, [str(value(house)) for house in houses]) for name, value in _ROWS]
    rows += [
        (
            f"files touched: {change.name} ({change.member})",
            [str(len(house.changes[change.name])) for house in houses],
        )
        for change in CHANGES
    ]
    rows += [
        (f"word: {word}", [str(house.words[word]) for house in houses]) for word in houses[0].words
    ]
    width = max(len(name) for name, _ in rows)
    columns = [max(len(values[index]) for _, values in rows) for index in range(len(houses))]
    lines = [
        "  ".join(
            [
                name.ljust(width),
                *(value.rjust(size) for value, size in zip(values, columns, strict=True)),
            ]
        )
        for name, values in rows
    ]
    for house in houses:
        lines += ["", f"# {house.checkout.folder}", *_details(house, with_files=with_files)]
    return "\n".join(lines)


def _share(house: House, holds: Callable[[int], bool]) -> int:
    return sum(holds(module.lines["all"]) for module in house.modules.values())


def _functions(house: House) -> list[int]:
    return sorted(length for module in house.modules.values() for length in module.functions)


def _listed(ring_sizes: Iterable[Sequence[str]]) -> str:
    sizes = [str(len(ring)) for ring in ring_sizes]
    return f"{len(sizes)} ({', '.join(sizes)})" if sizes else "0"


_ROWS: tuple[tuple[str, Callable[[House], object]], ...] = (
    ("modules", lambda house: len(house.modules)),
    ("lines", lambda house: house.lines()),
    ("  of code", lambda house: house.lines("code")),
    ("  of docstrings", lambda house: house.lines("docstring")),
    ("  blank", lambda house: house.lines("blank")),
    ("  of imports", lambda house: house.lines("import")),
    ("  of comments", lambda house: house.lines("comment")),
    (f"modules of at most {_SMALL} lines", lambda house: _share(house, lambda n: n <= _SMALL)),
    (
        f"modules of at most {_MIDDLING} lines",
        lambda house: _share(house, lambda n: n <= _MIDDLING),
    ),
    (f"modules over {_LARGE} lines", lambda house: _share(house, lambda n: n > _LARGE)),
    ("functions", lambda house: len(_functions(house))),
    ("  lines of a function, median", lambda house: _functions(house)[len(_functions(house)) // 2]),
    ("  lines of the longest", lambda house: _functions(house)[-1]),
    ("rooms", lambda house: len(house.rooms)),
    ("arrows between rooms", lambda house: len(house.arrows)),
    ("rings of rooms (their sizes)", lambda house: _listed(house.room_rings[0])),
    ("  without type-only imports", lambda house: _listed(house.room_rings[1])),
    ("circles of files (their sizes)", lambda house: _listed(house.file_rings[0])),
    ("  without type-only imports", lambda house: _listed(house.file_rings[1])),
    ("modules in the flattest folder", lambda house: house.flattest[0][1]),
    ("file names more than three times", lambda house: len(house.file_names)),
    ("class names more than twice", lambda house: len(house.class_names)),
    ("classes named by a participle", lambda house: len(house.participles)),
    ("modules with a vague name", lambda house: len(house.vague)),
    ("longest import chain of `check`", lambda house: len(house.chain)),
    ("modules that `check FILE` imports", lambda house: house.check.modules),
    ("  of corvus", lambda house: house.check.own_modules),
    ("  their lines", lambda house: house.check.own_lines),
    ("files that spell out usage_record", lambda house: len(house.columns)),
)


def _details(house: House, *, with_files: bool) -> list[str]:
    lines = [
        "rings of rooms: " + ("; ".join(" ".join(ring) for ring in house.room_rings[0]) or "none"),
        "circles of files: "
        + ("; ".join(" ".join(ring) for ring in house.file_rings[0]) or "none"),
        "flattest folders: " + _counted(house.flattest[:5]),
        "file names: " + _counted(house.file_names),
        "class names: " + _counted(house.class_names),
        "participles: " + " ".join(house.participles),
        "vague names: " + " ".join(house.vague),
        "longest import chain of `check`: " + " > ".join(house.chain),
    ]
    if with_files:
        lines += [
            f"{name}: " + " ".join(path.as_posix() for path in paths)
            for name, paths in {**house.changes, "usage_record": house.columns}.items()
        ]
    return lines


def _counted(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {times}" for name, times in pairs) or "none"
