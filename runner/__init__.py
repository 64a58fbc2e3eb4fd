"""What runs inside the container: it resolves and runs the one source of its job.

Only the standard library and dlt may be imported here, because the runner shares its interpreter
with the source: each dependency more would be one that the source could not choose.
"""
