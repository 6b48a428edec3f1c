"""Values that are made to crash, or that a crash has left."""

import pytest

from dynconf import Config, Env, Memory, Settings
from dynconf.errors import StartFailed


class Tags(Settings):
    tags: tuple[str, ...] = ()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_deep_json_in_a_variable(text: str) -> None:
    """It is no JSON, as any other text that is none."""
    config = Config(Env("APP_", environ={"APP_TAGS": text}))
    config.bind(Tags)
    with pytest.raises(StartFailed, match="expected JSON"):
        config.load()


def test_what_a_crash_has_left_is_no_empty_document() -> None:
    """A file that is all zeros is none that somebody has emptied on purpose."""
    document = Memory(b"tags: [a]", allow_empty=True, format="yaml")
    config = Config(document)
    tags = config.bind(Tags)
    with config:
        document.set(b"\0" * 512)
        document.set(b"tags: [b]")
        assert tags.until(lambda now: now.tags != ("a",), 20).tags == ("b",)
    with pytest.raises(StartFailed, match="is empty"):
        Config(Memory(b"\0" * 512, allow_empty=True)).load()
    Config(Memory(b" \n", allow_empty=True)).load()
