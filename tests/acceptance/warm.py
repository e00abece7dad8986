"""Runs the command line in processes of their own that need not import it first.

This one imports all of Paykeel, and forks itself for each command, which then finds its words, its
environment and its files as if it had been started by hand; nothing else is shared. ``Cli.start``
and whoever looks at starting itself begin with an empty interpreter, as users do.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import runpy
import sys

import paykeel


def become(job: dict[str, object]) -> None:
    """Take on what the command is to find."""
    environment = dict(job["environment"])  # type: ignore[call-overload]
    os.environ.clear()
    os.environ.update(environment)
    for handle, name, flags in (
        (0, "input", os.O_RDONLY),
        (1, "output", os.O_WRONLY),
        (2, "errors", os.O_WRONLY),
    ):
        opened = os.open(str(job[name]), flags)
        os.dup2(opened, handle)
        os.close(opened)
    sys.argv = ["paykeel", *job["words"]]  # type: ignore[misc]


def main() -> None:
    """Read jobs, a line of JSON each, and answer each with the exit code of its command."""
    for module in pkgutil.walk_packages(paykeel.__path__, "paykeel."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := sys.stdin.buffer.readline():
        child = os.fork()
        if child == 0:
            become(json.loads(line))
            runpy.run_module("paykeel", run_name="__main__", alter_sys=True)
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
