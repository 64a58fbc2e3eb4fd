"""Verdicts that need no run: on sources, and on this machine."""
