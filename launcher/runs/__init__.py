"""Runs of sources, from the request to the record of how each ended."""
