"""The command line: it translates and formats, and never decides."""
