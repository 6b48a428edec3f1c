"""What a configuration of Nacos is written in: how that is found out, and what cannot be read."""

import pytest

from dynconf import Config, Nacos
from dynconf.errors import ParseError
from tests.integration.nacos_props import App, failure, loaded, server_of
from tests.servers.fixtures import NacosSpace
from tests.servers.nacos import PASSWORD, USERNAME

HOST = '{"redis": {"host": "cache"}}'
PROPERTIES = "redis.host=cache"


@pytest.mark.parametrize(
    ("data_id", "content", "type", "format"),
    [
        ("app.json", HOST, None, None),
        ("app.yaml", "redis: {host: cache}", None, None),
        ("app.yml", "redis:\n  host: cache # \u00fc", None, None),
        ("app.properties", PROPERTIES, None, None),
        ("app.toml", '[redis]\nhost = "cache"', None, None),
        ("app.xml", "<app><redis><host>cache</host></redis></app>", None, None),
        ("app", HOST, "json", None),
        ("app", "redis: {host: cache}", "yaml", None),
        ("app", PROPERTIES, "properties", None),
        ("app", "<app><redis><host>cache</host></redis></app>", "xml", None),
        ("app", '[redis]\nhost = "cache"', "toml", None),
        ("app", HOST, "text", None),
        ("app", HOST, None, None),
        ("app", "redis: {host: cache}", None, None),
        ("app.v2", "redis:\n  host: cache", None, None),
        ("app", PROPERTIES, "yaml", "properties"),
        ("app.yaml", PROPERTIES, "yaml", "properties"),
    ],
)
def test_format(nacos: NacosSpace, data_id: str, content: str, type: str | None, format: str | None) -> None:
    """It is what is said, else the data id's extension, else the server's type, else what it looks like."""
    nacos.publish(data_id, content, type=type)
    assert loaded(Nacos(data_id, server=server_of(nacos), format=format)).redis.host == "cache"


@pytest.mark.parametrize(
    ("data_id", "content", "type"),
    [("note.txt", "hello", None), ("page.html", "<p>hello</p>", None), ("page", "<p>hello</p>", "html")],
)
def test_text(nacos: NacosSpace, data_id: str, content: str, type: str | None) -> None:
    """Text and HTML are one value."""
    nacos.publish(data_id, content, type=type)
    assert loaded(Nacos(data_id, server=server_of(nacos), at="message")).message == content


def test_format_that_cannot_be_told(nacos: NacosSpace) -> None:
    """Neither extension nor type nor looks: the error says how to tell it, and shows none of it."""
    nacos.publish("app", "hunter2")
    error = failure(Nacos("app", server=server_of(nacos)))
    assert isinstance(error, ParseError)
    assert "format=" in str(error)
    assert "hunter2" not in str(error)


def test_unparsable(nacos: NacosSpace) -> None:
    """What cannot be read is located."""
    nacos.publish("app.json", '{"message": "hunter2",\n "redis": [}')
    error = failure(Nacos("app.json", server=server_of(nacos)))
    assert isinstance(error, ParseError)
    assert error.origin
    assert (error.origin.document, error.origin.line) == ("app.json", 2)
    assert "hunter2" not in str(error)


def test_encrypted_by_name(nacos: NacosSpace) -> None:
    """What a plug-in would encrypt by its name is read and followed as it comes: plain, without one."""
    nacos.publish("cipher-aes-app.yaml", "message: a", type="yaml")
    config = Config(Nacos("cipher-aes-app.yaml", server=server_of(nacos)))
    settings = config.bind(App)
    with config, server_of(nacos, username=USERNAME, password=PASSWORD) as server:
        assert settings.current.message == "a"
        assert server.publish("cipher-aes-app.yaml", "message: b", wait=True)
        settings.until(lambda app: app.message == "b", timeout=10)
        assert config.status().healthy
