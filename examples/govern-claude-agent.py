"""Runs Claude's agent through `corvus gateway`; needs corvus-policy[claude-agent] and a token."""

import asyncio
import os

from claude_agent_sdk import AssistantMessage, TextBlock, query

from corvus import BudgetExceeded, open_runtime
from corvus.clients.claude_agent import budget_options


async def main() -> None:
    try:
        with open_runtime().governor() as governor:
            options = budget_options(governor, token=os.environ["GATEWAY_TOKEN"], agent="docs")
    except BudgetExceeded as refused:
        return print(refused)
    async for message in query(prompt="Hi!", options=options):
        if isinstance(message, AssistantMessage):
            print("".join(part.text for part in message.content if isinstance(part, TextBlock)))


asyncio.run(main())
