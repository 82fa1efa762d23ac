"""Measure the structure of a checkout, or of two side by side.

::

    python -m tools house                     this checkout
    python -m tools house FOLDER --draw       another one, with a picture of its rooms
    python -m tools house --compare A B       two, side by side
    python -m tools house --compare A B --files   and the files of each of the twelve changes

All is read from the sources by AST; only what ``corvus check`` imports is seen in a child process.
A room is what stands directly in the package, a folder or a module. An arrow is a pair of rooms of
which one imports the other. A ring is a set of rooms, or of files, each of which leads to all the
others; unless said otherwise, imports for types count.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.checkout import HERE, checkout_at
from tools.house.measure import House, measure
from tools.house.picture import draw
from tools.house.table import compare


def main(arguments: list[str]) -> int:
    """Print the measurements."""
    parser = argparse.ArgumentParser(prog="python -m tools house")
    parser.add_argument("folder", nargs="?", type=Path, default=HERE)
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"))
    parser.add_argument("--draw", action="store_true", help="draw the rooms by height")
    parser.add_argument("--files", action="store_true", help="name the files behind the counts")
    options = parser.parse_args(arguments)
    folders = options.compare or [options.folder]
    houses: list[House] = [measure(checkout_at(folder)) for folder in folders]
    print(compare(houses, with_files=options.files))
    if options.draw:
        for house in houses:
            print(f"\n{house.checkout.folder}\n\n{draw(house)}")
    return 0
