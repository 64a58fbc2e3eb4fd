"""A container that is kept open, and the commands that are executed in it."""
