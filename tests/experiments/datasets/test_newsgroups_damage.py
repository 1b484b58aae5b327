"""Damaged articles: one line that names the file, whatever was asked for; no cache."""

import gzip
import shutil

import pytest

from experiments.core.errors import UserError
from experiments.datasets import newsgroups
from experiments.datasets.newsgroups import sources

from .newsgroups_files import members, write_archive, write_folder


def refused(place, match, split="random"):
    """The message is one line that names a file, under `newsgroups` and `auto`."""
    for data in ("newsgroups", "auto"):
        with pytest.raises(UserError, match=match) as caught:
            newsgroups.load(data, place, split=split, cache_dir=place / "cache")
        assert str(place) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (place / "cache").exists()


def test_archive_cut_off(tmp_path):
    archive = write_archive(tmp_path)
    archive.write_bytes(archive.read_bytes()[:-200])
    refused(tmp_path, "20_newsgroup.tar.gz is damaged")


def test_archive_with_a_wrong_checksum(tmp_path):
    archive = write_archive(tmp_path, "bydate")
    content = bytearray(archive.read_bytes())
    content[-8] ^= 1
    archive.write_bytes(content)
    refused(tmp_path, "20news-bydate.tar.gz .*CRC", "bydate")


# Named, because a gzip header holds the time and parallel workers compare names.
@pytest.mark.parametrize(
    "content",
    [b"", b"<html>404</html>", gzip.compress(b"text")],
    ids=["empty", "page", "no-tar"],
)
def test_archive_that_is_none(tmp_path, content):
    (tmp_path / "news20.tar.gz").write_bytes(content)
    refused(tmp_path, r"news20.tar.gz (is damaged|holds 0)")


def test_archive_with_the_other_edition(tmp_path):
    write_archive(tmp_path, "bydate", name="news20.tar.gz")
    refused(tmp_path, "news20.tar.gz holds 0 documents of alt.atheism in all where")


def test_archive_with_an_empty_document(tmp_path):
    write_archive(tmp_path, changes={"20_newsgroup/sci.med/98": b""})
    refused(tmp_path, r"sci.med/98 is empty")


def test_folder_with_an_empty_document(tmp_path):
    write_folder(tmp_path, changes={"20_newsgroup/sci.med/98": b""})
    refused(tmp_path, r"sci.med/98 is empty")


def test_archive_with_a_strange_file(tmp_path):
    write_archive(tmp_path, changes={"20_newsgroup/sci.med/notes.doc": b"mine"})
    refused(tmp_path, r"sci.med/notes.doc is no document")


@pytest.mark.parametrize(
    ("split", "group"),
    [("random", "20_newsgroup/sci.med"), ("bydate", "20news-bydate-test/rec.autos")],
)
def test_folder_without_a_group(tmp_path, split, group):
    shutil.rmtree(write_folder(tmp_path, split) / group)
    refused(tmp_path, rf"{group} cannot be listed", split)


def test_archive_without_a_group(tmp_path):
    moved = {
        name.replace("sci.med", "sci.medicine"): content
        for name, content in members("random").items()
    }
    write_archive(tmp_path, only=moved)
    refused(tmp_path, "holds 0 documents of sci.med in all where the data set has 5")


@pytest.mark.parametrize("part", ["train", "test"])
def test_folder_without_a_part(tmp_path, part):
    shutil.rmtree(write_folder(tmp_path, "bydate") / f"20news-bydate-{part}")
    refused(tmp_path, f"has no folder 20news-bydate-{part}", "bydate")


def test_folder_unpacked_in_part(tmp_path):
    (write_folder(tmp_path) / "20_newsgroup/sci.med/99").unlink()
    refused(tmp_path, "holds 4 documents of sci.med in all where the data set has 5")


def test_folder_with_a_document_too_many(tmp_path):
    write_folder(tmp_path, "bydate", {"20news-bydate-test/sci.med/7": b"A: b\n\nc"})
    refused(tmp_path, "holds 3 documents of sci.med in test", "bydate")


def test_folder_with_something_that_cannot_be_read(tmp_path):
    strange = write_folder(tmp_path) / "20_newsgroup/sci.med/7"
    strange.mkdir()
    refused(tmp_path, "cannot be read .*sci.med/7")
    strange.rmdir()
    strange.symlink_to(tmp_path / "nowhere")
    refused(tmp_path, "cannot be read .*sci.med/7")


def test_no_other_group_is_read(tmp_path):
    """A folder that somebody has put beside the twenty is nobody's topic."""
    plain = newsgroups.load("newsgroups", write_folder(tmp_path / "one"))
    more = {"20_newsgroup/alt.mine/1": b"A: b\n\nmine"}
    for write in (write_folder, write_archive):
        place = tmp_path / write.__name__
        write(place, changes=more)
        assert newsgroups.load("newsgroups", place).checksum == plain.checksum
    assert "alt.mine" not in sources.GROUPS
