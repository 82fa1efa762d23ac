"""How large a document may be: bounds that no honest configuration comes near."""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 1_048_576
"""Largest file that is read, in bytes."""

MAX_DEPTH: Final = 64
"""Deepest nesting of brackets, of dotted keys and of the data they make."""

MAX_EXPONENT: Final = 308
"""Largest decimal exponent of a 64-bit float; its negative is that of the smallest normal one."""

MAX_FINDINGS: Final = 1000
"""Most findings about settings that are reported for one file."""

MAX_PROBLEMS: Final = 100
"""Most problems that are reported for one file as TOML."""
