"""Streams from Anthropic within the budgets of ./corvus.toml; needs corvus-policy[clients]."""

import anthropic
import httpx2

from corvus import open_runtime
from corvus.clients import GovernedTransport

with open_runtime().governor() as governor:
    http = httpx2.Client(transport=GovernedTransport(governor, project="docs"), timeout=600)
    client = anthropic.Anthropic(http_client=http)
    hello = [{"role": "user", "content": "Hi!"}]
    try:
        with client.messages.stream(
            model="claude-haiku-4-5", max_tokens=200, messages=hello
        ) as told:
            print(told.get_final_text())
    except anthropic.APIStatusError as refused:  # status 402: a budget says no
        print(refused.message)
