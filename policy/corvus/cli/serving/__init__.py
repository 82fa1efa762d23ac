"""Commands about what is served: the gateway, its tokens, and what it sends to people."""
