"""Parts of ``corvus check`` that a plain check does without."""
