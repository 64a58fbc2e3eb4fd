"""How a sync is shown: live on a terminal, prefixed lines in a pipe, JSON for machines."""
