"""Images: present, pulled from the registry, or built."""
