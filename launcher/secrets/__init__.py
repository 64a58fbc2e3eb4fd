"""What one source and run sees of the project's secrets and configuration, and nothing of another's."""
