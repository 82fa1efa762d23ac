"""The price books: lookup, and exact cost in integers.

Refuses to guess: a name matches as a whole or not at all, and what has no price is never free.
"""
