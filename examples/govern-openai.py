"""Asks OpenAI within the budgets of ./corvus.toml; needs corvus-policy[clients] and openai."""

import httpx2
import openai

from corvus import open_runtime
from corvus.clients import GovernedTransport

with open_runtime().governor() as governor:
    http = httpx2.Client(transport=GovernedTransport(governor, project="docs"), timeout=600)
    client = openai.OpenAI(http_client=http)
    try:
        answer = client.responses.create(model="gpt-5-mini", input="Hi!", max_output_tokens=200)
        print(answer.output_text)
    except openai.APIStatusError as refused:  # status 402: a budget says no
        print(refused.message)
