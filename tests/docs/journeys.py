"""How long each job takes a newcomer: ``python -m tests.docs.journeys`` follows every guide.

It counts the commands of a guide and measures what the machine takes for them, each in a process of
its own; what a person takes to read and to type comes on top.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.clients.upstream import Upstream
from tests.docs.pages import ROOT, Page
from tests.docs.reader import Reader
from tests.docs.test_pages import Following


def main() -> int:
    """Follow every guide, and print a row for each."""
    print("| guide | commands | seconds |\n|---|---|---|")
    for path in sorted((ROOT / "docs" / "guides").glob("*.md")):
        page = Page(path)
        with TemporaryDirectory() as folder, Upstream().running() as upstream:
            reader = Reader(Path(folder), upstream)
            for mark in page.marks:
                reader.start(mark.removeprefix("start "))
            following, begun = Following(reader), time.monotonic()
            for block in page.blocks():
                following.follow(block)
            took = time.monotonic() - begun
            reader.close()
        print(f"| {path.stem} | {following.commands} | {took:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
