"""How one job's slice of the secrets is cut. ``launcher.secrets`` is the way in."""
