"""What a killed run left behind: found, finished or undone."""
