"""Values stored between two starts, and who may read them."""

from pathlib import Path

import pytest

from durable_research.local.data_folder import DataFolder, read_object, write_json
from durable_research.local.errors import LocalError
from durable_research.payload_keys import parse_keys


def test_the_starts_of_each_process_name_are_counted(tmp_path: Path) -> None:
    numbers = [DataFolder(tmp_path).next_start(name) for name in ("worker-1", "worker-2", "worker-1")]

    assert numbers == [1, 1, 2]


def test_a_written_file_is_readable_by_our_user_only(tmp_path: Path) -> None:
    write_json(tmp_path / "up.json", {"password": "x"})

    assert (tmp_path / "up.json").stat().st_mode & 0o777 == 0o600


def test_the_payload_key_is_created_once_and_readable_by_our_user_only(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.ensure_payload_keys()
    first = folder.payload_keys.read_text()

    folder.ensure_payload_keys()

    assert folder.payload_keys.read_text() == first
    assert len(parse_keys(first.strip())) == 1
    assert [path.stat().st_mode & 0o777 for path in (folder.payload_keys, folder.payload_keys.parent)] == [0o600, 0o700]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"postgres": ')

    with pytest.raises(LocalError, match=r"ports\.json is damaged"):
        read_object(tmp_path / "ports.json")


def test_a_data_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LocalError, match=r"cannot create .*/file/data: Not a directory; choose another by --data"):
        DataFolder(tmp_path / "file" / "data").create()
