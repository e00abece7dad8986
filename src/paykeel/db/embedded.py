"""The embedded PostgreSQL: started from a wheel, durable, shared by every process of a data folder.

A data folder holds::

    pg/            the cluster                 pg.new-*/  one that is being made, or was
    run/           the socket                  programs/  a copy for root, where one is needed
    paykeel.conf   our settings                postgres.log, postgres.log.1
    lock           held while somebody starts, stops or attaches
    users          held, shared, by every process that uses the server

Both locks are the kernel's and end with the process that holds them, however it ends. So nobody has
to keep a list of processes, which a killed one would never leave.

Everything here waits, and nothing is async: call it in a thread.
"""

from __future__ import annotations

import atexit
import fcntl
import re
import shutil
import subprocess
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import IO, Literal
from urllib.parse import quote

import psutil

from paykeel.db.embedded_host import (
    SOCKET_NAME,
    Account,
    Deadline,
    configuration,
    find_account,
    find_programs,
    include_settings,
    locked,
    open_lock,
    prepare_folder,
    serves,
    sync_folder,
    tail,
)
from paykeel.errors import DatabaseUnavailable, Misconfigured

StopMode = Literal["smart", "fast", "immediate"]

DATABASE = "paykeel"
OWNER_ROLE = "paykeel_owner"
APP_ROLE = "paykeel_app"
ADMIN_ROLE = "postgres"

