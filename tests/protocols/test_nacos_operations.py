"""Reading, publishing, removing and listing configurations of Nacos, by whichever API there is for it."""

from typing import Any

import pytest

from dynconf.errors import AccessDenied, RequestRefused, SourceUnavailable, UnexpectedReply, UsageError
from dynconf.protocols.exchange import Reply
from dynconf.protocols.nacos.api import APIS, V1_API, V3_API, Api
from dynconf.protocols.nacos.identity import NacosKey
from dynconf.protocols.nacos.operations import NacosRevision, get, history, list_keys, publish, remove
from tests.protocols.nacos_props import (
    CHANGING,
    DENIED,
    NO_SUCH_PATH,
    OURS,
    SECRET,
    SWITCHED_OFF,
    USER,
    A,
    Answer,
    Session,
    digest,
    form,
    gone,
    json_reply,
    login,
    missing,
    plain,
    signature,
    token,
    v1,
    v3,
)

BOTH = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
MD5 = digest(b"n: 1")
YES, NO = plain(200, "true"), plain(200, "false")
V3_YES = json_reply({"code": 0, "message": "success", "data": True})
V3_NO = json_reply({"code": 0, "message": "success", "data": False})


def probed(api: Api, *answers: Answer) -> list[Answer]:
    """The same answers, for a server that has this API only."""
    return [*([] if api is V1_API else [SWITCHED_OFF]), *answers]


def done(api: Api) -> Reply:
    """What it says to what it has done."""
    return YES if api is V1_API else V3_YES


def found(api: Api, content: bytes = b"n: 1") -> Reply:
    """A configuration."""
    return v1(content) if api is V1_API else v3(content)


def publishing(*answers: Answer, cas_md5: str = "", wait: bool = False, username: str = "") -> Session:
    """Publish with canned answers."""
    steps = publish(login(username), OURS, "n: 1", "yaml", cas_md5, wait=wait)
    return Session(steps).answer(*answers)


def removing(*answers: Answer, wait: bool = False) -> Session:
    """Remove with canned answers."""
    return Session(remove(login(), OURS, wait=wait)).answer(*answers)


# Reading


@BOTH
def test_get(api: Api) -> None:
    """It is read by the API that there is."""
    session = Session(get(login(), OURS)).answer(*probed(api, found(api)))
    assert (session.value.key, session.value.content) == (OURS, b"n: 1")


@pytest.mark.parametrize("answers", [gone(V1_API), [SWITCHED_OFF, *gone(V3_API)]])
def test_get_what_is_missing(answers: list[Answer]) -> None:
    """That is none."""
    session = Session(get(login(), OURS)).answer(*answers)
    assert session.value is None
    assert session.asks is None


# Publishing


@BOTH
def test_publish(api: Api) -> None:
    """It is sent where that API takes it."""
    session = publishing(*probed(api, done(api)))
    assert session.value is True
    request = session.asked[-1]
    assert request == api.publish(OURS, "n: 1", "yaml", "")
    assert form(request)["content"] == "n: 1"


@pytest.mark.parametrize("content", ["", " ", "\n\t"])
def test_nothing_to_publish(content: str) -> None:
    """Nacos takes none that is empty, so it is not even asked."""
    with pytest.raises(UsageError, match="empty"):
        Session(publish(login(), A, content, "", "", wait=False))


def test_content_that_is_no_text() -> None:
    """Half a character is told as that, without the rest of it."""
    with pytest.raises(UsageError, match="half of a surrogate pair") as caught:
        Session(publish(login(), A, f"{SECRET}\ud800", "", "", wait=False))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("md5", ["a\r\nx: y", "ü", " ", "a" * 129])
def test_md5_that_is_none(md5: str) -> None:
    """What no header can hold is not sent."""
    with pytest.raises(UsageError, match="cas_md5= is no md5"):
        Session(publish(login(), A, "n: 1", "", md5, wait=False))


