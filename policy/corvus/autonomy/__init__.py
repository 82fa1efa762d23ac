"""What an agent may do without asking: shell commands, paths, risk. Knows no money."""
