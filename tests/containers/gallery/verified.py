"""Where tests take verified sources from: modules of the same interface, written for them, or dlt's own.

dlt's own repository can't be had everywhere. Whoever has a work tree of it names that in the variable.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

VARIABLE = "DLTPOD_TEST_VERIFIED_SOURCES"
WRITTEN = Path(__file__).parents[2] / "stand_ins" / "verified"
# Stripe's library looks at no setting of the machine's for certificates, which dlt's source leaves as it is.
TRUST = "\nimport os\nstripe.ca_bundle_path = os.environ['SSL_CERT_FILE']\n"


def said() -> str:
    """What whoever reads the tests' output has to know."""
    if where := os.environ.get(VARIABLE):
        return f"gallery: verified sources of {where}"
    return f"gallery: modules with the interface of dlt's verified sources ({VARIABLE} names a work tree)"


def repository(folder: Path) -> Path:
    """A work tree of verified sources; a copy goes into the folder."""
    where = os.environ.get(VARIABLE)
    if not where:
        return WRITTEN
    shutil.copytree(Path(where) / "sources", folder / "verified" / "sources")
    with (folder / "verified/sources/stripe_analytics/__init__.py").open("a") as code:
        code.write(TRUST)
    return folder / "verified"
