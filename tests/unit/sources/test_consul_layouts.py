"""Which keys are followed for each layout, and which documents they make."""

from collections.abc import Sequence

from dynconf._values.snapshot import Folder, Update
from dynconf.protocols.consul.kv import ConsulEntry
from dynconf.protocols.consul.spring import Spring
from dynconf.protocols.consul.watch import revision_of
from dynconf.sources._consul_layouts import Document, Keys, Layout, SpringContexts


def entries(**values: bytes) -> list[ConsulEntry]:
    """Keys by their names, with `__` for a slash, and an index each."""
    named = {name.replace("__", "/"): value for name, value in values.items()}
    return [ConsulEntry(name, value, index) for index, (name, value) in enumerate(named.items(), 3)]


def documents(
    layout: Layout, found: Sequence[ConsulEntry], number: int = 0, *, first: bool = True
) -> list[Update]:
    """The documents among some keys."""
    return list(layout.documents(number, found, first=first))


def test_document() -> None:
    """A key is a document, also an empty one; without the key there is none."""
    layout = Document("app.yaml", "json")
    assert (layout.followed(), layout.recurse, layout.members) == (("app.yaml",), False, False)
    (entry,) = found = [ConsulEntry("app.yaml", b"", 7)]
    assert documents(layout, found) == [Update("app.yaml", revision_of([entry]), b"", "json")]
    assert documents(layout, []) == []
    assert layout.how_to_make() == "consul kv put app.yaml @file"


def test_folder() -> None:
    """All keys below a folder are one document, named by it."""
    layout = Keys("apps/x/")
    assert (layout.followed(), layout.recurse, layout.members) == (("apps/x/",), True, False)
    found = entries(apps__x__a=b"1", apps__x__b__c=b"2")
    assert documents(layout, found) == [
        Update("apps/x/", revision_of(found), Folder({"a": b"1", "b/c": b"2"}))
    ]
    assert "apps/x/name" in layout.how_to_make()


def test_markers_of_folders() -> None:
    """Consul's page makes an empty key for each folder, which is none; what has content is told of later."""
    found = [
        ConsulEntry("x/", b"", 1),
        ConsulEntry("x/empty", b"", 2),
        ConsulEntry("x/sub/", b"", 3),
        ConsulEntry("x/odd/", b"content", 4),
    ]
    (update,) = documents(Keys("x/"), found)
    assert update.content == Folder({"empty": b"", "odd/": b"content"})


def test_folder_that_becomes_empty() -> None:
    """A folder without keys is missing at the start, and an empty document once there was one."""
    assert documents(Keys("x/"), []) == []
    (update,) = documents(Keys("x/"), [], first=False)
    assert update.content == Folder({})
    (marked,) = documents(Keys("x/"), [ConsulEntry("x/", b"", 1)])
    assert marked.content == Folder({})


def test_spring_key_value() -> None:
    """Each context's folder is a document; the later the context, the higher it ranks."""
    layout = SpringContexts(Spring("shop"), ("dev",))
    assert layout.members
    assert layout.followed() == (
        "config/application/",
        "config/application,dev/",
        "config/shop/",
        "config/shop,dev/",
    )
    updates = [
        documents(layout, [ConsulEntry(context + "a.b[0]", b"1", 1)], number)[0]
        for number, context in enumerate(layout.followed())
    ]
    assert [update.document for update in updates] == list(layout.followed())
    orders = [int(update.order) for update in updates]
    assert orders == sorted(set(orders))
    assert updates[0].content == Folder({"a.b[0]": b"1"}, delimiters="/.", indexed=True)


def test_spring_empty_folder() -> None:
    """A context without keys, or with a marker alone, is no document."""
    layout = SpringContexts(Spring("shop"), ())
    assert documents(layout, []) == []
    assert documents(layout, [ConsulEntry("config/application/", b"", 1)], first=False) == []


def test_spring_document_in_a_key() -> None:
    """With YAML or properties only the one key counts, and its format is known."""
    layout = SpringContexts(Spring("shop", "yaml", data_key="cfg"), ())
    found = entries(config__application__cfg=b"a: 1", config__application__other=b"x")
    (update,) = documents(layout, found)
    assert (update.document, update.format, update.content) == ("config/application/cfg", "yaml", b"a: 1")


def test_spring_files() -> None:
    """Files are told by their extension, which also says how they rank in their context."""
    layout = SpringContexts(Spring("shop", "files"), ("dev",))
    names = ["properties", "yaml", "yml"]
    found = [ConsulEntry(f"config/shop-dev.{name}", b"x", 1) for name in [*names, "txt", "bak.yml"]]
    updates = documents(layout, found, 3)
    assert [update.document for update in updates] == [f"config/shop-dev.{name}" for name in names]
    lower = documents(layout, [ConsulEntry("config/shop.yml", b"x", 1)], 2)
    orders = [int(update.order) for update in [*lower, *updates]]
    assert orders == sorted(set(orders))


def test_revision_is_of_the_document_alone() -> None:
    """A document's revision does not change with its neighbours."""
    layout = SpringContexts(Spring("shop", "files"), ())
    one, other = ConsulEntry("config/shop.yml", b"x", 4), ConsulEntry("config/shop.yaml", b"y", 9)
    (alone,) = documents(layout, [one], 1)
    beside = {update.document: update.revision for update in documents(layout, [other, one], 1)}
    assert beside["config/shop.yml"] == alone.revision
    assert alone.revision.startswith("4-")