@pytest.mark.parametrize(
    "answers",
    [
        [plain(500, "caused: Cas publish fail, server md5 may have changed.;")],
        [plain(500, "false")],
        [SWITCHED_OFF, plain(500, "caused: Cas publish fail, server md5 may have changed.;")],
        [SWITCHED_OFF, json_reply({"code": 30000, "message": "Cas publish fail", "data": None}, 500)],
        [NO],
        [SWITCHED_OFF, V3_NO],
    ],
)
def test_somebody_was_faster(answers: list[Answer]) -> None:
    """That the content is another than it was said to be is no error; 2.x and 3.x say it in their ways."""
    api = V3_API if answers[0] is SWITCHED_OFF else V1_API
    session = publishing(*probed(api, found(api)), *answers, cas_md5=MD5)
    assert session.value is False
    assert session.asked[-1].headers["casMd5"] == MD5


@BOTH
def test_what_is_not_there_is_not_what_was_read(api: Api) -> None:
    """Nacos would make it, whatever it was: so it is looked for before, for longer than answers are stale."""
    session = publishing(*probed(api), *gone(api) * 8, cas_md5=MD5)
    assert session.value is False
    assert {request.method for request in session.asked} == {"GET"}
    assert sum(session.rests) > 0.19
    session = publishing(*probed(api), *gone(api), found(api), *probed(api, done(api)), cas_md5=MD5)
    assert session.value is True


@BOTH
def test_what_is_another_by_now_is_not_overwritten(api: Api) -> None:
    """Servers before 2.3 do not ask what it was: that is looked for before, as long as answers are stale."""
    session = publishing(*probed(api), *[found(api, b"n: 0")] * 8, cas_md5=MD5)
    assert session.value is False
    assert {request.method for request in session.asked} == {"GET"}
    session = publishing(*probed(api), found(api, b"n: 0"), found(api), *probed(api, done(api)), cas_md5=MD5)
    assert session.value is True


def test_looking_for_it_that_is_refused() -> None:
    """The error says that it is reading that is refused."""
    with pytest.raises(AccessDenied, match=r"refuses to read 'app.yaml'"):
        publishing(DENIED, cas_md5=MD5)


def test_failure_is_not_that_somebody_was_faster() -> None:
    """Another 500 is an error; and without an md5 there is nobody to be faster."""
    with pytest.raises(UnexpectedReply, match="HTTP 500"):
        publishing(v1(), plain(500), cas_md5=MD5)
    with pytest.raises(UnexpectedReply, match="HTTP 500"):
        publishing(plain(500, "false"))


def test_publish_while_it_is_changed() -> None:
    """409 has it sent again soon."""
    session = publishing(CHANGING, CHANGING, YES)
    assert session.value is True
    assert session.rests == [0.025, 0.025]


@pytest.mark.parametrize(
    ("answers", "kind", "said"),
    [
        ([DENIED], AccessDenied, "refuses to publish 'app.yaml' in group 'g' of namespace 'team-id'"),
        ([SWITCHED_OFF, DENIED], AccessDenied, "NACOS_USERNAME"),
        ([plain(400)], RequestRefused, "to publish 'app.yaml'"),
        ([plain(200)], UnexpectedReply, "is no Nacos"),
        ([SWITCHED_OFF, plain(200)], UnexpectedReply, "is no Nacos"),
        ([NO_SUCH_PATH, NO_SUCH_PATH], UnexpectedReply, "is no Nacos"),
        ([plain(413)], RequestRefused, "nothing that large"),
    ],
)
def test_publishing_that_is_refused(answers: list[Answer], kind: type[Exception], said: str) -> None:
    """The error says what and why, and nothing of the content."""
    with pytest.raises(kind, match=said) as caught:
        publishing(*answers)
    assert SECRET not in str(caught.value)
    assert "n: 1" not in str(caught.value)


def test_publish_with_a_log_in() -> None:
    """The token goes with it."""
    session = publishing(token("t1"), SWITCHED_OFF, V3_YES, username=USER)
    assert session.value is True
    assert session.asked[-1].credentials == signature("t1")


