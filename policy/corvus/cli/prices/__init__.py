"""``corvus prices``: what models cost, and which entry of which book says so (PRC-10)."""
