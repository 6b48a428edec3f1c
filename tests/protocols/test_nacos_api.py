"""Nacos's two APIs: what is asked by each, what the replies mean, and which one a server has."""

from typing import Any

import pytest

from dynconf.errors import (
    AccessDenied,
    Conflict,
    RequestRefused,
    SourceError,
    SourceUnavailable,
    UnexpectedReply,
)
from dynconf.protocols.exchange import Busy, Pause, Reply
from dynconf.protocols.nacos.api import ABSENCES, APIS, V1_API, V3_API, Api
from dynconf.protocols.nacos.either import read
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.replies import BeingChanged, WrongApi
from tests.protocols.nacos_props import (
    CHANGING,
    DENIED,
    NO_SUCH_PATH,
    OURS,
    SECRET,
    SERVER,
    SWITCHED_OFF,
    V1_MISSING,
    V3_MISSING,
    A,
    Answer,
    Session,
    digest,
    form,
    gone,
    json_reply,
    login,
    plain,
    v1,
    v3,
)

BOTH = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)


def reading(*answers: Answer, first: Api | None = None, key: NacosKey = A) -> Session:
    """Read a configuration with canned answers."""
    return Session(read(login(), key, api=first, limit=1000)).answer(*answers)


def content(api: Api, reply: Reply, *, logged_in: bool = False) -> Any:
    """What an API makes of a reply."""
    return api.content(A, reply, logged_in=logged_in)


# What is asked


def test_reading_by_v1() -> None:
    """The public namespace is left out: under its name, 2.x takes it for another one."""
    request = V1_API.read(A, limit=7)
    assert (request.method, request.path, request.limit) == ("GET", "/v1/cs/configs", 7)
    assert request.query == {"dataId": "a.yaml", "group": "g"}
    assert V1_API.read(OURS, limit=7).query == {"dataId": "app.yaml", "group": "g", "tenant": "team-id"}


def test_reading_by_v3() -> None:
    """There the public namespace has its name."""
    request = V3_API.read(A, limit=7)
    assert (request.method, request.path, request.limit) == ("GET", "/v3/client/cs/config", 7)
    assert request.query == {"dataId": "a.yaml", "groupName": "g", "namespaceId": "public"}
    assert V3_API.read(OURS, limit=7).query["namespaceId"] == "team-id"


@BOTH
def test_publishing(api: Api) -> None:
    """The content is in the body, as it is; it is never sent twice."""
    request = api.publish(OURS, "n: ü&=+%\n", "yaml", "")
    assert (request.method, request.path, request.repeatable) == ("POST", api.writes, False)
    assert form(request) == {**api.named(OURS), "content": "n: ü&=+%\n", "type": "yaml"}
    assert "charset=UTF-8" in request.headers["content-type"]
    assert "casMd5" not in request.headers
    assert SECRET not in repr(api.publish(OURS, SECRET, "", ""))


@BOTH
def test_publishing_if_it_is_unchanged(api: Api) -> None:
    """What the content has to be is a header, not a parameter; no type is none, not an empty one."""
    request = api.publish(A, "x", "", "abc")
    assert request.headers["casMd5"] == "abc"
    assert set(form(request)) == {*api.named(A), "content"}


@BOTH
def test_removing(api: Api) -> None:
    """To remove twice is to remove, so another server may be asked."""
    request = api.remove(OURS)
    assert (request.method, request.path, request.repeatable) == ("DELETE", api.writes, False)
    assert request.query == api.named(OURS)


# What the answers mean


def test_found_by_v1() -> None:
    """The content is raw, all else is in headers; the md5 is the server's."""
    found = content(V1_API, v1(b"n: \xc3\xbc", md5="the-servers"))
    assert (found.key, found.content, found.md5, found.type) == (A, b"n: \xc3\xbc", "the-servers", "yaml")
    assert found.modified == 1763748000.0


def test_found_by_v3() -> None:
    """The same in JSON."""
    found = content(V3_API, v3(b"n: \xc3\xbc", md5="the-servers"))
    assert (found.key, found.content, found.md5, found.type) == (A, b"n: \xc3\xbc", "the-servers", "yaml")
    assert found.modified == 1763748000.0


