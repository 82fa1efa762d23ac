"""What ``check`` and ``migrate`` take: files, standard input, a dialect."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial


def parser_of_files(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Return a parser that knows the arguments which both commands take."""
    parser = argparse.ArgumentParser(
        prog=f"corvus {name}",
        description=description,
        epilog=epilog,
        # A fixed width: asking the terminal for its own imports shutil, for every option.
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=96),
    )
    parser.add_argument(
        "path",
        nargs="*",
        metavar="PATH",
        help="a file, a directory, a pattern, or - for stdin; without one, the config that "
        "governs here: corvus.toml up to the root of the repository, else the user's own",
    )
    parser.add_argument(
        "--dialect",
        choices=("auto", "native", "corvus", "zeroclaw"),
        default="auto",
        help="which keys a file may have (default: decided by the file, and said)",
    )
    parser.add_argument(
        "--stdin-filename", default="<stdin>", metavar="NAME", help="name of - in messages"
    )
    return parser


def usual_files() -> list[str]:
    """Return the config that every other command would read (CFG-6)."""
    from corvus.config.layers.locate import locate

    return [str(path) for path in locate(environment=os.environ).paths] or ["corvus.toml"]


def read_stdin() -> bytes:
    """Read standard input to its end.

    Raises:
        OSError: Whoever started the program closed it.
    """
    if sys.stdin is None:
        raise OSError(None, "standard input is closed")
    return sys.stdin.buffer.read()
