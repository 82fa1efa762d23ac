"""The price books: lookup, and exact cost in integers."""
