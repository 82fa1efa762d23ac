"""Reading command lines, and the one style of what is wrong with them."""
