"""How calls end that nobody settles by hand: the sums they are counted in, and reported ones."""
