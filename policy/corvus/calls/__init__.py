"""The sans-IO life of one governed call: what it asks for, how it is let in, how it ends."""
