"""Kubernetes: a run is a Job."""
