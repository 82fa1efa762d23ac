"""Provider wire formats: what a request may cost at most, and what an answer says it used.

Knows no web framework and does no input or output: it is fed the bytes that pass by.
"""
