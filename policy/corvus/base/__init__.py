"""What every room may use: errors, money, time, globs. Knows nothing of the domain."""
