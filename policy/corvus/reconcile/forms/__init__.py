"""The forms of bills that are read, each recognised by what is in it and not by its name."""