@BOTH
def test_wait_until_it_can_be_read(api: Api) -> None:
    """Reads may be behind for some 60 ms: it is looked again and again until they are not."""
    reads = [*probed(api, missing(api)), found(api, b"n: 0"), found(api)]
    session = publishing(*probed(api, done(api)), *reads, wait=True)
    assert session.value is True
    assert session.rests == [0.025, 0.025]


def test_wait_for_what_never_comes() -> None:
    """After 5 s it is told that it was written, but cannot be read."""
    with pytest.raises(SourceUnavailable, match=r"was written, but cannot be read back within 5 s") as caught:
        publishing(YES, *[v1(SECRET.encode())] * 200, wait=True)
    assert SECRET not in str(caught.value)


def test_nothing_to_wait_for() -> None:
    """What was not written is not waited for, nor is anything unless one asks for it."""
    assert publishing(v1(), plain(500, "false"), cas_md5=MD5, wait=True).value is False
    assert publishing(YES).value is True


# Removing


@BOTH
def test_remove(api: Api) -> None:
    """It is gone, and if asked for, also for readers."""
    assert removing(*probed(api, done(api))).asked[-1] == api.remove(OURS)
    session = removing(*probed(api, done(api)), *probed(api, found(api)), *gone(api), wait=True)
    assert session.value is True
    assert session.rests == [0.025] * len(gone(api))


def test_removing_that_is_refused() -> None:
    """The error says so."""
    with pytest.raises(AccessDenied, match=r"refuses to remove 'app.yaml'"):
        removing(DENIED)


# Listing


def page(items: Any, pages: Any = 1, *, api: Api = V1_API) -> Reply:
    """One page."""
    one = {"totalCount": 9, "pageNumber": 1, "pagesAvailable": pages, "pageItems": items}
    return json_reply(one if api is V1_API else {"code": 0, "message": "success", "data": one})


def listing(*answers: Answer, data_id: str = "", group: str = "", namespace: str = "team-id") -> Session:
    """List with canned answers."""
    return Session(list_keys(login(), namespace, data_id, group)).answer(*answers)


V1_ITEM = {"id": "1", "dataId": "app.yaml", "group": "g", "tenant": "team-id", "content": SECRET}
V3_ITEM = {"id": "1", "dataId": "app.yaml", "groupName": "g", "namespaceId": "team-id"}


def test_what_is_asked_to_list() -> None:
    """v1 lists where it reads, v3 for operators; names may have asterisks, which makes it a search."""
    first, second = listing(SWITCHED_OFF, data_id="a*", group="*g").asked
    assert (first.method, first.path) == ("GET", "/v1/cs/configs")
    query = {"search": "blur", "pageNo": "1", "pageSize": "200", "dataId": "a*"}
    assert first.query == {**query, "group": "*g", "tenant": "team-id"}
    assert (second.method, second.path) == ("GET", "/v3/admin/cs/config/list")
    assert second.query == {**query, "groupName": "*g", "namespaceId": "team-id"}


def test_list() -> None:
    """Both APIs tell the same, in their own words."""
    assert listing(page([V1_ITEM])).value == [OURS]
    assert listing(SWITCHED_OFF, page([V3_ITEM], api=V3_API)).value == [OURS]


@BOTH
@pytest.mark.parametrize(
    ("data_id", "group", "expected"),
    [
        ("shop_1.yaml", "", ["shop_1.yaml"]),
        ("shop_*", "", ["shop_1.yaml"]),
        ("shop*", "", ["shop_1.yaml", "shop-1.yaml"]),
        ("*_*", "", ["shop_1.yaml"]),
        ("", "a_b", []),
        ("", "a*b", ["shop_1.yaml", "shop-1.yaml"]),
    ],
)
def test_only_an_asterisk_stands_for_anything(
    api: Api, data_id: str, group: str, expected: list[str]
) -> None:
    """Nacos takes `_` for any character as well, and tells more than was asked for."""
    names = ("shop_1.yaml", "shop-1.yaml")
    place = {"group": "a-b", "groupName": "a-b"}
    items = [(V1_ITEM if api is V1_API else V3_ITEM) | place | {"dataId": name} for name in names]
    session = listing(*probed(api, page(items, api=api)), data_id=data_id, group=group)
    assert [key.data_id for key in session.value] == expected


