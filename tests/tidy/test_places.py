"""No file says where it was made or where its packages came from.

The names looked for are put together here from pieces, or this file would find itself.
"""

import re

import pytest

from tests.tidy.sources import Source, sources

_HOSTS = (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"))
_FOLDERS = ("work", "root")
_BANNED = re.compile(
    "|".join(rf"\b{re.escape('.'.join(host))}\b" for host in _HOSTS)
    + rf"|(?<![\w.~}}])/(?:{'|'.join(_FOLDERS)})/"
)
# A lock names packages, versions and hashes: nothing that says from where.
_ORIGIN = re.compile(r"://|^\s*-(?!-hash=)|\bfile:|@ ", re.MULTILINE)


def places(source: Source) -> list[str]:
    """Find hosts of package registries, and folders of one machine."""
    return [
        f"{source.path}:{number}: says {found[0]}"
        for number, line in enumerate(source.text.splitlines(), 1)
        if (found := _BANNED.search(line))
    ]


def origins(source: Source) -> list[str]:
    """Find whatever ties a lock to one registry or one machine."""
    return [f"{source.path}: says {found[0].strip()}" for found in _ORIGIN.finditer(source.text)]


def test_no_file_names_a_machine_or_a_registry() -> None:
    assert [fault for source in sources() for fault in places(source)] == []


def test_locks_name_no_origin() -> None:
    locks = list(sources("requirements", suffix=".txt"))
    assert locks
    assert [fault for source in locks for fault in origins(source)] == []


@pytest.mark.parametrize("host", [".".join(host) for host in _HOSTS])
def test_a_registry_is_seen(host: str) -> None:
    assert places(Source("a.md", f"fine\nsee files.{host}, please")) == [f"a.md:2: says {host}"]


@pytest.mark.parametrize("folder", [f"/{folder}/" for folder in _FOLDERS])
def test_a_folder_of_one_machine_is_seen(folder: str) -> None:
    assert places(Source("a.md", f"in {folder}main")) == [f"a.md:1: says {folder}"]
    assert places(Source("a.md", f"in ./some{folder}main")) == []


@pytest.mark.parametrize(
    "line",
    ["--index-url a", "-f wheels", "a @ b", "a==1 --hash=c\n  # https://b", "-e file:a"],
)
def test_an_origin_in_a_lock_is_seen(line: str) -> None:
    assert origins(Source("dev.txt", line))
    assert origins(Source("dev.txt", "# make lock\na==1 \\\n    --hash=sha256:00\n")) == []
