"""``python -m corvus``: the ``corvus`` command."""

from __future__ import annotations

import sys

from corvus.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
