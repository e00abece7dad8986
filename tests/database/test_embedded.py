"""The embedded server: shared by processes, durable, and found again after anything was killed."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from paykeel.db.embedded_host import configuration, find_account
from paykeel.errors import Misconfigured
from tests.database.embedded import Start, gone, query, said, starts, users

# ------------------------------------------------------------------------------ what it is


@pytest.mark.parametrize("version", [16, 18])
def test_a_new_server_has_roles_and_a_closed_database(start: Start, version: int) -> None:
    server = start(postgres_version=version)
    assert query(server.app_url, "SELECT current_user || '@' || current_database()") == (
        "paykeel_app@paykeel"
    )
    assert query(server.owner_url, "SELECT current_user::text") == "paykeel_owner"
    assert query(server.admin_url, "SHOW server_version_num").startswith(str(version))
    assert query(server.admin_url, "SHOW data_checksums") == "on"
    rights = "SELECT datacl::text FROM pg_database WHERE datname = 'paykeel'"
    assert query(server.admin_url, rights) == (
        "{paykeel_owner=CTc/paykeel_owner,paykeel_app=c/paykeel_owner}"
    )
    might = (
        "SELECT bool_or(rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"
        " FROM pg_roles WHERE rolname LIKE 'paykeel%'"
    )
    assert query(server.admin_url, might) is False


def test_our_settings_are_in_force(start: Start) -> None:
    server = start()
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "wal_compression": "pglz",
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "jit": "off",
        "TimeZone": "UTC",
    }
    found = {name: query(server.admin_url, f"SHOW {name}") for name in wanted}
    assert found == wanted
    assert query(server.admin_url, "SELECT count(*) FROM pg_file_settings WHERE error <> ''") == 0
    # Once, however often it is started.
    server.restart()
    main = (server.data_dir / "pg" / "postgresql.conf").read_text()
    assert main.count("paykeel.conf") == 1


def test_the_operators_page_lists_every_setting() -> None:
    page = Path(__file__).parents[2] / "docs" / "operating" / "database.md"
    rows = page.read_text(encoding="utf-8").split("### Settings")[1].split("###")[0]
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| (.+?) \|", rows, re.MULTILINE))
    written = re.findall(r"^([a-z_]+) = (.+)$", configuration(Path("r"), Path("c")), re.MULTILINE)
    assert list(listed) == [name for name, _ in written]
    # Two depend on the folder, one on the machine.
    varies = {"unix_socket_directories", "cluster_name", "shared_buffers"}
    assert {name for name, value in written if listed[name] != f"`{value}`"} <= varies


def test_only_this_user_and_root_can_come_in(start: Start) -> None:
    server = start()
    run = server.data_dir / "run"
    assert run.stat().st_mode & 0o077 == 0
    assert (run / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    assert (server.data_dir / "pg").stat().st_mode & 0o077 == 0
    for name in ("lock", "users", "postgres.log"):
        assert (server.data_dir / name).stat().st_mode & 0o077 == 0


def test_the_environment_does_not_lead_it_elsewhere(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PAYKEEL_SECRET", "not for the server")
    server = start()
    assert query(server.app_url, "SELECT 1") == 1
    if os.access(f"/proc/{server.pid}/environ", os.R_OK):
        assert b"PAYKEEL_SECRET" not in Path(f"/proc/{server.pid}/environ").read_bytes()


def test_databases_are_made_closed_copied_and_dropped(start: Start) -> None:
    server = start()
    server.create_database("one")
    query(server.url("paykeel_owner", "one"), "CREATE TABLE kept ()")
    server.create_database_from_template("two", "one")
    assert query(server.url("paykeel_app", "two"), "SELECT to_regclass('kept')::text") == "kept"
    closed = "SELECT has_database_privilege('pg_monitor', 'two', 'CONNECT')"
    assert query(server.admin_url, closed) is False
    with pytest.raises(Misconfigured, match="already exists"):
        server.create_database("one")
    with pytest.raises(Misconfigured, match="no name"):
        server.create_database('x"; DROP DATABASE one; --')
    server.drop_database("one")
    server.drop_database("one")
    assert query(server.admin_url, "SELECT count(*) FROM pg_database WHERE datname = 'one'") == 0
    with pytest.raises(Misconfigured):
        server.drop_database("paykeel")


# ------------------------------------------------------------------------------ shared


def test_the_last_to_release_stops_it(start: Start) -> None:
    first, second = start(), start()
    pid = first.pid
    assert pid is not None
    assert {first.pid, second.pid} == {pid}
    first.release()
    first.release()
    assert query(second.app_url, "SELECT 1") == 1
    second.release()
    assert second.pid is None
    assert gone(pid)
    assert not (second.data_dir / "pg" / "postmaster.pid").exists()


def test_processes_that_start_at_once_share_one_server(data_dir: Path, start: Start) -> None:
    with users(data_dir, 5) as processes:
        found = [said(process) for process in processes]
        assert len({answer["pid"] for answer in found}) == 1
        assert [query(answer["url"], "SELECT 1") for answer in found] == [1] * 5
        server = start()
        assert starts(server) == 1
        server.release()
        assert server.pid == found[0]["pid"]
    assert [process.returncode for process in processes] == [0] * 5
    assert gone(found[0]["pid"])


@pytest.mark.crash
def test_a_killed_user_is_not_waited_for(data_dir: Path, start: Start) -> None:
    with users(data_dir, 1) as [process]:
        pid = said(process)["pid"]
        process.kill()
        process.wait()
    assert not gone(pid)
    server = start()
    assert (server.pid, starts(server)) == (pid, 1)
    server.release()
    assert gone(pid)


@pytest.mark.crash
def test_a_starter_killed_anywhere_leaves_something_to_go_on_with(
    data_dir: Path, start: Start
) -> None:
    for pause_s in (0.2, 0.5, 0.8, 1.1):
        with users(data_dir, 1) as [process]:
            time.sleep(pause_s)
            process.kill()
            process.wait()
    server = start()
    assert query(server.app_url, "SELECT 1") == 1
    # An initdb may still be at work for a starter that is gone; what it leaves is removed later.
    working = [one for one in psutil.process_iter(["name"]) if one.info["name"] == "initdb"]
    psutil.wait_procs(working, timeout=30)
    server.restart()
    assert list(data_dir.glob("pg.new-*")) == []


# ------------------------------------------------------------------------------ killed, restarted


@pytest.mark.crash
def test_a_killed_server_starts_again_with_every_commit(start: Start) -> None:
    server = start()
    query(server.owner_url, "CREATE TABLE kept (a integer)")
    query(server.owner_url, "INSERT INTO kept VALUES (7)")
    # Several times, since what is asked for at once is answered by a process that is still dying.
    for _ in range(3):
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        again = start()
        assert again.pid not in {pid, None}
        assert server.pid == again.pid
    assert query(server.owner_url, "SELECT a FROM kept") == 7


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restarting_keeps_every_commit(start: Start, mode: Any) -> None:
    server = start()
    query(server.owner_url, "CREATE TABLE kept (a integer)")
    query(server.owner_url, "INSERT INTO kept VALUES (7)")
    pid = server.pid
    server.restart(mode)
    assert server.pid not in {pid, None}
    assert query(server.owner_url, "SELECT a FROM kept") == 7
    recovered = "automatic recovery in progress" in server.log_path.read_text()
    assert recovered == (mode == "immediate")


def test_a_stopped_server_is_started_by_restart_or_the_next(start: Start) -> None:
    server = start()
    server.stop()
    server.stop()
    assert server.pid is None
    server.restart()
    assert query(server.app_url, "SELECT 1") == 1
    server.stop("immediate")
    assert query(start().app_url, "SELECT 1") == 1


def test_a_stale_pid_file_that_names_a_living_process_is_seen_through(start: Start) -> None:
    server = start()
    pid_file = server.data_dir / "pg" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop("immediate")
    # As after a reboot, when another process has the old number; PostgreSQL itself believes the
    # file if that process belongs to the same user.
    account = find_account()
    with subprocess.Popen(["sleep", "600"], **account.process_options()) as other:
        try:
            pid_file.write_text("\n".join([str(other.pid), *lines[1:], ""]))
            account.own(pid_file)
            (server.data_dir / "run" / ".s.PGSQL.5432.lock").write_text(f"{other.pid}\n")
            assert server.pid is None
            server.restart()
            assert query(server.app_url, "SELECT 1") == 1
        finally:
            other.kill()
