"""Makes a price book of a file that somebody else publishes; never fetches anything (PRC-10).

A wheel of genai-prices, the ``data.json`` of its repository, the prices of LiteLLM (their JSON, or
a wheel that has it), or a book of corvus, which is only verified.
"""

from __future__ import annotations

import json
import zipfile
from decimal import Decimal
from email.parser import HeaderParser
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from corvus.base.errors import PriceSourceRefused
from corvus.config.toml.values import is_table
from corvus.prices.book import verified
from corvus.prices.compile import litellm
from corvus.prices.compile.book import compile_book
from corvus.prices.compile.reading import read_json, read_python
from corvus.prices.compile.records import Provider
from corvus.prices.compile.units import Tally

PACKAGE = "genai-prices"
_DATA = "genai_prices/data.py"
_LARGEST_BYTES = 256 * 1024 * 1024


def book_of(path: Path) -> str:
    """Return the text of the book that a file makes.

    Raises:
        PriceSourceRefused: The file cannot be read, or is none of those that are understood.
    """
    try:
        if zipfile.is_zipfile(path):
            return _of_wheel(path)
        if path.stat().st_size > _LARGEST_BYTES:
            raise PriceSourceRefused(f"{path} is far larger than any list of prices")
        return _of_json(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise PriceSourceRefused(f"cannot read {path}: {failure.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile) as fault:
        raise PriceSourceRefused(f"{path} makes no price book: {fault}") from None


def installed_book() -> str:
    """Return the text of the book that the installed genai-prices makes; it is not imported.

    Raises:
        PriceSourceRefused: It is not installed, or says what is not understood.
    """
    try:
        return _book(installed_providers(), version(PACKAGE))
    except (OSError, ValueError, PackageNotFoundError) as fault:
        raise PriceSourceRefused(f"the installed {PACKAGE} makes no price book: {fault}") from None


def installed_providers() -> list[Provider]:
    """Return what the installed genai-prices states; it is read, not imported.

    Raises:
        PriceSourceRefused: It is not installed.
        OSError: Its file cannot be read.
        ValueError: It says what is not understood.
    """
    found = PathFinder.find_spec("genai_prices")
    folders = found.submodule_search_locations if found else None
    if not folders:
        raise PriceSourceRefused(
            f"{PACKAGE} is not installed here: name a wheel of it, as `pip download --no-deps "
            f"{PACKAGE}` fetches it"
        )
    return read_python(Path(folders[0], "data.py").read_text(encoding="utf-8"))


def _book(providers: list[Provider], release: str) -> str:
    """Return a book of a release that nobody may have reviewed: what it changed stands as it is."""
    return compile_book(providers, PACKAGE, release, Tally(), is_strict=False)


def _of_wheel(path: Path) -> str:
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        if _DATA in names:
            providers = read_python(_text(wheel, _DATA))
            return _book(providers, _release(wheel, names))
        if litellm.FILE in names:
            return litellm.litellm_book(
                _amounts(_text(wheel, litellm.FILE)), _release(wheel, names)
            )
    raise ValueError(f"it has neither {_DATA} nor {litellm.FILE}")


def _text(wheel: zipfile.ZipFile, name: str) -> str:
    if wheel.getinfo(name).file_size > _LARGEST_BYTES:
        raise ValueError(f"{name} is far larger than any list of prices")
    return wheel.read(name).decode()


def _release(wheel: zipfile.ZipFile, names: set[str]) -> str:
    """Return the version that a wheel states of itself."""
    stated = (name for name in sorted(names) if name.endswith(".dist-info/METADATA"))
    name = next(stated, None)
    found = HeaderParser().parsestr(_text(wheel, name)).get("Version") if name else None
    if not found:
        raise ValueError("it does not state its version")
    return found


def _of_json(text: str) -> str:
    loaded: Any = json.loads(text, parse_float=Decimal)
    if isinstance(loaded, dict) and "book" in loaded:
        verified(text.encode())
        return text
    if isinstance(loaded, list) or (isinstance(loaded, dict) and "providers" in loaded):
        return _book(read_json(text), "data.json")
    return litellm.litellm_book(_amounts(text), "json")


def _amounts(text: str) -> litellm.Models:
    """Return the models of LiteLLM; amounts are read from their text, not through a float.

    Raises:
        ValueError: It is no table of models.
    """
    loaded = json.loads(text, parse_float=Decimal)
    if not isinstance(loaded, dict):
        raise ValueError("it has no models")
    models = cast("dict[str, object]", loaded)
    return {name: row for name, row in models.items() if is_table(row)}
