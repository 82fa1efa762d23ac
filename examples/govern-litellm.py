"""Asks a model through LiteLLM within ./corvus.toml; needs corvus-policy[litellm]."""

import asyncio

import litellm

from corvus import BudgetExceeded, open_runtime
from corvus.clients.litellm import BudgetLogger


async def main() -> None:
    async with open_runtime().governor() as governor:
        litellm.callbacks = [BudgetLogger(governor, project="docs")]
        hello = [{"role": "user", "content": "Hi!"}]
        try:
            answer = await litellm.acompletion("gpt-5-mini", hello, max_tokens=200)
            print(answer.choices[0].message.content)
        except BudgetExceeded as refused:
            print(refused)


asyncio.run(main())
