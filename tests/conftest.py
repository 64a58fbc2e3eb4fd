"""What all tests stand on."""

from __future__ import annotations

import signal

# A shell's background job and nohup hand down ignored signals, and the programs that tests start would
# go on ignoring them.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)
