"""Says when credentials travel where others can read them."""

import logging
from typing import Final

from dynconf._http.endpoint import Endpoint

_logger = logging.getLogger("dynconf.http")
_told: Final[set[Endpoint]] = set()


def warn_of_exposure(*endpoints: Endpoint) -> None:
    """Warn of servers that are about to be sent credentials over plain HTTP on a network.

    Once for each server in the life of the program: a plain call opens a connection each time.
    """
    for endpoint in endpoints:
        if endpoint.scheme == "http" and not (endpoint.is_loopback or endpoint in _told):
            _told.add(endpoint)
            _logger.warning(
                "%s: credentials are sent there unencrypted, and whoever is in between can read and use them:"
                " write https:// before the address",
                endpoint,
            )
