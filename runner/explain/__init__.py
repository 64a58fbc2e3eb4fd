"""What went wrong, as people are told it."""
