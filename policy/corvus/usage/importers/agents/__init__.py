"""Formats of other coding agents than Claude Code and Codex, and what these two are read with."""
