"""What is tried before a call is refused, in order: cap, wait, downgrade, ask (EVA-14)."""
