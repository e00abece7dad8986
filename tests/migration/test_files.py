"""What the migration files themselves must be; no database is asked."""

from pathlib import Path

import pytest

from paykeel.db.migrate import load_migrations
from paykeel.errors import MigrationError


def test_the_shipped_files_load() -> None:
    shipped = load_migrations()
    assert [migration.version for migration in shipped] == list(range(1, len(shipped) + 1))
    assert shipped[0].file_name == "0001_keel.sql"


def test_line_ends_do_not_change_a_checksum(folder: Path) -> None:
    file = folder / "0001_first.sql"
    [unix] = load_migrations(folder)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert load_migrations(folder) == (unix,)


def test_other_files_are_no_migrations(folder: Path) -> None:
    (folder / "README.md").write_text("not SQL")
    assert len(load_migrations(folder)) == 1


@pytest.mark.parametrize("name", ["2_second.sql", "0002-second.sql", "0002_Second.sql", "x.sql"])
def test_a_wrong_name_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("")
    with pytest.raises(MigrationError, match=name) as refused:
        load_migrations(folder)
    assert refused.value.code == "migration_file_name"


@pytest.mark.parametrize("name", ["0003_third.sql", "0001_again.sql", "0000_zero.sql"])
def test_numbers_leave_no_gap_and_stand_once(folder: Path, name: str) -> None:
    (folder / name).write_text("")
    with pytest.raises(MigrationError) as refused:
        load_migrations(folder)
    assert refused.value.code == "migration_gap"
