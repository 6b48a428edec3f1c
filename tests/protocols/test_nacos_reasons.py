"""Why Nacos refuses a publication: what it says itself is told, as far as that repeats nothing of it."""

import pytest

from dynconf.errors import RequestRefused
from dynconf.protocols.exchange import ConnectionLost, Reply
from dynconf.protocols.nacos.operations import publish
from tests.protocols.nacos_props import OURS, SECRET, SWITCHED_OFF, Answer, Session, json_reply, login, plain


def publishing(*answers: Answer, content: str = "n: 1") -> Session:
    """Publish with canned answers."""
    return Session(publish(login(), OURS, content, "yaml", "", wait=False)).answer(*answers)


ILLEGAL = "Param 'dataId' is illegal, illegal characters should not appear in the param"
LONG = "Param 'group' is illegal, the param length should not exceed 128"
NO_FORM = "Required parameter 'groupName' type String is not present"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (plain(400, f"{ILLEGAL}.\r\n"), f'it says "{ILLEGAL}"; names may have ASCII letters'),
        (plain(400, f"{LONG}.\r\n"), f'it says "{LONG}"'),
        (plain(400, "caused: content is blank : ;"), 'it says "content is blank"'),
        (plain(400, f"invalid content, over 10485760 {SECRET}"), 'it says "invalid content, over 10485760"'),
        (plain(400, "Parameter 'dataId' is missing"), "it reads no form that large: 2 MiB"),
        (json_reply({"message": "Required parameter 'dataId' is not present."}, 400), "no form that large"),
        (json_reply({"code": 10000, "message": "parameter missing", "data": NO_FORM}, 400), f'"{NO_FORM}"; '),
    ],
)
@pytest.mark.parametrize("probed", [[], [SWITCHED_OFF]], ids=["v1", "v3"])
def test_why_it_is_refused(probed: list[Answer], reply: Reply, said: str) -> None:
    """What Nacos says is told, in the sentences that are known to hold nothing of what was sent."""
    with pytest.raises(RequestRefused) as caught:
        publishing(*probed, reply)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("size", "told"), [(10, False), (2 * 1024 * 1024, True)])
def test_connection_that_is_lost(size: int, told: bool) -> None:
    """Nacos hangs up on a form that is far too large, which is told as what may be the matter."""
    session = publishing(content="x" * size)
    with pytest.raises(ConnectionLost) as caught:
        session.answer(ConnectionLost("it was lost"))
    assert ("no form that large" in str(caught.value)) is told
    assert len(session.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        f"caused: invalid tag : {SECRET};",
        f"Param '{SECRET}' is illegal, illegal characters should not appear in the param.",
        "Required parameter 'my password' is not present.",
        "Parameter 'open sesame' is missing",
        f"Param 'a' is illegal, the param length should not exceed {SECRET}",
        b"\xff\xfe" + SECRET.encode(),
        f"{' ' * 5000}content is blank",
    ],
)
def test_what_may_repeat_the_content(body: str | bytes) -> None:
    """Anything else that it says is not told."""
    with pytest.raises(RequestRefused, match=r"\(HTTP 400\)$") as caught:
        publishing(plain(400, body))
    assert SECRET not in str(caught.value)
