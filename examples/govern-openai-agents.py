"""Runs an agent of OpenAI's SDK within ./corvus.toml; needs corvus-policy[openai-agents]."""

import asyncio

from agents import Agent, OpenAIResponsesModel, Runner
from openai import AsyncOpenAI

from corvus import BudgetExceeded, open_runtime
from corvus.clients.openai_agents import GovernedModel


async def main() -> None:
    async with open_runtime().governor() as governor, AsyncOpenAI(max_retries=0) as client:
        inner = OpenAIResponsesModel("gpt-5-mini", client)
        agent = Agent(name="docs", model=GovernedModel(inner, governor, project="docs"))
        try:
            print((await Runner.run(agent, "Hi!")).final_output)
        except BudgetExceeded as refused:
            print(refused)


asyncio.run(main())
