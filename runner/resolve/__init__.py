"""From a job to the source: module, function, arguments."""
