"""Makes dlt faster with rows that come one by one. The results are dlt's own.

``switch`` replaces functions of dlt for the length of a step, for the versions of dlt that were tested.
"""
