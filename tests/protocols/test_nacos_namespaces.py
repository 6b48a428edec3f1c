"""What is told of a namespace that may have been given by its name."""

from typing import Any

import pytest

from dynconf.protocols.nacos.api import V3_API
from dynconf.protocols.nacos.identity import NacosKey
from tests.protocols.nacos_following import NOBODY, Following
from tests.protocols.nacos_props import (
    DENIED,
    NO_SUCH_PATH,
    OURS,
    SECRET,
    SWITCHED_OFF,
    V1_MISSING,
    V3_MISSING,
    A,
    Answer,
    gone,
    json_reply,
    plain,
    v1,
)

NAMESPACES = json_reply(
    {
        "code": 200,
        "data": [
            {"namespace": "", "namespaceShowName": "public", "quota": 200},
            {"namespace": "team-id", "namespaceShowName": "The Team"},
            {"namespace": "other-id", "namespaceShowName": "Others"},
        ],
    }
)
NAMED = NacosKey("app.yaml", "g", "The Team")


def looked_up(key: NacosKey, *answers: Answer) -> str:
    """The hint that comes with a configuration that is missing."""
    session = Following(key).answer(V1_MISSING, *answers)
    (news,) = session.told()
    assert news.config is news.error is None
    assert isinstance(news.hint, str)
    return news.hint


def test_name_in_the_place_of_the_id() -> None:
    """Who gives a namespace's name is told its id."""
    said = looked_up(NAMED, NAMESPACES)
    assert said == "'The Team' is the name of a namespace whose id is 'team-id': give the id"


def test_unknown_namespace() -> None:
    """Who gives neither is told what there is."""
    said = looked_up(NacosKey("a", "g", "x"), NAMESPACES)
    assert said == "there is no namespace with the id 'x'; there are: other-id, team-id"


def test_namespace_is_right() -> None:
    """Then there is nothing to say; of the public one nothing is even asked."""
    assert looked_up(OURS, NAMESPACES) == ""
    assert looked_up(A) == ""


@pytest.mark.parametrize(
    "answers",
    [[DENIED], [NOBODY], [plain(500)], [NO_SUCH_PATH, NO_SUCH_PATH], [SWITCHED_OFF, DENIED], [plain(200)]],
)
def test_namespaces_that_are_not_listed(answers: list[Answer]) -> None:
    """If the server does not tell us, that is no failure."""
    assert looked_up(NAMED, *answers) == ""


@pytest.mark.parametrize(
    "found",
    [
        [],
        {"data": None},
        {"data": [SECRET]},
        {"data": [None]},
        {"data": [{}]},
        {"data": {"a": 1}},
        {"data": [{"namespace": [], "namespaceShowName": "The Team"}]},
        {"data": [{"namespace": {"a": 1}, "namespaceShowName": "The Team"}]},
    ],
)
def test_odd_lists_of_namespaces(found: Any) -> None:
    """What is no list of them says nothing."""
    assert SECRET not in looked_up(NAMED, json_reply(found))


def test_numbers_for_namespaces() -> None:
    """Ids that are no text don't break anything."""
    items = [{"namespace": 5, "namespaceShowName": 6}, {"namespace": "x", "namespaceShowName": None}]
    assert looked_up(NAMED, json_reply({"data": items})).endswith("there are: 5, x")


def test_many_namespaces() -> None:
    """An error does not list hundreds."""
    items = [{"namespace": f"n{number}", "namespaceShowName": ""} for number in range(500)]
    assert looked_up(NAMED, json_reply({"data": items})).endswith("n114, n115 and 480 more")


def test_asked_once_for_many() -> None:
    """However many are missing from one namespace, it is looked up once, and told with each."""
    keys = [NacosKey(f"{number}.yaml", "g", "The Team") for number in range(5)]
    session = Following(*keys).answer(V1_MISSING, NAMESPACES, *[V1_MISSING] * 4)
    assert ["team-id" in news.hint for news in session.told()] == [True] * 5
    assert sum("namespaces" in request.path for request in session.asked) == 1


def test_refused_for_its_namespace() -> None:
    """A name with blanks cannot even be asked for: the refusal tells the id."""
    session = Following(A, NAMED).answer(v1(), plain(400), NAMESPACES)
    assert "whose id is 'team-id'" in str(session.told()[-1].error)
    session = Following(NAMED).answer(plain(400), NAMESPACES)
    assert "whose id is 'team-id'" in str(session.told()[-1].error)


def test_refused_for_something_else() -> None:
    """A refusal stays what it is if the namespace is right, or the public one, or they are not listed."""
    for key, answers in ((OURS, [NAMESPACES]), (A, []), (NAMED, [DENIED])):
        session = Following(key).answer(plain(400), *answers)
        (news,) = session.told()
        assert str(news.error).endswith("names may have ASCII letters, digits and .:_- only")


def test_looked_up_once() -> None:
    """It is asked for when something goes missing, not with every look at what is missing."""
    session = Following(OURS).answer(SWITCHED_OFF, *gone(V3_API), SWITCHED_OFF, DENIED)
    assert session.requests == [V3_API.read(OURS, limit=session.watched.limit)]
    session.answer(V3_MISSING)
    assert session.requests
