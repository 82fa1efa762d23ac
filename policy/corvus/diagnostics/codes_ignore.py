"""The codes of comments that ask to ignore a diagnostic: a comment that does nothing is a finding.

None of them can be ignored itself.
"""

from __future__ import annotations

from corvus.diagnostics.code_info import CodeInfo
from corvus.diagnostics.model import Severity

_WARNING = Severity.WARNING
_GOOD = "[cost]\nwarn_at_percent = 100 # corvus: ignore[extreme-threshold] paged by hand\n"

CODES: tuple[CodeInfo, ...] = (
    CodeInfo(
        "ignore-refused",
        _WARNING,
        "a comment that asks to ignore what cannot be ignored",
        "Warnings and notes can be ignored, and so can unknown-key: such a key is passed over as "
        "if it were not there. Any other error makes the file unusable, and a check that hid it "
        "would let through what every other command refuses.",
        "# corvus: ignore-file[out-of-range] we know\n[cost]\nwarn_at_percent = 80\n",
        _GOOD,
        "Mend the error and remove the comment.",
    ),
    CodeInfo(
        "ignore-unknown-code",
        _WARNING,
        "a comment that names no code of corvus",
        "A comment with a misspelt code, or with none, ignores nothing. There is no way to ignore "
        "everything at once.",
        "[cost]\nwarn_at_percent = 80 # corvus: ignore[extreme-treshold] paged by hand\n",
        _GOOD,
        "Take the suggested spelling; corvus explain lists every code.",
    ),
    CodeInfo(
        "ignore-without-reason",
        _WARNING,
        "a comment that ignores a code and does not say why",
        "Whoever reads the file next must be able to judge whether the reason still holds. Without "
        "one the comment has no effect.",
        "# corvus: ignore-file[extreme-threshold]\n[cost]\nwarn_at_percent = 80\n",
        _GOOD,
        "Write the reason behind the bracket.",
    ),
    CodeInfo(
        "unused-ignore",
        _WARNING,
        "a comment that ignores what is not there",
        "The problem was mended, or the comment stands at another line than the problem. Left in "
        "place it would hide the next problem of that code. A comment counts at the end of the "
        "line it is about or on a line of its own above it; ignore-file counts before the first "
        "key.",
        "[cost]\nwarn_at_percent = 80 # corvus: ignore[extreme-threshold] paged by hand\n",
        _GOOD,
        "Remove the comment, or move it to the line of the problem.",
    ),
)
