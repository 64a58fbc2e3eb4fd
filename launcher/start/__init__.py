"""The first files of a project, and of each new source."""
