"""Following links, and which folders that makes worth watching."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynconf.sources._links import Links


def test_each_link_is_read_once(tmp_path: Path) -> None:
    """A swap between two files of one look is not seen by it, but told afterwards."""
    link = tmp_path / "..data"
    link.symlink_to("1")
    links = Links()
    assert links.resolve(str(link / "a")) == str(tmp_path / "1" / "a")
    assert links.hold()
    link.unlink()
    link.symlink_to("2")
    assert links.resolve(str(link / "b")) == str(tmp_path / "1" / "b")
    assert not links.hold()


def test_folders_of_links_and_files(tmp_path: Path) -> None:
    """What is watched is the folder of every link on the way and the one of the file itself."""
    for name in ["etc", "mount", "real"]:
        (tmp_path / name).mkdir()
    (tmp_path / "etc" / "app.yaml").symlink_to("../mount/data/app.yaml")
    (tmp_path / "mount" / "data").symlink_to(tmp_path / "real")
    links = Links()
    assert links.resolve(str(tmp_path / "etc" / "app.yaml")) == str(tmp_path / "real" / "app.yaml")
    watched = {str(tmp_path / name) for name in ["etc", "mount", "real"]}
    assert links.folders().keys() == watched


def test_nearest_folder_of_what_is_missing(tmp_path: Path) -> None:
    """Of folders that do not exist, the nearest one above that does is watched, with its identity."""
    links = Links()
    links.resolve(str(tmp_path / "a" / "b" / "app.yaml"))
    status = tmp_path.stat()
    assert links.folders() == {str(tmp_path): (status.st_dev, status.st_ino)}


def test_folder_of_which_every_entry_matters(tmp_path: Path) -> None:
    """A folder that is entered is watched even if there is nothing in it."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    links = Links()
    assert links.enter(str(tmp_path / "link")) == str(tmp_path / "empty")
    assert links.folders().keys() == {str(tmp_path), str(tmp_path / "empty")}


def test_circle(tmp_path: Path) -> None:
    """Links in a circle are an error; their folder is watched, as it is there that it can be mended."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a/c")
    links = Links()
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        links.resolve(str(tmp_path / "a"))
    assert links.folders().keys() == {str(tmp_path)}


NAMES = ["a", "b", "c"]
TARGETS = st.lists(st.sampled_from([*NAMES, ".", ".."]), min_size=1, max_size=4).map("/".join)


@given(links=st.dictionaries(st.sampled_from(NAMES), TARGETS, max_size=3), path=TARGETS)
def test_resolves_as_the_system_does(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], path: str
) -> None:
    """Whatever links there are, a path that can be opened leads where the system says."""
    folder = tmp_path_factory.mktemp("links")
    for name, target in links.items():
        (folder / name).symlink_to(target)
    for name in set(NAMES) - links.keys():
        (folder / name).mkdir()
        (folder / name / "a").mkdir()
    full = f"{folder}/{path}"
    if Path(full).exists():
        assert Links().resolve(full) == os.path.realpath(full)
