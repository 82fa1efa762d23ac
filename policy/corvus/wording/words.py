"""Looks up what a person reads, in their language (DSH-2).

A catalogue is one TOML file for each language; the keys are the same in all of them, which a test
compares, but for those of ``FROM_HEADERS``. Pages are in the reader's language, and so are the two
views of budgets on a terminal, each as a whole; everything else there is English. A text holds
``{name}`` where a value goes; one that counts has a table of two texts, ``one`` and ``other``. A
key that is not there is an error: a page with holes is worse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import TypeAlias, cast

import tomli

LANGUAGES = {"en": "English", "es": "Español"}
"""What there is, with the name that each language has for itself; the first is the default."""
DEFAULT = next(iter(LANGUAGES))
SAID = "said."
"""What stands before a sentence of an error as its key."""
FROM_HEADERS = ("report.", "parameter_hint.", SAID)
"""Keys that the default language lacks: SQL files of reports and errors are worded in it."""

Texts: TypeAlias = Mapping[str, str]


class Words:
    """The words of one language.

    Args:
        language: A key of ``LANGUAGES``.
        texts: What each dotted key says.
    """

    def __init__(self, language: str, texts: Texts) -> None:
        self.language = language
        self.texts = texts

    def __call__(self, key: str, /, **values: object) -> str:
        """Return the text of a key, with values in their places.

        Raises:
            KeyError: The catalogue has no such key, or the text asks for a value that is missing.
        """
        return self.texts[key].format(**values)

    def count(self, key: str, number: int, /, **values: object) -> str:
        """Return the text of a key that counts: that of one, or that of any other number.

        Args:
            key: A key with ``one`` and ``other``.
            number: What is counted; goes to ``{number}`` unless ``values`` say how to write it.
            **values: Further values.
        """
        form = "one" if abs(number) == 1 else "other"
        return self(f"{key}.{form}", **{"number": number, **values})

    def said(self, sentence: str) -> str:
        """Return a sentence of an error in this language; nothing where it has no words for it.

        Errors are worded in English where they are raised. The catalogue of another language has
        each as a text with ``{}`` for a value, under ``SAID``; a value may be such a sentence.
        """
        if self.language == DEFAULT:
            return sentence
        for pattern, text in self._sayings:
            if found := pattern.fullmatch(sentence):
                return text.format(*(self.said(value) or value for value in found.groups()))
        return ""

    @cached_property
    def _sayings(self) -> list[tuple[re.Pattern[str], str]]:
        known = [
            (key.removeprefix(SAID), text)
            for key, text in self.texts.items()
            if key.startswith(SAID)
        ]
        known.sort(key=lambda one: -len(one[0]))  # the most words first
        return [
            (re.compile("(.*?)".join(map(re.escape, english.split("{}"))), re.DOTALL), text)
            for english, text in known
        ]

    def has(self, key: str) -> bool:
        """Return whether the catalogue has a key."""
        return key in self.texts


@cache
def load_words(language: str) -> Words:
    """Return the words of a language.

    Raises:
        KeyError: There is no such language.
    """
    name = {code: f"{code}.toml" for code in LANGUAGES}[language]
    document = tomli.loads(files("corvus.wording").joinpath(name).read_text("utf-8"))
    return Words(language, dict(_flat(document, "")))


def language_of(*preferences: str | None) -> str:
    """Return the first language there is of those preferred, else the default.

    Args:
        *preferences: A language or locale, such as ``es`` or ``es_MX.UTF-8``, or a list of them as
            ``Accept-Language`` has it (RFC 9110, 12.5.4); ``None`` is no preference.
    """
    for preference in preferences:
        for tag in _by_quality(preference or ""):
            code = tag.replace("_", "-").split("-")[0].lower()
            if code in LANGUAGES:
                return code
    return DEFAULT


def _by_quality(header: str) -> list[str]:
    tags: list[tuple[float, str]] = []
    for part in header[:1000].split(","):
        tag, _, parameter = part.strip().partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            quality = 0.0
        if tag and 0 < quality <= 1:
            tags.append((quality, tag.strip()))
    return [tag for _, tag in sorted(tags, key=lambda entry: -entry[0])]


def _flat(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            yield from _flat(cast("dict[str, object]", value), f"{key}.")
        else:
            raise TypeError(f"{key} is no text")
