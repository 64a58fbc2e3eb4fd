"""What is installed: ``launcher`` and ``runner`` lie within this folder, and beside it in a clone.

They are found from here under those names, so site-packages gets no other name than this one.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# First, so that a module of the same name in the folder that someone works in isn't taken instead.
sys.path.insert(0, str(_HERE if (_HERE / "launcher").is_dir() else _HERE.parent))