_POLL_S = 0.05
#: The exit code by which psql says that the connection failed, and not a statement.
_PSQL_UNCONNECTED = 2
_LOG_BYTES_MAX = 16 * 1024 * 1024
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class EmbeddedServer:
    """A running embedded PostgreSQL and this process's use of it; see :func:`start_embedded`."""

    database_name: str = DATABASE

    def __init__(self, data_dir: Path, account: Account, bin_dir: Path, wait_ms_max: int) -> None:
        self.data_dir = data_dir
        #: Where ``psql``, ``pg_dump`` and the other programs of this version are.
        self.bin_dir = bin_dir
        self.log_path = data_dir / "postgres.log"
        self._account = account
        self._cluster = data_dir / "pg"
        self._run_dir = data_dir / "run"
        self._wait_ms_max = wait_ms_max
        self._users: IO[str] | None = None

    # ------------------------------------------------------------------------- addresses

    @property
    def owner_url(self) -> str:
        """The database as the role that owns it, for migrations."""
        return self.url(OWNER_ROLE)

    @property
    def app_url(self) -> str:
        """The database as the role of the application."""
        return self.url(APP_ROLE)

    @property
    def admin_url(self) -> str:
        """The database ``postgres`` as the superuser."""
        return self.url(ADMIN_ROLE, "postgres")

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return a connection string that asyncpg and libpq understand."""
        # The port is said, or a PGPORT of the environment would be believed.
        return (
            f"postgresql://{role}@/{database}?host={quote(str(self._run_dir), safe='')}&port=5432"
        )

    @property
    def pid(self) -> int | None:
        """The number of the server's first process, or nothing when none runs."""
        match self._server():
            case None | (_, "orphaned"):
                return None
            case (number, _):
                return number

    # ------------------------------------------------------------------------- databases

    def create_database(self, name: str) -> None:
        """Create an empty database, owned and closed as the first one is.

        Raises:
            Misconfigured: It exists, or the name is not lower-case letters, digits and ``_``.
        """
        self.create_database_from_template(name, "template0")

    def create_database_from_template(self, name: str, template: str) -> None:
        """Create a database as a copy of ``template``, to which nobody may be connected."""
        for word in (name, template):
            if not _DATABASE_NAME.fullmatch(word):
                raise Misconfigured(f"{word!r} is no name for a database here.")
        # Each is a transaction of its own: CREATE DATABASE allows no other.
        self._psql(
            f"CREATE DATABASE {name} OWNER {OWNER_ROLE} TEMPLATE {template}"
            " ENCODING 'UTF8' LOCALE 'C';\n"
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;\n"
            f"GRANT CONNECT ON DATABASE {name} TO {APP_ROLE};\n"
        )

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, closing the connections to it."""
        if not _DATABASE_NAME.fullmatch(name) or name == DATABASE:
            raise Misconfigured(f"{name!r} is not to be dropped from here.")
        self._psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE);\n")

    # ------------------------------------------------------------------------- starting, stopping

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server, whoever uses it; ``immediate`` leaves recovery to the next start."""
        deadline = Deadline(self._wait_ms_max)
        with locked(self.data_dir / "lock", deadline):
            self._stop(mode, deadline)

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop the server, if it runs, and start it again."""
        deadline = Deadline(self._wait_ms_max)
        with locked(self.data_dir / "lock", deadline):
            self._stop(mode, deadline)
            self._ensure_running(deadline)

    def release(self) -> None:
        """End this process's use; the server is stopped if no other live process uses it."""
        if self._users is None:
            return
        atexit.unregister(self.release)
        deadline = Deadline(self._wait_ms_max)
        with locked(self.data_dir / "lock", deadline):
            self._leave(deadline)

    def ensure_running(self) -> None:
        """Start the server again if it has died; several processes may find out at once."""
        deadline = Deadline(self._wait_ms_max)
        with locked(self.data_dir / "lock", deadline):
            if self._users is not None:
                self._ensure_running(deadline)

    def attach(self) -> None:
        """Make, start or find the server, and count this process among its users."""
        deadline = Deadline(self._wait_ms_max)
        with locked(self.data_dir / "lock", deadline):
            self._ensure_cluster(deadline)
            self._ensure_running(deadline)
            self._users = open_lock(self.data_dir / "users")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            try:
                self._ensure_roles(deadline)
            except BaseException:
                self._leave(deadline)
                raise
        atexit.register(self.release)

    def _ensure_roles(self, deadline: Deadline) -> None:
        # Also where the server was found running: who started it may have died before this.
        script = files("paykeel.db").joinpath("roles.sql").read_text(encoding="utf-8")
        while True:
            try:
                self._psql(script)
                return
            except DatabaseUnavailable:
                # A server that was killed a moment ago may still be listed as a process.
                if not deadline.left_s:
                    raise
                time.sleep(_POLL_S)
                self._ensure_running(deadline)

    def _leave(self, deadline: Deadline) -> None:
        if self._users is None:
            return
        # Closing and not unlocking: a forked child shares this lock, and may go on.
        self._users.close()
        self._users = None
        with open_lock(self.data_dir / "users") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._stop("fast", deadline)

    def _ensure_cluster(self, deadline: Deadline) -> None:
        if (self._cluster / "PG_VERSION").exists():
            return
        if self._cluster.exists():
            raise Misconfigured(
                f"{self._cluster} holds something that is no PostgreSQL cluster.",
                code="embedded_data_dir_unusable",
            )
        # Made beside its place and moved there when it is whole: an initdb that was killed leaves a
        # folder that looks finished. Under a name of its own each time: an initdb outlives the
        # process that started it, and may still be writing to the last one.
        fresh = Path(tempfile.mkdtemp(prefix="pg.new-", dir=self.data_dir))
        self._account.own(fresh)
        words = ["--username", ADMIN_ROLE, "--encoding=UTF8", "--locale=C", "--data-checksums"]
        words += ["--auth-local=trust", "--auth-host=reject", "--pgdata", str(fresh)]
        code, said = self._run("initdb", *words, timeout_s=deadline.left_s)
        if code != 0 and not deadline.left_s:
            raise self._too_late("made", deadline)
        if code != 0:
            raise Misconfigured(
                f"PostgreSQL could not make its data folder: {said}", code="embedded_start_failed"
            )
        fresh.rename(self._cluster)
        sync_folder(self.data_dir)

    def _ensure_running(self, deadline: Deadline) -> None:
        while True:
            match self._server():
                case None:
                    self._launch(deadline)
                case (_, "ready"):
                    return
                case _:
                    # Another process started it, and died or is recovering; or it is stopping.
                    time.sleep(_POLL_S)
            if not deadline.left_s:
                raise self._too_late("ready", deadline)

    def _launch(self, deadline: Deadline) -> None:
        self._run_dir.mkdir(mode=0o700, exist_ok=True)
        self._account.own(self._run_dir)
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_BYTES_MAX:
            self.log_path.replace(self.log_path.with_name("postgres.log.1"))
        self.log_path.touch(mode=0o600)
        self._account.own(self.log_path)
        for unfinished in self.data_dir.glob("pg.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        settings = self.data_dir / "paykeel.conf"
        settings.write_text(configuration(self._run_dir, self._cluster), encoding="utf-8")
        settings.chmod(0o644)
        include_settings(self._cluster / "postgresql.conf")
        # Stale files name a number that by now may be another process, or a zombie that a
        # container's first process has not collected; PostgreSQL would refuse to start for either.
        # That no server lives in this folder is known from the processes themselves.
        stale = [self._cluster / "postmaster.pid", self._run_dir / SOCKET_NAME]
        for path in [*stale, self._run_dir / f"{SOCKET_NAME}.lock"]:
            path.unlink(missing_ok=True)
        words = ["start", "--wait", "--timeout", str(int(deadline.left_s) + 1), "--silent"]
        words += ["--log", str(self.log_path), "--pgdata", str(self._cluster)]
        code, said = self._run("pg_ctl", *words, timeout_s=deadline.left_s + 5)
        if code != 0 and self._server() is None:
            raise Misconfigured(
                f"The embedded PostgreSQL did not start: {said}\n"
                f"The log is {self.log_path}:\n{tail(self.log_path)}",
                code="embedded_start_failed",
            )

    def _stop(self, mode: StopMode, deadline: Deadline) -> None:
        if self._server() is None:
            return
        words = ["stop", "--wait", "--timeout", str(int(deadline.left_s) + 1), "--silent"]
        words += ["--mode", mode, "--pgdata", str(self._cluster)]
        _, said = self._run("pg_ctl", *words, timeout_s=deadline.left_s + 5)
        # pg_ctl comes back when the pid file is gone; the process may need a moment longer.
        while self._server() is not None:
            if not deadline.left_s:
                raise self._too_late(f"stopped ({said})", deadline)
            time.sleep(_POLL_S)

    def _server(self) -> tuple[int, str] | None:
        """Return the first process's number and its own word for its state, or nothing.

        The state is ``orphaned`` while processes of a killed server have not ended yet: a new one
        cannot start beside them.
        """
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            first = psutil.Process(int(lines[0]))
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            pass
        else:
            if serves(first, self._cluster):
                # The eighth line is written last.
                return first.pid, lines[7].strip() if lines[7:] else "starting"
        for process in psutil.process_iter():
            if serves(process, self._cluster):
                return process.pid, "orphaned"
        return None

    # ------------------------------------------------------------------------- programs

    def _psql(self, script: str) -> None:
        """Run a script as the superuser; each of its statements is a transaction."""
        words = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", self.admin_url]
        code, said = self._run("psql", *words, timeout_s=self._wait_ms_max / 1000, script=script)
        if code in {_PSQL_UNCONNECTED, None}:
            raise DatabaseUnavailable(f"The embedded PostgreSQL does not answer: {said}")
        if code != 0:
            raise Misconfigured(f"The embedded PostgreSQL refused: {said}")

    def _run(
        self, program: str, *words: str, timeout_s: float, script: str = ""
    ) -> tuple[int | None, str]:
        """Run a program of PostgreSQL; return its exit code, if it ended, and what it said."""
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
            given.write(script.encode())
            given.seek(0)
            # Into a file and not a pipe: a server that was started by this keeps it open, and a
            # pipe would be read until the server ends.
            try:
                code = subprocess.run(  # noqa: S603 - our own program and words
                    [str(self.bin_dir / program), *words],
                    check=False,
                    stdin=given,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    timeout=timeout_s,
                    **self._account.process_options(),
                ).returncode
            except subprocess.TimeoutExpired:
                return None, f"{program} took longer than {timeout_s:.0f} s"
            said.seek(0)
            return code, said.read().decode(errors="replace").strip()

    def _too_late(self, what: str, deadline: Deadline) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"The embedded PostgreSQL was not {what} within {deadline.ms} ms "
            "(PAYKEEL_EMBEDDED_START_MS_MAX). Recovery after a crash can take longer; it goes on, "
            f"and a later start finds it. The log is {self.log_path}:\n{tail(self.log_path)}",
            code="embedded_start_timeout",
        )


