"""What the Python SDK of Nacos itself publishes arrives here, and the other way round."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dynconf import Config, Nacos, NacosServer, Settings
from tests.servers.builds import Build
from tests.servers.fixtures import NacosSpace, need, new_space
from tests.servers.nacos import PASSWORD, USERNAME
from tests.servers.nacos_sdk import SDK_1, SDK_3, SdkClient
from tests.servers.process import until

PATIENCE = 20.0
# Of what 1.x sends in an address, 3.x in JSON, and dynconf in a form.
STRANGE = "grüße & =+%25\t日本語 🐟"

Connect = Callable[[NacosSpace], SdkClient]


class App(Settings):
    message: str = ""
    port: int = 0


@pytest.fixture(
    params=[
        ("nacos2", SDK_1),
        ("nacos2", SDK_3),
        ("nacos3", SDK_1),
        ("nacos3", SDK_3),
        ("nacos3_without_v1", SDK_3),
    ],
    ids=lambda which: f"{which[0]}-{which[1].name}",
)
def meeting(request: pytest.FixtureRequest) -> tuple[NacosSpace, Build]:
    """A namespace, and a generation of the SDK that can speak to its server."""
    server, build = request.param
    need(build)
    return request.getfixturevalue(server), build


@pytest.fixture
def space(meeting: tuple[NacosSpace, Build]) -> NacosSpace:
    """Where both of them meet."""
    return meeting[0]


@pytest.fixture
def connect(meeting: tuple[NacosSpace, Build], tmp_path: Path) -> Iterator[Connect]:
    """A function that starts the SDK for a namespace, until the test is over."""
    with ExitStack() as stack:

        def start(space: NacosSpace) -> SdkClient:
            folder = tmp_path / space.namespace
            client = SdkClient(meeting[1], space.server.address, space.namespace, folder)
            return stack.enter_context(client)

        yield start


def ours(space: NacosSpace) -> NacosServer:
    """The server as dynconf speaks to it; with a log-in, as without v1 publishing takes one."""
    return NacosServer(
        space.server.address,
        namespace=space.namespace,
        username=USERNAME,
        password=PASSWORD,
        wait=10,
        interval=0.5,
    )


def published(sdk: SdkClient, data_id: str, content: str, **options: str) -> None:
    """Have the SDK publish, and wait until the server gives that to readers."""
    assert sdk.publish(data_id, content, **options)
    group = {"group": options["group"]} if "group" in options else {}
    until(lambda: sdk.get(data_id, **group) == content, f"{data_id} as the SDK reads it")


def test_what_the_sdk_publishes_arrives(space: NacosSpace, connect: Connect) -> None:
    """Content is there at the start to the letter, then each change of it, and its removal."""
    sdk = connect(space)
    published(sdk, "app.yaml", f"message: '{STRANGE}'\nport: 1")
    config = Config(Nacos("app.yaml", server=ours(space), on_missing="drop"))
    settings = config.bind(App)
    with config:
        assert (settings.current.message, settings.current.port) == (STRANGE, 1)
        assert sdk.publish("app.yaml", f"message: '{STRANGE}!'\nport: 2")
        settings.until(lambda app: app == App(message=f"{STRANGE}!", port=2), PATIENCE)
        assert sdk.remove("app.yaml")
        settings.until(lambda app: app == App(), PATIENCE)


def test_what_is_published_here_reaches_the_sdk(space: NacosSpace, connect: Connect) -> None:
    """The SDK's listener is told of each content to the letter, its reader finds it, and then its removal."""
    sdk = connect(space)
    with ours(space) as nacos:
        assert nacos.publish("app.yaml", "message: a", wait=True)
        sdk.listen("app.yaml")
        assert sdk.get("app.yaml") == "message: a"
        assert nacos.publish("app.yaml", f"message: '{STRANGE}'\n", wait=True)
        sdk.hear("app.yaml", f"message: '{STRANGE}'\n", 2 * PATIENCE)
        assert sdk.get("app.yaml") == f"message: '{STRANGE}'\n"
        assert nacos.remove("app.yaml", wait=True)
        assert sdk.get("app.yaml") is None


@pytest.mark.parametrize(
    ("type", "content"),
    [
        ("properties", "message=a=b\nport=1"),
        ("json", '{"message": "a=b", "port": 1}'),
        ("yaml", "message: a=b\nport: 1"),
        ("toml", 'message = "a=b"\nport = 1'),
        ("xml", "<app><message>a=b</message><port>1</port></app>"),
    ],
)
def test_types(nacos2: NacosSpace, nacos3: NacosSpace, tmp_path: Path, type: str, content: str) -> None:
    """The type that the SDK says is the one that is read here, and tells how to read it."""
    need(SDK_3)
    for space in (nacos2, nacos3):
        address = space.server.address
        with SdkClient(SDK_3, address, space.namespace, tmp_path / space.namespace) as sdk:
            published(sdk, "app", content, type=type)
        found = ours(space).get("app")
        assert found is not None
        assert (found.content.decode(), found.type) == (content, type)
        config = Config(Nacos("app", server=ours(space)))
        settings = config.bind(App)
        config.load()
        assert settings.current == App(message="a=b", port=1)


def test_groups_and_namespaces(space: NacosSpace, connect: Connect) -> None:
    """One data id is another one in each group and each namespace, for both of them alike."""
    other = new_space(space.server)
    sdk, elsewhere = connect(space), connect(other)
    published(sdk, "app", "message: a")
    published(sdk, "app", "message: b", group="SHOP")
    published(elsewhere, "app", "message: c")
    config = Config(
        *(
            Nacos("app", server=ours(space), group=group, namespace=namespace, at=at)
            for at, group, namespace in [
                ("a", "DEFAULT_GROUP", None),
                ("b", "SHOP", None),
                ("c", "DEFAULT_GROUP", other.namespace),
            ]
        )
    )
    bound = [config.bind(App, at=at) for at in "abc"]
    with config:
        assert [settings.current.message for settings in bound] == ["a", "b", "c"]
        assert sdk.publish("app", "message: B", group="SHOP")
        bound[1].until(lambda app: app.message == "B", PATIENCE)
        assert elsewhere.publish("app", "message: C")
        bound[2].until(lambda app: app.message == "C", PATIENCE)
        assert [settings.current.message for settings in bound] == ["a", "B", "C"]
    with ours(other) as nacos:
        assert nacos.publish("app", "message: d", group="SHOP", wait=True)
    assert elsewhere.get("app", "SHOP") == "message: d"
    assert sdk.get("app", "SHOP") == "message: B"


def test_compare_and_set_against_the_sdk(space: NacosSpace, connect: Connect) -> None:
    """Who writes with the md5 of what he has read does not overwrite what the SDK has written since."""
    sdk = connect(space)
    with ours(space) as nacos:
        assert nacos.publish("app", "message: a", wait=True)
        read = nacos.get("app")
        assert read is not None
        published(sdk, "app", "message: b")
        assert not nacos.publish("app", "message: c", cas_md5=read.md5)
        assert sdk.get("app") == "message: b"
