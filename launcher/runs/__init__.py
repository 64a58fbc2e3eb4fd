"""Runs sources, and records how each run ended."""
