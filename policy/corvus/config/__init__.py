"""Text to typed settings, with a position for everything."""
