"""Every dotted name of Python that the README and the docs show can be imported as it is spelt."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it comes over the net
ROOT = Path(__file__).parents[2]
FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAME = re.compile(r"(?<![\w./-])corvus(?:\.[A-Za-z_]\w*)+(?![\w/*-])")
IMPORT = re.compile(r"^from (corvus(?:\.\w+)*) import (.+)$", re.MULTILINE)
ENDINGS = {"json", "jsonl", "md", "py", "sarif", "service", "sock", "toml", "xml"}
"""Behind these the name is that of a file."""


def shown() -> list[str]:
    names: dict[str, None] = {}
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        names |= dict.fromkeys(name for name in NAME.findall(text))
        for module, imported in IMPORT.findall(text):
            parts = (one.strip().split(" as ")[0] for one in imported.strip("()").split(","))
            names |= dict.fromkeys(f"{module}.{part}" for part in parts if part.isidentifier())
    return sorted(name for name in names if name.rpartition(".")[2] not in ENDINGS)


def test_the_docs_name_the_ways_to_govern_a_program() -> None:
    assert {
        "corvus.clients.AsyncGovernedTransport",
        "corvus.clients.langchain.BudgetMiddleware",
        "corvus.clients.litellm.BudgetLogger",
        "corvus.clients.openai_agents.GovernedModel",
        "corvus.clients.pydantic_ai.GovernedModel",
        "corvus.clients.claude_agent.budget_options",
    } <= {*shown()}


@pytest.mark.filterwarnings("ignore")  # of libraries that are imported for the first time
@pytest.mark.parametrize("name", shown())
def test_a_dotted_name_is_there(name: str) -> None:
    parts = name.split(".")
    found: object = import_module(parts[0])
    for at, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = import_module(".".join(parts[:at]))
    assert found is not None
