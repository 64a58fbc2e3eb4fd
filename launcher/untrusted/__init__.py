"""Whatever comes from code that isn't the project's own: text, files, answers of a container."""
