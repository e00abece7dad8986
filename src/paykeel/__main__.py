"""``python -m paykeel`` is the command line."""

import sys

from paykeel.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
