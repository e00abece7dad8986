"""What the embedded server cannot do, and what it says then."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from paykeel.db.embedded import start_embedded
from paykeel.errors import DatabaseUnavailable, Misconfigured
from tests.database.embedded import Start, query, said_anything


def test_another_major_version_is_refused_with_what_to_do(start: Start) -> None:
    start(postgres_version=16).release()
    with pytest.raises(Misconfigured, match="PAYKEEL_EMBEDDED_POSTGRES_VERSION=16") as refused:
        start(postgres_version=18)
    assert refused.value.code == "embedded_version_mismatch"
    assert start(postgres_version=16).pid is not None


def test_a_version_that_the_wheel_lacks_is_refused(start: Start) -> None:
    with pytest.raises(Misconfigured, match="16 or 18") as refused:
        start(postgres_version=17)
    assert refused.value.code == "embedded_version_unknown"


def test_too_long_a_path_is_refused(data_dir: Path) -> None:
    with pytest.raises(Misconfigured, match="bytes too long for a socket") as refused:
        start_embedded(data_dir / ("x" * 90), start_ms_max=60_000)
    assert refused.value.code == "embedded_data_dir_unusable"
    assert not data_dir.exists()


def test_a_folder_with_something_else_in_it_is_refused(data_dir: Path) -> None:
    (data_dir / "pg").mkdir(parents=True)
    (data_dir / "pg" / "mine.txt").write_text("not a cluster")
    with pytest.raises(Misconfigured, match="no PostgreSQL cluster"):
        start_embedded(data_dir, start_ms_max=60_000)
    assert (data_dir / "pg" / "mine.txt").exists()


def test_a_server_that_will_not_start_shows_its_log(start: Start) -> None:
    server = start()
    server.stop()
    (server.data_dir / "pg" / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(Misconfigured, match="no_such_setting") as refused:
        server.restart()
    assert refused.value.code == "embedded_start_failed"
    assert str(server.log_path) in refused.value.message


def test_a_server_that_takes_too_long_is_left_to_go_on(start: Start) -> None:
    server = start()
    query(server.admin_url, "ALTER SYSTEM SET hot_standby = off")
    server.stop()
    # It recovers, and lets nobody in, until this file is gone.
    signal_file = server.data_dir / "pg" / "standby.signal"
    signal_file.touch()
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="not ready within 1500 ms") as refused:
        start(start_ms_max=1_500)
    assert 1.5 <= time.monotonic() - started < 10
    assert refused.value.code == "embedded_start_timeout"
    assert "entering standby mode" in refused.value.message
    signal_file.unlink()
    assert server.pid is not None
    server.restart("immediate")
    assert query(server.app_url, "SELECT 1") == 1


def test_a_start_waits_for_another_only_so_long(data_dir: Path, start: Start) -> None:
    start()
    hold = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(0)"
    command = [sys.executable, "-uc", f"{hold}; sys.stdin.read()", str(data_dir / "lock")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert said_anything(holder)
        with pytest.raises(DatabaseUnavailable, match="lock for 300 ms"):
            start(start_ms_max=300)
        holder.kill()


def test_a_server_that_does_not_answer_is_waited_for(start: Start) -> None:
    server = start()
    socket = server.data_dir / "run" / ".s.PGSQL.5432"
    hidden = socket.rename(socket.with_name("hidden"))
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        start(start_ms_max=500)
    assert time.monotonic() - started >= 0.5
    hidden.rename(socket)
    # It was left alone, since somebody uses it.
    assert query(server.app_url, "SELECT 1") == 1
