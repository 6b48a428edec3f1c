"""What a file's path stands for."""

import asyncio
from pathlib import Path

import pytest

from dynconf.errors import UsageError
from dynconf.sources.file import File
from tests.unit.sources.recording import RecordingFeed


def report(source: File) -> RecordingFeed:
    """What one pass over what the source resolves to reports."""
    feed = RecordingFeed(watching=False)

    async def main() -> None:
        for resolved in source.resolve(()):
            await resolved.run(feed)
        for closable in feed.made.values():
            await closable.close()

    asyncio.run(main())
    return feed


def test_profiles_in_order() -> None:
    """The path with `{profile}` in it stands for one file for each profile, options and all."""
    source = File("conf-{profile}/app.yaml", optional=True, at="a", format="yaml", settle=1)
    resolved = source.resolve(("base", "dev"))
    assert [file.name for file in resolved] == ["file:conf-base/app.yaml", "file:conf-dev/app.yaml"]
    assert {(file.optional, file.at, file.settle) for file in resolved} == {(True, "a", 1)}


def test_no_profile() -> None:
    """Without a profile an optional file is skipped, and a required one is an error that says what to do."""
    assert File("app-{profile}.yaml", optional=True).resolve(()) == ()
    with pytest.raises(UsageError, match=r"app-\{profile\}\.yaml.*DYNCONF_PROFILE"):
        File("app-{profile}.yaml").resolve(())
    with pytest.raises(UsageError, match="profile"):
        asyncio.run(File("app-{profile}.yaml").run(RecordingFeed()))


def test_profiles_do_not_matter_otherwise() -> None:
    """A path that asks for no profile is one file whatever the profiles are."""
    assert [file.name for file in File("app.yaml").resolve(("a", "b"))] == ["file:app.yaml"]


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the user's home; the document keeps the path as it was given."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "app.yaml").write_text("a: 1")
    update = report(File("~/app.yaml")).updates[0]
    assert (update.document, update.content) == ("~/app.yaml", b"a: 1")


def test_relative_path_and_path_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts at the working folder; any path object will do."""
    monkeypatch.chdir(tmp_path)
    Path("app.yaml").write_text("a: 1")
    source = File(Path("app.yaml"))
    assert source.name == "file:app.yaml"
    assert report(source).content("app.yaml") == b"a: 1"


def test_glob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wildcards stand for the files that match, ordered by name; hidden ones and folders don't count."""
    monkeypatch.chdir(tmp_path)
    folder = Path("conf.d")
    folder.mkdir()
    for name in ["20-b.yaml", "10-a.yaml", "10-a.yml", ".hidden.yaml"]:
        (folder / name).write_text(f"name: {name}")
    (folder / "folder.yaml").mkdir()
    source = File("conf.d/*.yaml")
    assert source.members
    updates = report(source).updates
    assert [(update.document, update.order) for update in updates] == [
        ("conf.d/10-a.yaml", "10-a.yaml"),
        ("conf.d/20-b.yaml", "20-b.yaml"),
    ]
    assert [update.document for update in report(File("conf.d/.*.yaml")).updates] == ["conf.d/.hidden.yaml"]


def test_existing_path_is_no_glob(tmp_path: Path) -> None:
    """A file whose name has brackets in it is taken as it stands, and so is such a folder."""
    path = tmp_path / "a[1].yaml"
    (tmp_path / "a1.yaml").write_text("wrong: 1")
    path.write_text("right: 1")
    [file] = File(path).resolve(())
    assert not file.members
    assert report(File(path)).content() == b"right: 1"
    folder = tmp_path / "[x]"
    folder.mkdir()
    assert not File(folder / "app.yaml").resolve(())[0].members


@pytest.mark.parametrize("path", ["conf.d/**/app.yaml", "conf.d/**", "conf-*/app.yaml", "conf-[ab]/*.yaml"])
def test_wildcards_in_folders(path: str) -> None:
    """A folder's name may have no wildcards, and the error names the source."""
    with pytest.raises(UsageError) as caught:
        File(path).resolve(())
    assert str(caught.value).startswith(f"file:{path}: ")
