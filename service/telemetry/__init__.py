"""What the service tells about itself: logs without secrets, and metrics."""
