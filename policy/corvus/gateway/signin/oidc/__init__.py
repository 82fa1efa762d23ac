"""The company's OpenID provider: where people are led to, and what is believed of its answer."""
