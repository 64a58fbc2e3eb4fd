"""Which sources a change touches."""
