"""Runs an agent of LangChain within ./corvus.toml; needs corvus-policy[langchain-agents]."""

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

from corvus import BudgetExceeded, open_runtime
from corvus.clients.langchain import BudgetMiddleware

with open_runtime().governor() as governor:
    govern = BudgetMiddleware(governor, project="docs")
    agent = create_agent(ChatOpenAI(model="gpt-5-mini"), middleware=[govern])
    try:
        print(agent.invoke({"messages": [("user", "Hi!")]})["messages"][-1].text)
    except BudgetExceeded as refused:
        print(refused)
    govern.close()
