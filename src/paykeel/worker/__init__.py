"""The worker: bounded loops that look after what a request left behind."""

from paykeel.worker.loops import Worker

__all__ = ["Worker"]
