"""Docker, and what answers at its API."""
