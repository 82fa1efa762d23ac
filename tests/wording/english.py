"""Finds English in what should be Spanish: texts of the catalogue, and the words of sentences."""

from __future__ import annotations

import re

from corvus.wording.words import load_words

NAMES = {
    *("day", "month", "session", "experiments", "each-session-agent", "opus-week"),
    *("read", "proxy", "admin", "reserve", "done", "shared", "past"),
    *("project", "agent", "model", "user", "csv", "svg", "unknown", "deny"),
}
"""Names of budgets, tokens, sessions, providers and attributes: the same in every language."""
ENGLISH = re.compile(
    r"(?<![\w-])(the|of|and|is|are|was|were|has|have|with|from|this|that|which|not|for|only|each|by|to|at"
    r"|in|it|its|or|must|be|an|on|as|what|who|when|left|needed|there|already|calls?|spent)(?![\w-])",
    re.IGNORECASE,
)
"""Small words that English sentences are made of, and Spanish ones are not."""


def english_phrases() -> list[str]:
    """Return the pieces of the English catalogue that Spanish does not share."""

    def pieces(language: str) -> set[str]:
        found: set[str] = set()
        for text in load_words(language).texts.values():
            for part in re.split(r"\{.*?\}|`.*?`", text):
                found.add(part.strip(" .,:;·()“”«»?!\n").casefold())
        return found

    own = pieces("en") - pieces("es")
    spanish = " ".join(load_words("es").texts.values()).casefold()
    return sorted(
        one
        for one in own
        if len(one) > 3 and one not in NAMES and not re.search(rf"\b{re.escape(one)}\b", spanish)
    )


def english_in(text: str, phrases: list[str]) -> list[str]:
    """Return what is English in a text."""
    folded = text.casefold()
    found = [one for one in phrases if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", folded)]
    return found + [one[0] for one in ENGLISH.finditer(text) if one[0].lower() not in NAMES]
