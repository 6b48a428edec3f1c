"""What Consul's sources alone do in an outage; see test_network.py and test_outages.py for the rest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dynconf import Config, Consul, ConsulServer
from dynconf.errors import ChangeRefused
from tests.faults.reading import App, running
from tests.servers.consul import ConsulAgent
from tests.servers.process import until
from tests.servers.toxiproxy import Proxy


def test_folder_through_an_outage(own_consul: Callable[..., ConsulAgent], tmp_path: Path) -> None:
    """A folder stays as it was during an outage, and what is different afterwards is one change."""
    agent = own_consul(data_dir=tmp_path / "data")
    agent.put("app/n", b"1")
    agent.put("app/other", b"1")
    config = Config(Consul("app/", layout="keys", server=agent.address))
    settings = config.bind(App)
    with config:
        agent.kill()
        until(lambda: config.status().sources[0].state == "stale", "stale")
        assert config.get("") == {"n": "1", "other": "1"}
        agent.start()
        agent.txn([{"Verb": "set", "Key": "app/n", "Value": b"2"}, {"Verb": "delete", "Key": "app/other"}])
        settings.until(lambda app: app.n == 2, timeout=40)
        assert config.get("") == {"n": "2"}
        assert config.status().version == 2


def test_reload_during_an_outage(own_consul: Callable[..., ConsulAgent]) -> None:
    """A reload that nobody answers says so, and what is read stays."""
    agent = own_consul()
    agent.put("app", b'{"n": 1}')
    config = Config(Consul("app", server=ConsulServer(agent.address, wait=1)), start_timeout=0.5)
    settings = config.bind(App)
    with config:
        agent.freeze()
        with pytest.raises(ChangeRefused, match=r"consul:app: no answer within 0.5 s"):
            config.reload()
        assert settings.current.n == 1
        agent.thaw()
        until(lambda: config.reload().version == 1, "an answer")


def test_another_server_behind_the_address(
    own_consul: Callable[..., ConsulAgent], proxy_to: Callable[[str], Proxy]
) -> None:
    """When another Consul answers where one was, what it has is taken at once, whatever its index."""
    agent = own_consul()
    for n in range(30):
        agent.put("app", b'{"n": %d}' % n)
    proxy = proxy_to(agent.address)
    with running(Consul("app", server=proxy.address)) as it:
        other = own_consul()
        other.put("app", b'{"n": 100}')
        proxy.lead_to(other.address)
        it.catches_up(100)
