"""``corvus lsp``: a language server for configs, over standard input and output.

It formats what the rooms below know for an editor and decides nothing. What is checked is the text
that the editor shows, saved or not. It reads the store next to any writer, and changes no byte of
it; it never opens the ledger.
"""
