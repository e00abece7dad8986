"""Add up several pytest runs and print one line for them all.

Reads the JUnit files named on the command line. A file that is not there is a run that
selected nothing or never finished; pytest's own exit status tells those two apart.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def add_up(paths: list[Path]) -> tuple[int, int, int]:
    """Return the counts of passed, failed and skipped tests in all of the files."""
    passed = failed = skipped = 0
    for path in paths:
        for suite in ET.parse(path).getroot().iter("testsuite"):  # noqa: S314 - pytest wrote it
            bad = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
            left_out = int(suite.get("skipped", "0"))
            passed += int(suite.get("tests", "0")) - bad - left_out
            failed += bad
            skipped += left_out
    return passed, failed, skipped


def main() -> int:
    """Print the total, and fail where a test failed or none passed."""
    passed, failed, skipped = add_up([path for path in map(Path, sys.argv[1:]) if path.exists()])
    sys.stdout.write(f"{passed} passed, {failed} failed, {skipped} skipped\n")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