def test_encrypted_content() -> None:
    """What is decrypted on its way has another md5 than its bytes; the server's tells contents apart."""
    for api, reply in ((V1_API, v1(b"plain", md5="of-cipher")), (V3_API, v3(b"plain", md5="of-cipher"))):
        assert content(api, reply).md5 == "of-cipher" != digest(b"plain")


def test_content_is_not_shown() -> None:
    """No representation has it."""
    assert SECRET not in repr(content(V1_API, v1(SECRET.encode())))


def test_what_is_left_out() -> None:
    """Type, time, and in v3 also the md5, may be missing."""
    found = content(V1_API, plain(200, b"x", content_md5="m"))
    assert (found.type, found.modified) == ("", 0.0)
    found = content(V3_API, json_reply({"code": 0, "data": {"content": "x"}}))
    assert (found.type, found.modified, found.md5) == ("", 0.0, digest(b"x"))


@pytest.mark.parametrize("moment", ["", "yesterday", "Fri, 21 Nov 99999 18:00:00 GMT", "0", "\x00"])
def test_odd_time(moment: str) -> None:
    """A time that is none is not known, and no fault of the content."""
    assert content(V1_API, plain(200, b"x", content_md5="m", last_modified=moment)).modified == 0.0


@pytest.mark.parametrize("moment", [None, "yesterday", 10**400, {}, [1], "Infinityx"])
def test_odd_time_and_type_in_json(moment: Any) -> None:
    """Likewise in v3, and so is a type that is none."""
    data = {"content": "x", "lastModified": moment, "contentType": moment and [moment]}
    found = content(V3_API, json_reply({"code": 0, "data": data}))
    assert (found.modified, found.type) == (0.0, "")


def test_missing() -> None:
    """v1 says 404 with its own words, v3 says 200 with a code."""
    assert content(V1_API, V1_MISSING) is None
    assert content(V3_API, V3_MISSING) is None


@BOTH
@pytest.mark.parametrize("reply", [NO_SUCH_PATH, SWITCHED_OFF, plain(405), plain(501), plain(404, b"")])
def test_wrong_api(api: Api, reply: Reply) -> None:
    """404 of the path, and 410, are no word on the configuration."""
    with pytest.raises(WrongApi):
        content(api, reply)


ODD_JSON: list[Any] = [
    None,
    [],
    SECRET,
    {},
    {"code": 0},
    {"code": 0, "data": None},
    {"code": 0, "data": SECRET},
    {"code": 0, "data": [SECRET]},
    {"code": 0, "data": {}},
    {"code": 0, "data": {"content": None}},
    {"code": 0, "data": {"content": {SECRET: 1}}},
    {"code": 0, "data": {"content": 5}},
    {"code": 0, "data": {"content": "x", "md5": 5}},
    {"code": 0, "data": {"content": "\ud800"}},
]
ODD = [
    plain(200, f"<html>{SECRET}</html>", content_type="text/html"),
    plain(200, f'{{"code": 0, "data": {{"content": "{SECRET}'),
    plain(200, b"\xff\xfe"),
    plain(200, b"[" * 100_000),
    plain(200, b""),
    *map(json_reply, ODD_JSON),
    plain(204, b""),
]


@BOTH
@pytest.mark.parametrize("reply", ODD)
def test_no_nacos(api: Api, reply: Reply) -> None:
    """What is no answer of Nacos's is called that, with the address, and is shown to nobody."""
    with pytest.raises(UnexpectedReply, match="is no Nacos") as caught:
        content(api, reply)
    assert SECRET not in str(caught.value)
    assert SERVER in str(caught.value)


@BOTH
@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (DENIED, AccessDenied, "NACOS_USERNAME"),
        (plain(401), AccessDenied, "NACOS_USERNAME"),
        (plain(302, location=f"http://{SECRET}"), UnexpectedReply, "redirects elsewhere"),
        (plain(400), RequestRefused, r"refuses the request to read 'a.yaml' in group 'g' of the public"),
        (plain(413), RequestRefused, "nothing that large"),
        (plain(429), Busy, "limits requests"),
        (plain(500), UnexpectedReply, "its log says why"),
        (plain(503, retry_after="7"), Busy, "HTTP 503"),
        (plain(503, "server is STARTING now, please try again later!"), UnexpectedReply, "still starting"),
    ],
)
def test_refusals(api: Api, reply: Reply, kind: type[SourceError], said: str) -> None:
    """Each is told apart, and none tells the body."""
    with pytest.raises(kind, match=said) as caught:
        content(api, reply)
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)


