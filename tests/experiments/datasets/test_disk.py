"""Files below folders and in archives, and the damage that archives can have."""

import os
import re

import pytest

from experiments.core.errors import UserError
from experiments.datasets import disk

from .support import write_archive, write_folder

CONTENTS = {
    "top/a/1.txt": b"one" * 400,
    "top/b/2.txt": os.urandom(500),
    "top/b/other": b"not asked for",
    "top/b/.1.txt": b"hidden",
    "else/a/1.txt": b"not below",
}
PATTERN = re.compile(r"top/([ab])/([^/.]+)\.txt")
ARCHIVES = ["set.tar.gz", "set.tar.xz", "set.zip"]


def read(path):
    return {match.groups(): content for match, _, content in disk.files(path, PATTERN)}


def test_a_folder_and_every_archive_hold_the_same(tmp_path):
    write_folder(tmp_path, CONTENTS)
    found = {
        ("a", "1"): CONTENTS["top/a/1.txt"],
        ("b", "2"): CONTENTS["top/b/2.txt"],
    }
    assert read(tmp_path / "top") == found
    for name in ARCHIVES:
        write_archive(tmp_path / name, CONTENTS)
        assert read(tmp_path / name) == found
    dotted = {f"./{name}": content for name, content in CONTENTS.items()}
    write_archive(tmp_path / "dotted.tar.gz", dotted)  # as `tar czf x .` writes it
    assert read(tmp_path / "dotted.tar.gz") == found
    wheres = [where for _, where, _ in disk.files(tmp_path / "set.zip", PATTERN)]
    assert wheres[0] == f"{tmp_path / 'set.zip'}: top/a/1.txt"


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("damage", ["cut", "changed", "page", "empty"])
def test_a_damaged_archive_is_named(tmp_path, name, damage):
    path = tmp_path / name
    write_archive(path, CONTENTS)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-20:]
    elif damage == "changed":
        # The checksum that gzip ends with; elsewhere the random bytes.
        content[-8 if name.endswith("gz") else len(content) // 2] ^= 1
    else:
        content = b"<html>404</html>" if damage == "page" else b""
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=f"{name} is damaged .*: download it again"
    ) as error:
        read(path)
    assert "\n" not in str(error.value)


def test_a_link_is_no_file_and_one_to_nothing_an_error(tmp_path):
    write_folder(tmp_path, CONTENTS)
    (tmp_path / "top/a/3.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"top is damaged .*3\.txt"):
        read(tmp_path / "top")
