"""Everything that is measured of one checkout."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.checkout import Checkout
from tools.house.changes import CHANGES, files_of, read_sources, spelled_out
from tools.house.check_run import CheckRun, run_check
from tools.house.graph import longest_chain, rings
from tools.house.modules import Module, read_modules
from tools.house.words import PARTICIPLES, VAGUE, count_words

Ring = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class House:
    """The measurements of a checkout.

    Attributes:
        arrows: For each pair of rooms, how many modules of the one import modules of the other.
        room_rings: With type-only imports counted, and without.
        file_rings: With type-only imports counted, and without.
        chain: The longest chain of imports that are executed when ``cli.check`` is imported.
        changes: The files that each of the twelve changes touches.
        columns: The files that spell out the columns of ``usage_record``.
    """

    checkout: Checkout
    modules: dict[str, Module]
    arrows: Counter[tuple[str, str]]
    room_rings: tuple[list[Ring], list[Ring]]
    file_rings: tuple[list[Ring], list[Ring]]
    chain: list[str]
    check: CheckRun
    changes: dict[str, list[Path]]
    columns: list[Path]
    words: dict[str, int]

    @property
    def rooms(self) -> dict[str, list[Module]]:
        """The modules of each room."""
        found: defaultdict[str, list[Module]] = defaultdict(list)
        for module in self.modules.values():
            found[module.room].append(module)
        return dict(found)

    def lines(self, kind: str = "all") -> int:
        """Return the lines of a kind in the package."""
        return sum(module.lines[kind] for module in self.modules.values())

    @property
    def flattest(self) -> list[tuple[str, int]]:
        """The folders with the most modules directly in them."""
        found = Counter(
            module.path.parent.relative_to(self.checkout.sources).as_posix()
            for module in self.modules.values()
        )
        return found.most_common()

    @property
    def file_names(self) -> list[tuple[str, int]]:
        """File names that occur more than three times, ``__init__`` apart."""
        found = Counter(module.path.stem for module in self.modules.values())
        del found["__init__"]
        return [(name, times) for name, times in found.most_common() if times > 3]

    @property
    def class_names(self) -> list[tuple[str, int]]:
        """Class names that occur more than twice."""
        found = Counter(name for module in self.modules.values() for name in module.classes)
        return [(name, times) for name, times in found.most_common() if times > 2]

    @property
    def participles(self) -> list[str]:
        """Classes that are named by a participle."""
        names = {name for module in self.modules.values() for name in module.classes}
        return sorted(filter(PARTICIPLES.match, names))

    @property
    def vague(self) -> list[str]:
        """Modules with a name that says nothing."""
        return sorted(name for name in self.modules if name.rpartition(".")[2] in VAGUE)


def measure(checkout: Checkout, run: Callable[[Checkout], CheckRun] = run_check) -> House:
    """Measure a checkout.

    Args:
        checkout: What is measured.
        run: Runs ``corvus check`` and counts what it imports.
    """
    modules = read_modules(checkout)
    sources = read_sources(checkout)
    eager = {
        name: {found.target for found in module.imports if not found.is_type_only | found.is_lazy}
        for name, module in modules.items()
    }
    return House(
        checkout,
        modules,
        _arrows(modules),
        (rings(_room_graph(modules)), rings(_room_graph(modules, with_types=False))),
        (rings(_file_graph(modules)), rings(_file_graph(modules, with_types=False))),
        longest_chain(eager, "cli.check"),
        run(checkout),
        {change.name: files_of(change, sources) for change in CHANGES},
        spelled_out(sources),
        {**count_words(checkout), "`one` as a loop name": _loops(modules, "one")},
    )


def _loops(modules: dict[str, Module], name: str) -> int:
    return sum(module.loop_names.count(name) for module in modules.values())


def _file_graph(modules: dict[str, Module], *, with_types: bool = True) -> dict[str, set[str]]:
    return {
        name: {found.target for found in module.imports if with_types or not found.is_type_only}
        for name, module in modules.items()
    }


def _room_graph(modules: dict[str, Module], *, with_types: bool = True) -> dict[str, set[str]]:
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for name, targets in _file_graph(modules, with_types=with_types).items():
        graph[modules[name].room] |= {target.partition(".")[0] for target in targets}
    return {room: targets - {room} for room, targets in graph.items()}


def _arrows(modules: dict[str, Module]) -> Counter[tuple[str, str]]:
    return Counter(
        (module.room, found.target.partition(".")[0])
        for module in modules.values()
        for found in module.imports
        if found.target.partition(".")[0] != module.room
    )
