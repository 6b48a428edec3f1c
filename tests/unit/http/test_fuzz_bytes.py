"""Whatever bytes a server answers with, a request ends with a reply or an error of sources."""

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from dynconf.errors import SourceError
from dynconf.protocols.exchange import Reply, Request
from tests.unit.http.fake_server import FakeServer, client_of, then_hang_up

PIECES = st.sampled_from(
    [
        *("HTTP/1.1 200 OK\r\n", "HTTP/1.1 204 No\r\n", "HTTP/1.0 200\r\n", "HTTP/1.1 100 Go on\r\n"),
        *(
            "HTTP/1.1 999 ?\r\n",
            "HTTP/2 200\r\n",
            "HTTP/1.1 101 Other\r\n",
            "ICY 200 OK\r\n",
            "\r\n",
            "\n",
            "\0",
        ),
        *(
            "Content-Length: 3\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 3, 3\r\n",
            "Connection: close\r\n",
        ),
        *("Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n", "Content-Encoding: br\r\n"),
        *("X: \xff\r\n", ": x\r\n", " folded\r\n", "x" * 200, "3\r\nabc\r\n", "0\r\n\r\n", "3;x\r\n", "abc"),
    ]
)
ANSWERS = st.lists(PIECES, max_size=10).map(lambda pieces: "".join(pieces).encode("latin-1")) | st.binary()


@settings(max_examples=150)
@given(ANSWERS, st.booleans())
def test_any_answer(answer: bytes, repeatable: bool) -> None:
    """Nothing else is raised, and nothing is waited for once the server has hung up."""

    async def main() -> None:
        async with FakeServer(then_hang_up(answer)) as server, client_of(server) as client:
            with contextlib.suppress(SourceError):
                request = Request("GET", "/", repeatable=repeatable, timeout=20.0, limit=100)
                assert isinstance(await client.send(request), Reply)

    asyncio.run(main())