def start_embedded(
    data_dir: Path, *, postgres_version: int = 18, start_ms_max: int = 120_000
) -> EmbeddedServer:
    """Make, start or find the server of ``data_dir``, and use it until ``release()``.

    Any number of processes may call this at once, and a process may call it twice: one starts the
    server, all get it. It has the roles ``paykeel_owner`` and ``paykeel_app`` and the database
    ``paykeel``, and takes no password, since its socket lets in nobody but this user and root.

    Args:
        data_dir: Made if missing. Its path must be short enough to hold a socket.
        postgres_version: 18 or 16; must be what ``data_dir`` was made with.
        start_ms_max: The longest wait, recovery after a crash included; also for a later stop.

    Raises:
        Misconfigured: The folder, the user or the version does not do; ``code`` says which.
        DatabaseUnavailable: It was not ready in time.
    """
    folder = data_dir.expanduser().resolve()
    account = find_account()
    prepare_folder(folder, account)
    found = folder / "pg" / "PG_VERSION"
    try:
        made_with = found.read_text().strip() if found.exists() else str(postgres_version)
        if made_with != str(postgres_version):
            raise Misconfigured(
                f"{folder} was made by PostgreSQL {made_with}, and {postgres_version} was asked "
                f"for. Set PAYKEEL_EMBEDDED_POSTGRES_VERSION={made_with} to go on with it, or "
                "dump it with the one and restore it with the other: see "
                "docs/operating/database.md.",
                code="embedded_version_mismatch",
            )
        deadline = Deadline(start_ms_max)
        with locked(folder / "lock", deadline):
            bin_dir = find_programs(postgres_version, folder, account)
        server = EmbeddedServer(folder, account, bin_dir, start_ms_max)
        server.attach()
    except PermissionError as error:
        raise Misconfigured(
            f"The data folder (PAYKEEL_DATA_DIR) belongs to another user: {error}.",
            code="embedded_data_dir_unusable",
        ) from error
    return server
