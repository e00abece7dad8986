"""The command line. ``main`` is the entry; docs/reference/cli.md lists commands and exit codes."""
