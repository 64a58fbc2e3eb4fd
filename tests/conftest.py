"""What all tests stand on."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# A shell's background job and nohup hand down ignored signals, and the programs that tests start would
# go on ignoring them.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)

# How many examples a property is tried with: few for whoever waits, many where a machine does.
settings.register_profile("few", max_examples=25, deadline=None)
settings.register_profile("many", max_examples=200, deadline=None)
settings.load_profile("many" if os.environ.get("CI") else "few")
