"""What runs on the host: it plans, builds images, starts containers and tells what came of them."""

__version__ = "0.1.0"
