"""Logging in: a token that is renewed before it ends, and anew when it is refused.

Missing, wrong and expired tokens are all answered with 403.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode

from dynconf.errors import AccessDenied, SourceError
from dynconf.protocols.exchange import ANSWER_TIME, Pause, Reply, Request, Steps
from dynconf.protocols.failures import stranger
from dynconf.protocols.json_reply import json_in
from dynconf.protocols.nacos.api import FORM
from dynconf.protocols.nacos.replies import PORTS, check, json_of, lacks_path

__all__ = ["Login"]

_V3: Final = "/v3/auth/user/login"
_PATHS: Final[tuple[str, str]] = (_V3, "/v1/auth/login")
_DOUBT: Final = "; or the server has a fault of its own, to which 3.x says the same: see its log"
_AGAIN: Final = 60.0
"""Seconds between two log-ins that a refused token leads to."""
_LONGEST: Final = 30 * 86400.0
"""Seconds that a token's life is believed up to; 2.x without log-in says what is none at all."""
_GLANCE: Final = 0.025
"""Seconds between two looks whether another request's log-in is over."""
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
    _refused: bool = False
    _refused_at: float | None = None
    _busy_until: float = 0.0
    _paths: tuple[str, str] = _PATHS

    @property
    def logged_in(self) -> bool:
        """Whether requests carry a token."""
        return bool(self.username)

    def renew(self) -> Steps[None]:
        """Log in, if there is no token yet, its end is near, or it was refused.

        Raises:
            AccessDenied: the name or the password is wrong.
            SourceError: nobody answers, or not sensibly.
        """
        if self._wanted():
            yield from self._wait_for_others()
            if self._wanted():
                yield from self._log_in()

    def outdated(self, reply: object, token: str) -> bool:
        """Whether a request is to be sent again, as it was refused with a token that is another soon.

        The next request renews it, unless somebody else does; which is not tried again too soon.

        Args:
            reply: what came, or anything else.
            token: what the request was sent with.
        """
        if not (self.username and isinstance(reply, Reply) and reply.status == 403):
            return False
        if token == self.token and not self._wanted():
            if self._refused_at is not None and self.now() - self._refused_at < _AGAIN:
                return False
            self._refused = True
        return True

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
        yield from self.renew()
        token = self.token
        reply: Reply | None = yield self.signed(request)
        if self.outdated(reply, token):
            yield from self.renew()
            reply = yield self.signed(request)
        return reply

    def signed(self, request: Request) -> Request:
        """The request with the token of the moment, to be sent as one of several; see `outdated`."""
        if not self.token:
            return request
        # Up to 2.0 only the first of these counts.
        credentials = {"authorization": f"Bearer {self.token}", "accessToken": self.token}
        return replace(request, credentials=credentials)

    def _wanted(self) -> bool:
        return bool(self.username) and (self._refused or self.now() >= self._renew_at)

    def _wait_for_others(self) -> Steps[None]:
        """Wait while another request's log-in is under way; one that never ends is not waited for."""
        while self.now() < self._busy_until:
            yield Pause(_GLANCE)

    def _log_in(self) -> Steps[None]:
        """Get a new token.

        Raises:
            AccessDenied: the name or the password is wrong.
            SourceError: nobody answers, or not sensibly.
        """
        self._busy_until = self.now() + ANSWER_TIME
        refused = self._refused
        try:
            reply = yield from self._ask()
        finally:
            self._busy_until = 0.0
            self._refused = False  # one whose time is not over may still do, should there be no other
        in_doubt = self._paths[0] == _V3 and _perhaps_refused(reply)
        denied = reply.status in {400, 401, 403} or in_doubt
        if refused and (denied or reply.status < 300):
            self._refused_at = self.now()
        if denied:
            raise AccessDenied(
                f"{reply.server} refuses the log-in of the user '{self.username}' (HTTP {reply.status}):"
                f" check the name and the password, and that this is the server's port ({PORTS})"
                f"{_DOUBT if in_doubt else ''}"
            )
        if lacks_path(reply):
            raise stranger(reply, "Nacos")
        check(reply, "to log in", logged_in=True)
        found = json_of(reply)
        if not isinstance(found, dict):
            raise stranger(reply, "Nacos")
        data = found.get("data")
        self._keep(data if isinstance(data, dict) else found, reply)

    def _ask(self) -> Steps[Reply]:
        """Send name and password to where this server wants them."""
        form = urlencode({"username": self.username, "password": self.password}).encode()
        first, second = self._paths
        reply: Reply = yield Request("POST", first, body=form, headers=FORM)
        if lacks_path(reply):
            self._paths = (second, first)
            reply = yield Request("POST", second, body=form, headers=FORM)
        return reply

    def _keep(self, found: Mapping[str, Any], reply: Reply) -> None:
        token, life = found.get("accessToken"), found.get("tokenTtl")
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
            raise stranger(reply, "Nacos")
        if not (isinstance(life, int | float) and life >= 0):
            raise stranger(reply, "Nacos")
        first, last = _RENEWED
        self.token = token
        self._renew_at = self.now() + min(life, _LONGEST) * (first + self.random() * (last - first))


def _perhaps_refused(reply: Reply) -> bool:
    """Whether it may be 3.x's answer to a wrong password: 500, in the words that its faults have as well."""
    if reply.status != 500:
        return False
    try:
        found = json_in(reply)
    except (ValueError, SourceError):
        return False
    return isinstance(found, dict) and ("code" in found or str(found.get("path")).endswith(_V3))
