"""Words that are not to be used, counted (style: plain terms of the field)."""

from __future__ import annotations

import re

from tools.checkout import Checkout

WORDS = {
    "told": r"\btold\b",
    "wish": r"\bwish(es)?\b",
    "asked": r"(?<![a-z])asked(?![a-z])",
    "anew": r"\banew\b",
    "beside": r"\bbeside\b",
    "tell whether": r"\btell whether\b",
    "the begin of": r"\bbegin of the\b|\bthe begin\b",
    "for ever": r"\bfor ever\b",
}
PARTICIPLES = re.compile(r"^_?([A-Z]\w*ed|Told|Seen|Known|Shown|Hidden|Held|Found|Kept|Made|Left)$")
VAGUE = {"common", "utils", "util", "helpers", "misc", "inputs", "tools"}
_SUFFIXES = {".py", ".sql", ".html", ".toml", ".js", ".md", ".json"}
_FOLDERS = ("reports", "schemas", "examples", "docs")


def count_words(checkout: Checkout) -> dict[str, int]:
    """Return how often each word stands in what ships and in the texts of the repository."""
    folders = [checkout.sources, *(checkout.folder / name for name in _FOLDERS)]
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in _SUFFIXES]
    paths += [checkout.folder / "README.md"]
    texts = [path.read_text(encoding="utf-8") for path in paths if path.stat().st_size < 300_000]
    return {
        word: sum(len(re.findall(pattern, text, re.IGNORECASE)) for text in texts)
        for word, pattern in WORDS.items()
    }
