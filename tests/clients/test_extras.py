"""PRX-6: each adapter can be imported only with its extra, and says which one that is."""

from __future__ import annotations

import subprocess
import sys

import pytest

import corvus.clients

ADAPTERS = {
    "claude_agent": ("claude_agent_sdk", "claude-agent"),
    "langchain.callback": ("langchain_core", "langchain"),
    "langchain.middleware": ("langchain.agents", "langchain-agents"),
    "litellm": ("litellm", "litellm"),
    "openai_agents": ("agents", "openai-agents"),
    "pydantic_ai": ("pydantic_ai", "pydantic-ai"),
    "transport": ("httpx2", "clients"),
}


def run(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_without_its_library_says_what_to_install(name: str) -> None:
    library, extra = ADAPTERS[name]
    block = f"import sys; sys.modules[{library!r}] = None; import corvus.clients.{name}"
    result = run(block)
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError")
    assert f"pip install 'corvus-policy[{extra}]'" in last


def test_a_public_name_without_its_library_says_so_too() -> None:
    result = run(
        "import sys; sys.modules['litellm'] = None; from corvus.clients import BudgetLogger"
    )
    assert "pip install 'corvus-policy[litellm]'" in result.stderr


def test_the_package_alone_loads_no_library() -> None:
    libraries = {library.partition(".")[0] for library, _ in ADAPTERS.values()}
    result = run(f"import corvus.clients, sys; print(sorted({libraries} & set(sys.modules)))")
    assert result.stdout.strip() == "[]"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*corvus.clients.__all__, "GovernedMiddleware"])
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(corvus.clients, name) is not None


def test_there_is_no_other_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'GovernedModel'"):
        corvus.clients.GovernedModel  # pyright: ignore[reportAttributeAccessIssue] # noqa: B018
