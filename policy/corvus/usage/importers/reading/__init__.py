"""What the readers of many formats share."""
