"""Runs a LangChain model within the budgets of ./corvus.toml; needs corvus-policy[langchain]."""

from langchain_openai import ChatOpenAI

from corvus import BudgetExceeded, open_runtime
from corvus.clients import GovernedCallback

with open_runtime().governor() as governor:
    govern = GovernedCallback(governor, project="docs")
    model = ChatOpenAI(model="gpt-5-mini", max_tokens=200, callbacks=[govern])
    try:
        print(model.invoke("Hi!").text)
    except BudgetExceeded as refused:
        print(refused)
    govern.close()
