"""What is known of the wire of each provider, in one file each."""
