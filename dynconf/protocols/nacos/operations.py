"""Reading, publishing, removing and listing by plain calls, each by whichever API the server has for it."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from typing import Any, Final, TypeVar

from dynconf.errors import SourceUnavailable, UsageError
from dynconf.protocols.exchange import ConnectionLost, Pause, Reply, Request, Steps
from dynconf.protocols.failures import stranger
from dynconf.protocols.nacos.api import MD5, V1_API, Api
from dynconf.protocols.nacos.either import BETWEEN, by_either, read
from dynconf.protocols.nacos.identity import NacosConfig, NacosKey, public
from dynconf.protocols.nacos.login import Login
from dynconf.protocols.nacos.reasons import LARGE, LARGEST
from dynconf.protocols.nacos.replies import api_json

__all__ = ["NacosRevision", "get", "history", "list_keys", "publish", "remove"]

T = TypeVar("T")

_LIMIT: Final = 64 * 1024 * 1024
_PAGE: Final = 200
_LOOKS: Final = 200
"""How often to look whether what was written can be read."""
_FRESH: Final = 8
"""How often to look before a configuration is taken for another one, or missing."""
_OPERATIONS: Final = {"I": "insert", "U": "update", "D": "delete"}


@dataclass(frozen=True, slots=True)
class NacosRevision:
    """One entry of a configuration's history.

    Args:
        id: what the server calls it by.
        operation: `insert`, `update` or `delete`.
        modified: when, as the server writes it.
        user: who, if there was a log-in.
    """

    id: str
    operation: str
    modified: str
    user: str = ""


def get(login: Login, key: NacosKey) -> Steps[NacosConfig | None]:
    """Read a configuration; `None` if there is none."""
    config, _ = yield from read(login, key, limit=_LIMIT)
    return config


def publish(login: Login, key: NacosKey, content: str, type: str, cas_md5: str, *, wait: bool) -> Steps[bool]:
    """Publish content, and wait until it can be read back if `wait`; false if it is not as `cas_md5` says."""
    if not content.strip():
        raise UsageError("Nacos takes no empty content")
    try:
        body = content.encode()
    except UnicodeEncodeError:
        raise UsageError("the content holds half of a surrogate pair, which is no text") from None
    if cas_md5 and not MD5.fullmatch(cas_md5):
        raise UsageError("cas_md5= is no md5 as Nacos has them: give the one of what was read")
    if cas_md5 and not (yield from _is_at(login, key, cas_md5)):
        return False  # Nacos would make it, whatever its md5 was to be; before 2.3 it does not ask at all

    def done(api: Api, reply: Reply) -> bool:
        return api.published(key, reply, cas_md5, logged_in=login.logged_in)

    try:
        published = yield from by_either(login, lambda api: api.publish(key, content, type, cas_md5), done)
    except ConnectionLost as error:
        # Of a form that is far too large Nacos reads so little that its answer may not arrive either.
        if len(V1_API.publish(key, content, type, cas_md5).body) <= LARGEST:
            raise
        raise ConnectionLost(f"{error.reason}; perhaps {LARGE}") from None
    if published and wait:
        yield from _until_read(login, key, body)
    return published


def remove(login: Login, key: NacosKey, *, wait: bool) -> Steps[bool]:
    """Remove a configuration, and wait until it is gone for readers if `wait`. There need not be one."""

    def done(api: Api, reply: Reply) -> bool:
        return api.done(reply, f"to remove {key}", logged_in=login.logged_in)

    removed = yield from by_either(login, lambda api: api.remove(key), done)
    if wait:
        yield from _until_read(login, key, None)
    return removed


def list_keys(login: Login, namespace: str, data_id: str, group: str) -> Steps[list[NacosKey]]:
    """All configurations of a namespace whose names match; `*` in them stands for anything."""

    def place(api: Api) -> tuple[str, dict[str, str]]:
        path = api.writes if api is V1_API else "/v3/admin/cs/config/list"
        return path, {**api.named(NacosKey(data_id, group, namespace)), "search": "blur"}

    def key(item: dict[str, Any]) -> NacosKey:
        return NacosKey(
            str(item["dataId"]),
            str(item.get("group") or item.get("groupName") or ""),
            public(str(item.get("tenant") or item.get("namespaceId") or "")),
        )

    found = yield from _pages(login, place, key, "to list configurations")
    # Nacos hands names to SQL, which takes `_` for any character. No name has what `fnmatch` takes for more.
    return [
        one
        for one in found
        if fnmatchcase(one.data_id, data_id or "*") and fnmatchcase(one.group, group or "*")
    ]


def history(login: Login, key: NacosKey) -> Steps[list[NacosRevision]]:
    """What was done to a configuration, the newest first, as far back as the server keeps it."""

    def place(api: Api) -> tuple[str, dict[str, str]]:
        if api is V1_API:
            return "/v1/cs/history", {**api.named(key), "search": "accurate"}
        return "/v3/admin/cs/history/list", api.named(key)

    def revision(item: dict[str, Any]) -> NacosRevision:
        return NacosRevision(
            str(item["id"]),
            _OPERATIONS.get(str(item.get("opType") or "").strip(), ""),
            str(item.get("lastModifiedTime") or item.get("modifyTime") or ""),
            str(item.get("srcUser") or ""),
        )

    return (yield from _pages(login, place, revision, f"to read the history of {key}"))


# Inside

_Place = Callable[[Api], tuple[str, dict[str, str]]]
"""Where an API lists something: path and query, without the page."""


def _pages(login: Login, place: _Place, item: Callable[[dict[str, Any]], T], what: str) -> Steps[list[T]]:
    """The items of all pages."""
    items: list[T] = []
    for page in count(1):
        found, pages = yield from _page(login, place, item, what, page)
        items += found
        if page >= pages or not found:
            break
    return items


def _page(
    login: Login, place: _Place, item: Callable[[dict[str, Any]], T], what: str, number: int
) -> Steps[tuple[list[T], int]]:
    """The items of one page, and how many pages there are."""

    def request(api: Api) -> Request:
        path, query = place(api)
        return Request("GET", path, {**query, "pageNo": str(number), "pageSize": str(_PAGE)})

    def read_page(api: Api, reply: Reply) -> tuple[list[T], int]:
        found = api_json(reply, what, logged_in=login.logged_in)
        if isinstance(found, dict) and "data" in found:
            found = found["data"]
        try:
            items, pages = found["pageItems"] or [], found["pagesAvailable"]
            if isinstance(pages, int) and all(isinstance(one, dict) for one in items):
                return [item(one) for one in items], pages
        except (KeyError, TypeError):
            pass
        raise stranger(reply, "Nacos")

    return (yield from by_either(login, request, read_page))


def _is_at(login: Login, key: NacosKey, md5: str) -> Steps[bool]:
    """Whether it has that md5; what was just written may take readers some 60 ms to see."""
    api = None
    for _ in range(_FRESH):
        config, api = yield from read(login, key, api=api, limit=_LIMIT)
        if config is not None and config.md5 == md5:
            return True
        yield Pause(BETWEEN)
    return False


def _until_read(login: Login, key: NacosKey, content: bytes | None) -> Steps[None]:
    """Look until readers get what was written; it takes Nacos some 60 ms.

    Raises:
        SourceUnavailable: they still don't after 5 s.
    """
    api = None
    for _ in range(_LOOKS):
        config, api = yield from read(login, key, api=api, limit=_LIMIT)
        if (config.content if config else None) == content:
            return
        yield Pause(BETWEEN)
    raise SourceUnavailable(
        f"{key} was written, but cannot be read back within {_LOOKS * BETWEEN:g} s; somebody else may have"
        " written it as well"
    )
