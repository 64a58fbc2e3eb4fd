"""A container that is held open to look around in."""
