"""What screens are made of: drawn line by line, so that a small change sends few bytes."""
