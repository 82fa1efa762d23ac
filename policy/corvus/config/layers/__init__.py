"""What decides a key: files, environment, options; and where each value came from."""
