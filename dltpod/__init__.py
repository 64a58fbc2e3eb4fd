"""``from dltpod import sync, check``: see ``dltpod.api``.

``launcher`` and ``runner`` lie within this folder where it is installed, and beside it in a clone. They are
found from here under those names, so site-packages gets no other name than this one.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

_HERE = Path(__file__).resolve().parent
# First, so that a module of the same name in the folder that someone works in isn't taken instead; both at
# once, for the path is the program's own: Dagster, say, puts it back.
sys.path.insert(0, str(_HERE if (_HERE / "launcher").is_dir() else _HERE.parent))
try:
    import launcher
    import runner
finally:
    del sys.path[0]
for _found in (launcher, runner):
    if Path(_found.__file__ or "").resolve().parent.parent not in (_HERE, _HERE.parent):
        raise ImportError(f"dltpod needs the name '{_found.__name__}', which {_found.__file__} has taken")

if TYPE_CHECKING:
    from dltpod.api import *  # noqa: F403 - what its __all__ lists


def __getattr__(name: str) -> Any:
    """The names of ``dltpod.api``, read when one is first asked for: the command line needs none of them."""
    from importlib import import_module

    api = import_module("dltpod.api")
    if name in api.__all__ or name == "__all__":
        return getattr(api, name)
    raise AttributeError(f"module 'dltpod' has no attribute '{name}'")
