"""What an image must hold for a source, as a value."""
