"""The sources for something else to run: Compose, Kubernetes, CI, cron."""
