"""Extract and normalize of rows that come one by one, faster, with dlt in charge.

``switch`` puts the two parts in dlt's place for the length of a step, where dlt is one that they were proven
on.
"""
