"""Logging in: a token that is renewed before it ends, and anew when it is refused.

Missing, wrong and expired tokens are all answered with 403.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode

from dynconf.errors import AccessDenied, SourceError
from dynconf.protocols.exchange import Reply, Request, Steps
from dynconf.protocols.failures import stranger
from dynconf.protocols.nacos.api import FORM
from dynconf.protocols.nacos.replies import check, json_of

__all__ = ["Login"]

_PATHS: Final = ("/v3/auth/user/login", "/v1/auth/login")
_AGAIN: Final = 60.0
"""Seconds between two log-ins that a refused token leads to."""
_RENEWED: Final = (0.85, 0.95)
"""The part of a token's life after which it is renewed: at random, so that clients don't come as one."""


@dataclass
class Login:
    """Who we are, and the token of the moment; shared by all requests to one cluster.

    Args:
        username: empty if there is no log-in.
        password: of that user.
        now: seconds that only ever grow.
        random: gives numbers from 0 to 1.
    """

    username: str
    password: str = field(repr=False)
    now: Callable[[], float]
    random: Callable[[], float]
    token: str = field(default="", repr=False)
    _renew_at: float = 0.0
    _refused_at: float | None = None

    @property
    def logged_in(self) -> bool:
        """Whether requests carry a token."""
        return bool(self.username)

    def send(self, request: Request) -> Steps[Reply]:
        """Send a request with the token, logging in before it if need be, and once more if it is refused.

        Raises:
            SourceError: nobody answers, or the log-in is refused.
        """
        reply = yield from self.hold(request)
        assert reply is not None
        return reply

    def hold(self, request: Request) -> Steps[Reply | None]:
        """Send a request that the server may hold; `None` if there is something new to do meanwhile.

        Raises:
            SourceError: nobody answers, or the log-in is refused.
        """
        yield from self._renew()
        reply: Reply | None = yield self._signed(request)
        if reply is not None and self._may_retry([reply]):
            yield from self._log_in_again()
            reply = yield self._signed(request)
        return reply

    def send_all(self, requests: Sequence[Request]) -> Steps[list[Reply | SourceError]]:
        """Send requests side by side, and once more those that are refused for their token.

        Returns:
            For each its reply, or why there is none.

        Raises:
            SourceError: the log-in is refused, or nobody answers it.
        """
        yield from self._renew()
        replies: list[Reply | SourceError] = yield [self._signed(request) for request in requests]
        if self._may_retry(replies):
            yield from self._log_in_again()
            refused = [number for number, reply in enumerate(replies) if _refused(reply)]
            again = yield [self._signed(requests[number]) for number in refused]
            for number, reply in zip(refused, again, strict=True):
                replies[number] = reply
        return replies

    def _signed(self, request: Request) -> Request:
        return replace(request, credentials={"accessToken": self.token}) if self.token else request

    def _renew(self) -> Steps[None]:
        if self.username and self.now() >= self._renew_at:
            yield from self._log_in()

    def _log_in_again(self) -> Steps[None]:
        self._refused_at = self.now()
        yield from self._log_in()

    def _may_retry(self, replies: Iterable[Reply | SourceError]) -> bool:
        if not self.username or not any(map(_refused, replies)):
            return False
        return self._refused_at is None or self.now() - self._refused_at >= _AGAIN

    def _log_in(self) -> Steps[None]:
        """Get a new token.

        Raises:
            AccessDenied: the name or the password is wrong.
            SourceError: nobody answers, or not sensibly.
        """
        form = urlencode({"username": self.username, "password": self.password}).encode()
        reply = None
        for path in _PATHS:
            reply = yield Request("POST", path, body=form, headers=FORM)
            assert reply is not None
            if reply.status not in {404, 405, 410, 501}:
                break
        assert reply is not None
        # 3.x says 500 to a wrong password, and nothing else.
        if reply.status in {400, 401, 403, 500}:
            raise AccessDenied(
                f"{reply.server} refuses the log-in of the user '{self.username}' (HTTP {reply.status}):"
                " check the name and the password"
            )
        check(reply, "to log in", logged_in=True)
        found = json_of(reply)
        if not isinstance(found, dict):
            raise stranger(reply, "Nacos")
        data = found.get("data")
        self._keep(data if isinstance(data, dict) else found, reply)

    def _keep(self, found: Mapping[str, Any], reply: Reply) -> None:
        token, life = found.get("accessToken"), found.get("tokenTtl")
        if not isinstance(token, str) or not isinstance(life, int | float) or not token.isprintable():
            raise stranger(reply, "Nacos")
        first, last = _RENEWED
        self.token = token
        self._renew_at = self.now() + life * (first + self.random() * (last - first))


def _refused(reply: Reply | SourceError) -> bool:
    return isinstance(reply, Reply) and reply.status == 403
