"""OpenAI's API as it answers, and the ways of the vendors and servers that speak it, too."""
