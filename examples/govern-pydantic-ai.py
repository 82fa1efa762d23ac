"""Runs an agent of pydantic-ai within ./corvus.toml; needs corvus-policy[pydantic-ai], openai."""

from pydantic_ai import Agent

from corvus import BudgetExceeded, open_runtime
from corvus.clients.pydantic_ai import GovernedModel

with open_runtime().governor() as governor:
    model = GovernedModel("openai-chat:gpt-5-mini", governor, project="docs")
    try:
        print(Agent(model, model_settings={"max_tokens": 200}).run_sync("Hi!").output)
    except BudgetExceeded as refused:
        print(refused)
    model.close()
