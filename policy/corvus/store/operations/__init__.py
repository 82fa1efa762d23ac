"""What an operator does with a store: makes it, examines it, has it alone for a move."""
