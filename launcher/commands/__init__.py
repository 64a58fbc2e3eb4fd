"""The commands, one module each; ``launcher.cli`` imports the one that is called."""
