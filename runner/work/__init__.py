"""The process that runs or checks the source."""