def test_list_of_the_public_namespace() -> None:
    """Its name is taken off."""
    assert listing(page([V1_ITEM | {"tenant": ""}]), namespace="").value[0].namespace == ""
    item = V3_ITEM | {"namespaceId": "public"}
    assert listing(SWITCHED_OFF, page([item], api=V3_API), namespace="").value[0].namespace == ""


def test_pages() -> None:
    """All of them are asked for, each once."""
    pages = [page([V1_ITEM | {"dataId": str(number)}], 3) for number in range(3)]
    session = listing(*pages)
    assert [request.query["pageNo"] for request in session.asked] == ["1", "2", "3"]
    assert session.value == [NacosKey(str(number), "g", "team-id") for number in range(3)]


@pytest.mark.parametrize("answers", [[page([], 0)], [page(None, 0)], [page([], 10**9)]])
def test_nothing_to_list(answers: list[Answer]) -> None:
    """An empty page is the last one, however many there are said to be."""
    assert listing(*answers).value == []


def test_fewer_pages_than_said() -> None:
    """A page that has become empty meanwhile ends it."""
    assert listing(page([V1_ITEM], 5), page([], 5)).value == [OURS]


def test_list_is_for_operators() -> None:
    """3.x tells it to a log-in only."""
    with pytest.raises(AccessDenied, match=r"refuses to list configurations .*NACOS_USERNAME"):
        listing(SWITCHED_OFF, DENIED)


ODD_PAGES: list[Any] = [
    page(SECRET),
    page({SECRET: 1}),
    page(5),
    page([SECRET]),
    page([None]),
    page([{"group": SECRET}]),
    page([V1_ITEM], SECRET),
    page([V1_ITEM], None),
    page([V1_ITEM], float("inf")),
    page([V1_ITEM], float("nan")),
    *map(json_reply, ([], None, SECRET, {}, {"data": None}, {"data": [SECRET]}, {"pageItems": []})),
    plain(200, f"<html>{SECRET}"),
    plain(200, '{"pageItems": ['),
]


@pytest.mark.parametrize("reply", ODD_PAGES)
def test_odd_pages(reply: Reply) -> None:
    """What is no page is no Nacos's, and not shown."""
    for steps in (list_keys(login(), "", "", ""), history(login(), A)):
        with pytest.raises(UnexpectedReply, match="is no Nacos") as caught:
            Session(steps).answer(reply)
        assert SECRET not in str(caught.value)


# History


def remembering(*answers: Answer) -> Session:
    """Ask for the history with canned answers."""
    return Session(history(login(), OURS)).answer(*answers)


def test_what_is_asked_for_the_history() -> None:
    """v1 tells it to everybody, v3 to operators."""
    first, second = remembering(SWITCHED_OFF).asked
    assert (first.path, first.query["search"]) == ("/v1/cs/history", "accurate")
    assert first.query.items() >= V1_API.named(OURS).items()
    assert second.path == "/v3/admin/cs/history/list"
    assert second.query == {**V3_API.named(OURS), "pageNo": "1", "pageSize": "200"}


def test_history() -> None:
    """Both APIs tell the same, in their own words; 2.x pads the operation with blanks."""
    item: dict[str, Any] = {
        "id": "7",
        "opType": "U         ",
        "lastModifiedTime": "2025-11-21T18:00:00.000+00:00",
        "srcUser": None,
        "content": SECRET,
    }
    (entry,) = remembering(page([item])).value
    assert entry == NacosRevision("7", "update", "2025-11-21T18:00:00.000+00:00")
    item = {"id": 7, "opType": "D", "modifyTime": 1763748000000, "srcUser": "nacos"}
    (entry,) = remembering(SWITCHED_OFF, page([item], api=V3_API)).value
    assert entry == NacosRevision("7", "delete", "1763748000000", "nacos")
    assert remembering(page([{"id": 1, "opType": "?"}])).value == [NacosRevision("1", "", "")]
