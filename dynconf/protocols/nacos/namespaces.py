"""Namespaces have ids and names; what people know is mostly the name, what Nacos wants is the id."""

from typing import Final

from dynconf.errors import SourceError
from dynconf.protocols.exchange import Reply, Request, Steps
from dynconf.protocols.failures import stranger
from dynconf.protocols.nacos.api import Api
from dynconf.protocols.nacos.either import by_either
from dynconf.protocols.nacos.identity import public
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.replies import api_json

__all__ = ["namespaces", "whether_a_name"]

_PATHS: Final = {"v1": "/v1/console/namespaces", "v3": "/v3/admin/core/namespace/list"}
_SHOWN, _LONGEST = 20, 128
"""Ids that an error lists at most, and characters that each may have."""


def namespaces(login: Login) -> Steps[dict[str, str]]:
    """The id of each namespace, with its name.

    Raises:
        SourceError: the server does not list them to us.
    """

    def names(api: Api, reply: Reply) -> dict[str, str]:
        found = api_json(reply, "to list the namespaces", logged_in=login.logged_in)
        items = found.get("data") if isinstance(found, dict) else None
        if not isinstance(items, list):
            raise stranger(reply, "Nacos")
        try:
            found = {public(str(item["namespace"] or "")): str(item["namespaceShowName"]) for item in items}
            # They are shown: an id that could not be one might forge lines of a log.
            return {id_: name for id_, name in found.items() if len(id_) <= _LONGEST and id_.isprintable()}
        except (KeyError, TypeError):
            raise stranger(reply, "Nacos") from None

    return (yield from by_either(login, lambda api: Request("GET", _PATHS[api.name]), names))


def whether_a_name(login: Login, namespace: str) -> Steps[str]:
    """What to tell somebody who may have given a namespace's name, as far as the server lists them to us."""
    try:
        known = yield from namespaces(login)
    except SourceError:
        return ""
    if namespace in known:
        return ""
    ids = [id_ for id_, name in known.items() if name == namespace]
    if ids:
        return f"'{namespace}' is the name of a namespace whose id is '{ids[0]}': give the id"
    others = sorted(filter(None, known))
    there_are = ", ".join(others[:_SHOWN]) or "none but the public one"
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return f"there is no namespace with the id '{namespace}'; there are: {there_are}{more}"
