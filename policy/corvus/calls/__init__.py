"""The sans-IO life of one governed call: what it may cost, how it is let in, how it ends."""
