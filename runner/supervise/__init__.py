"""The container's first process: it watches over the worker and tells how it ended. Imports no dlt."""
