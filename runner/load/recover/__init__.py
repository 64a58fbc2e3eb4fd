"""Finds what a killed run left, and finishes or undoes it."""
