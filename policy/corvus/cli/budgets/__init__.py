"""What the command line says of budgets: tables for a person, lines for a program."""
