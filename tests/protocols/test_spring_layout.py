"""The folders that a Spring application reads."""

import pytest

from dynconf.protocols.consul.spring import Spring

PROFILES = ["dev", "eu"]


def test_folders_lowest_first() -> None:
    """First what all applications read, then its own, each with the profiles in their order."""
    assert list(Spring("shop").contexts(PROFILES)) == [
        "config/application/",
        "config/application,dev/",
        "config/application,eu/",
        "config/shop/",
        "config/shop,dev/",
        "config/shop,eu/",
    ]


def test_without_profiles() -> None:
    """No profile, no folder of one."""
    assert list(Spring("shop", "yaml").contexts([])) == ["config/application/", "config/shop/"]


def test_files_are_named_not_foldered() -> None:
    """With files a context is how their names begin, up to the extension; the separator is a hyphen."""
    spring = Spring("shop", "files", profile_separator="::")
    assert list(spring.contexts(["dev"])) == [
        "config/application.",
        "config/application-dev.",
        "config/shop.",
        "config/shop-dev.",
    ]


def test_all_of_it_can_be_named_otherwise() -> None:
    """Prefix, default context and separator are options."""
    spring = Spring("shop", prefix="/my/config/", default_context="all", profile_separator="::")
    assert list(spring.contexts(["dev"])) == [
        "my/config/all/",
        "my/config/all::dev/",
        "my/config/shop/",
        "my/config/shop::dev/",
    ]


@pytest.mark.parametrize("prefix", ["", "/"])
def test_without_prefix(prefix: str) -> None:
    """Without a prefix no name begins with a slash, which no key of Consul does."""
    assert list(Spring("shop", prefix=prefix).contexts([])) == ["application/", "shop/"]


@pytest.mark.parametrize(
    ("name", "profiles"), [("application", []), ("application", ["dev"]), ("shop", ["dev", "dev"])]
)
def test_no_context_comes_twice(name: str, profiles: list[str]) -> None:
    """An application named like the default context, or a profile given twice, is read once."""
    contexts = list(Spring(name).contexts(profiles))
    assert len(contexts) == len(set(contexts))
