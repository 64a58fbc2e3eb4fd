"""What will be done, as frozen values. Nothing here does any of it."""
