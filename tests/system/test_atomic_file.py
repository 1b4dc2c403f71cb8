"""Atomic writes: the old file or the new one, never a part, and never through a link."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tmapi_spiders.errors import StorageError
from tmapi_spiders.system.atomic_file import (
    AtomicFile,
    atomic_write,
    make_scratch_folder,
    open_to_append,
    part_path,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that was written before."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"old")
    return path


def test_the_old_file_stays_until_the_new_one_is_whole(path: Path) -> None:
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        (make_scratch_folder(path) / "temporary").touch()
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def fail_while_writing(path: Path, error: BaseException) -> None:
    with atomic_write(path) as file:
        file.write(b"new")
        make_scratch_folder(path)
        raise error


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), StorageError),
    ],
)
def test_the_old_file_stays_if_anything_is_raised(
    path: Path, error: BaseException, raised: type[BaseException]
) -> None:
    with pytest.raises(raised) as caught:
        fail_while_writing(path, error)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
    if raised is StorageError:
        assert "rows.jsonl: it can't be written (No space left on device)" in str(caught.value)
        assert "make room, or choose another one" in str(caught.value)


def test_what_lies_in_the_way_is_removed(path: Path, tmp_path: Path) -> None:
    precious, elsewhere = tmp_path / "precious", tmp_path / "elsewhere"
    precious.write_bytes(b"precious")
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    part_path(path).symlink_to(precious)
    path.with_name("rows.jsonl.part.d").symlink_to(elsewhere)
    file = AtomicFile(path)
    file.file.write(b"new")
    file.publish()
    file.discard()
    assert (path.read_bytes(), precious.read_bytes()) == (b"new", b"precious")
    assert (elsewhere / "kept").exists()
    assert not list(tmp_path.glob("*.part*"))


def test_two_writers_do_not_mix(path: Path) -> None:
    first = AtomicFile(path)
    second = AtomicFile(path)
    second.file.write(b"second")
    with pytest.raises(OSError, match=r"another process writes rows\.jsonl\.part, too"):
        first.publish()
    first.discard()
    second.publish()
    assert path.read_bytes() == b"second"


def test_appending_follows_no_link(path: Path, tmp_path: Path) -> None:
    with open_to_append(path) as file:
        assert file.read() == b"old"
        file.write(b"er")
    assert path.read_bytes() == b"older"
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        open_to_append(link)
