"""One configuration by either API: what to ask, and what the answers mean."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlencode

from dynconf.protocols.exchange import Reply, Request
from dynconf.protocols.failures import stranger
from dynconf.protocols.nacos.identity import PUBLIC, NacosConfig, NacosKey
from dynconf.protocols.nacos.replies import MISSING, check, code_of, data_of, refuse_wrong_api

__all__ = [
    "ABSENCES",
    "APIS",
    "FORM",
    "MD5",
    "V1",
    "V1_API",
    "V3",
    "V3_API",
    "Api",
]

FORM: Final = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
MD5: Final = re.compile(r"[!-~]{1,128}")  # it is shown, and must not forge lines of a log
ABSENCES: Final = 3
"""How often in a row version 3 has to say that something is not there: it says so, too, of what is just being
written, for which version 1 has a status of its own."""
_ABSENT: Final = b"config data not exist"


class Api(ABC):
    """What either API can do. None of this keeps any state."""

    name: ClassVar[Literal["v1", "v3"]]
    writes: ClassVar[str]
    """Where configurations are published and removed."""

    @abstractmethod
    def read(self, key: NacosKey, *, limit: int) -> Request:
        """The request for a configuration's content."""

    @abstractmethod
    def content(self, key: NacosKey, reply: Reply, *, logged_in: bool) -> NacosConfig | None:
        """The configuration in the reply to `read`; `None` if there is none.

        Raises:
            WrongApi: the server does not have this API.
            SourceError: it is no sensible answer.
        """

    @abstractmethod
    def named(self, key: NacosKey) -> dict[str, str]:
        """The parameters that name a configuration."""

    def publish(self, key: NacosKey, content: str, type: str, cas_md5: str) -> Request:
        """The request that publishes content."""
        form = self.named(key) | {"content": content, **({"type": type} if type else {})}
        headers = {**FORM, **({"casMd5": cas_md5} if cas_md5 else {})}
        return Request("POST", self.writes, body=urlencode(form).encode(), headers=headers, repeatable=False)

    def published(self, key: NacosKey, reply: Reply, cas_md5: str, *, logged_in: bool) -> bool:
        """Whether it was published; false only if the content was not as `cas_md5` says.

        Raises:
            WrongApi: the server does not have this API.
            SourceError: it is refused.
        """
        # 2.x says why, 3.x says 500 and `false`.
        if cas_md5 and reply.status >= 400 and (b"Cas publish fail" in reply.body or reply.body == b"false"):
            return False
        return self.done(reply, f"to publish {key}", logged_in=logged_in)

    def remove(self, key: NacosKey) -> Request:
        """The request that removes a configuration."""
        return Request("DELETE", self.writes, self.named(key), repeatable=False)

    @abstractmethod
    def done(self, reply: Reply, what: str, *, logged_in: bool) -> bool:
        """Whether a publication or removal was done.

        Raises:
            WrongApi: the server does not have this API.
            SourceError: it is refused.
        """


class V1(Api):
    """Of 1.x and 2.x, and of 3.0 and 3.1 unless it is switched off there."""

    name: ClassVar[Literal["v1", "v3"]] = "v1"
    writes = "/v1/cs/configs"

    def named(self, key: NacosKey) -> dict[str, str]:
        """See `Api`."""
        # The public namespace is left out: by its name, 2.x takes it for another one.
        tenant = {"tenant": key.namespace} if key.namespace else {}
        return {"dataId": key.data_id, "group": key.group, **tenant}

    def read(self, key: NacosKey, *, limit: int) -> Request:
        """See `Api`."""
        return Request("GET", "/v1/cs/configs", self.named(key), limit=limit)

    def content(self, key: NacosKey, reply: Reply, *, logged_in: bool) -> NacosConfig | None:
        """See `Api`."""
        if reply.status == 404 and _ABSENT in reply.body[:200]:
            return None
        refuse_wrong_api(reply)
        check(reply, f"to read {key}", logged_in=logged_in)
        md5 = reply.headers.get("content-md5", "")
        if not MD5.fullmatch(md5):
            raise stranger(reply, "Nacos")
        modified = reply.headers.get("last-modified", "")
        moment = _moment(lambda: parsedate_to_datetime(modified).timestamp())
        return NacosConfig(key, reply.body, md5, reply.headers.get("config-type", ""), moment)

    def done(self, reply: Reply, what: str, *, logged_in: bool) -> bool:
        """See `Api`."""
        refuse_wrong_api(reply)
        check(reply, what, logged_in=logged_in)
        if reply.body.strip() not in (b"true", b"false"):
            raise stranger(reply, "Nacos")
        return reply.body.strip() == b"true"


class V3(Api):
    """Of 3.x, and the only one from 3.2 on."""

    name: ClassVar[Literal["v1", "v3"]] = "v3"
    writes = "/v3/admin/cs/config"

    def named(self, key: NacosKey) -> dict[str, str]:
        """See `Api`."""
        return {"dataId": key.data_id, "groupName": key.group, "namespaceId": key.namespace or PUBLIC}

    def read(self, key: NacosKey, *, limit: int) -> Request:
        """See `Api`."""
        return Request("GET", "/v3/client/cs/config", self.named(key), limit=limit)

    def content(self, key: NacosKey, reply: Reply, *, logged_in: bool) -> NacosConfig | None:
        """See `Api`."""
        if code_of(reply) == MISSING:
            return None
        refuse_wrong_api(reply)
        check(reply, f"to read {key}", logged_in=logged_in)
        data = data_of(reply)
        try:
            return _config(key, data)
        except (KeyError, TypeError, ValueError):
            raise stranger(reply, "Nacos") from None

    def done(self, reply: Reply, what: str, *, logged_in: bool) -> bool:
        """See `Api`."""
        refuse_wrong_api(reply)
        check(reply, what, logged_in=logged_in)
        return data_of(reply) is True


V1_API: Final = V1()
V3_API: Final = V3()
APIS: Final[tuple[Api, ...]] = (V1_API, V3_API)
"""In the order in which they are tried: only v1 can wait for changes."""


def _config(key: NacosKey, data: Mapping[str, Any]) -> NacosConfig:
    content, md5, type_ = data["content"], data.get("md5") or "", data.get("contentType")
    if not isinstance(content, str) or not isinstance(md5, str):
        raise TypeError
    body = content.encode()
    md5 = md5 or hashlib.md5(body, usedforsecurity=False).hexdigest()
    if not MD5.fullmatch(md5):
        raise ValueError
    return NacosConfig(
        key,
        body,
        md5,
        type_ if isinstance(type_, str) else "",
        _moment(lambda: float(data.get("lastModified") or 0) / 1000),
    )


def _moment(read: Callable[[], float]) -> float:
    """When it was published; that this cannot be told is no reason to do without the content."""
    try:
        return read()
    except (ValueError, TypeError, OverflowError):
        return 0.0
