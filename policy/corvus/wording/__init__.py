"""The words that people read, in each language, from one catalogue for every surface."""
