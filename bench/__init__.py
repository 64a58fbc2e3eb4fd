"""What dltpod costs, side by side with doing the same by hand. ``python -m bench [NAME…]``.

The machine's speed drifts, so figures that are compared are taken in pairs, in turn, and the ratio is
that of each pair; minimum, median and maximum are told.
"""
