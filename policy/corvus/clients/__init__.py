"""Governs the calls of Python programs where they are made: SDK transports, callbacks (PRX-6)."""