@BOTH
def test_refused_although_logged_in(api: Api) -> None:
    """403 is said to a missing right as well as to a missing log-in; which one it is, we know."""
    with pytest.raises(AccessDenied, match="the user has not the right"):
        content(api, DENIED, logged_in=True)


@BOTH
def test_being_changed(api: Api) -> None:
    """409 is neither a failure nor a word on the content."""
    with pytest.raises(BeingChanged):
        content(api, CHANGING)


# Which API a server has


@pytest.mark.parametrize(
    ("answers", "api", "paths"),
    [
        ([v1()], "v1", ["/v1/cs/configs"]),
        ([V1_MISSING], "v1", ["/v1/cs/configs"]),
        ([SWITCHED_OFF, v3()], "v3", ["/v1/cs/configs", "/v3/client/cs/config"]),
        ([NO_SUCH_PATH, v3()], "v3", ["/v1/cs/configs", "/v3/client/cs/config"]),
        ([SWITCHED_OFF, *gone(V3_API)], "v3", ["/v1/cs/configs", *["/v3/client/cs/config"] * ABSENCES]),
    ],
)
def test_probing(answers: list[Reply], api: str, paths: list[str]) -> None:
    """v1 is asked first, as only that can wait for changes; v3 where there is no v1."""
    session = reading(*answers)
    config, found = session.value
    assert found.name == api
    assert (config is None) is (answers[-1] in (V1_MISSING, V3_MISSING))
    assert [request.path for request in session.asked] == paths


@BOTH
def test_known_api_is_asked_first(api: Api) -> None:
    """What was found is remembered; the other one is asked where the server has lost it."""
    session = reading(first=api)
    assert session.request == api.read(A, limit=1000)
    session.answer(SWITCHED_OFF)
    assert session.request.path != api.read(A, limit=1000).path


@BOTH
def test_neither_api(api: Api) -> None:
    """404 to both is no Nacos, and not that the configuration is missing."""
    with pytest.raises(UnexpectedReply, match="is no Nacos"):
        reading(NO_SUCH_PATH, NO_SUCH_PATH, first=api)


@pytest.mark.parametrize("fault", [SourceUnavailable("nobody"), plain(500), plain(403), plain(200)])
def test_failure_is_no_sign_of_the_api(fault: Answer) -> None:
    """Only what says that the path is unknown leads to the other API."""
    with pytest.raises(SourceError):
        reading(fault)


@BOTH
def test_waits_until_it_is_changed(api: Api) -> None:
    """What is just being changed is asked for again soon, by the same API, and in the end given up."""
    found = v1() if api is V1_API else v3()
    session = reading(*[CHANGING] * 3, found, first=api)
    assert session.value[0].content == b"n: 1"
    assert session.rests == [Pause(0.025).seconds] * 3
    with pytest.raises(Conflict, match="has been changing it for 2 s"):
        reading(*[CHANGING] * 80, first=api)


@BOTH
def test_missing_is_an_answer(api: Api) -> None:
    """That it is not there is an answer."""
    assert reading(*gone(api), first=api).value == (None, api)


def test_missing_for_a_moment() -> None:
    """v3 says that, too, of what is just being written: it is looked again, as v1 has one do by 409."""
    session = reading(V3_MISSING, V3_MISSING, v3(), first=V3_API)
    assert session.value[0].content == b"n: 1"
    assert session.rests == [0.025, 0.025]


@pytest.mark.parametrize("md5", ["x\nCRITICAL forged", "a" * 129, "caf\u00e9", "a b"])
def test_an_md5_that_is_none(md5: str) -> None:
    """It is shown as the revision, so nothing else is taken for one."""
    with pytest.raises(UnexpectedReply):
        V3_API.content(A, v3(md5=md5), logged_in=False)
    with pytest.raises(UnexpectedReply):
        V1_API.content(A, v1(md5=md5), logged_in=False)
