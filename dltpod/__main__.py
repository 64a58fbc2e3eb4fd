"""``python -m dltpod`` is ``dltpod``."""

from __future__ import annotations

from launcher.cli import program

if __name__ == "__main__":
    program()
