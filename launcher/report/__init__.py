"""One HTML page of what ran."""
