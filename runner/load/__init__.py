"""Extract, normalize, load."""
