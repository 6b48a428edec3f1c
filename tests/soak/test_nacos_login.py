"""For a minute: a log-in that lasts 5 s, and a publication each second."""

from collections.abc import Callable

import pytest

from tests.servers.nacos import NacosServer
from tests.soak.nacos_login import TOKEN_TTL, soak

SECONDS = 60


@pytest.mark.timeout(180)
@pytest.mark.parametrize("version", [2, 3])
def test_log_in_that_expires(own_nacos: Callable[..., NacosServer], version: int) -> None:
    """All last contents arrive, each log-in is renewed once and before its end, and nobody notices."""
    soaked = soak(own_nacos(version, auth=True, token_ttl=TOKEN_TTL), SECONDS)
    print(f"\nNacos {version}: {soaked}")
    assert soaked.told == SECONDS
    assert SECONDS / TOKEN_TTL <= soaked.log_ins <= soaked.most_log_ins
    assert (soaked.refused, soaked.errors) == (0, [])
