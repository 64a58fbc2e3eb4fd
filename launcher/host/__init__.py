"""This machine: whose rights files are touched with, who containers run as, which launchers live."""
