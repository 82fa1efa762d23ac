"""What the URL of a store that hosts share says, as far as nobody is asked (STO-1)."""
