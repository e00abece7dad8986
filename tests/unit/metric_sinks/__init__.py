"""The pure parts of the sinks of metrics."""
