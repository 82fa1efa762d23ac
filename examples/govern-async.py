"""Asks OpenAI under asyncio within ./corvus.toml; needs corvus-policy[clients] and openai."""

import asyncio

import httpx2
import openai

from corvus import open_runtime
from corvus.clients import AsyncGovernedTransport


async def main() -> None:
    async with open_runtime().governor() as governor:
        transport = AsyncGovernedTransport(governor, project="docs")
        async with httpx2.AsyncClient(transport=transport, timeout=600) as http:
            client = openai.AsyncOpenAI(http_client=http)
            try:
                answer = await client.responses.create(
                    model="gpt-5-mini", input="Hi!", max_output_tokens=200
                )
                print(answer.output_text)
            except openai.APIStatusError as refused:  # status 402: a budget says no
                print(refused.message)


asyncio.run(main())
