"""What one configuration of Nacos is called, and what comes with its content."""

from dataclasses import dataclass, field
from typing import Final

__all__ = [
    "DEFAULT_GROUP",
    "PUBLIC",
    "NacosConfig",
    "NacosKey",
    "public",
]

DEFAULT_GROUP: Final = "DEFAULT_GROUP"
PUBLIC: Final = "public"


def public(namespace: str) -> str:
    """A namespace's id, empty for the public one, which goes by two names."""
    return "" if namespace == PUBLIC else namespace


@dataclass(frozen=True, slots=True)
class NacosKey:
    """What tells one configuration from all others.

    Args:
        data_id: its name.
        group: the group that it is in.
        namespace: the namespace's id (not its name); empty for the public one.
    """

    data_id: str
    group: str = DEFAULT_GROUP
    namespace: str = ""

    def __str__(self) -> str:
        where = f"namespace '{self.namespace}'" if self.namespace else "the public namespace"
        return f"'{self.data_id}' in group '{self.group}' of {where}"


@dataclass(frozen=True, slots=True)
class NacosConfig:
    """A configuration as Nacos holds it.

    Args:
        key: what it is called.
        content: its bytes.
        md5: what the server calls this content by, in lower-case hex; what `cas_md5=` takes.
        type: the format that the server says: `yaml`, `json`, `properties`, `text` and the like, or
            empty.
        modified: when it was published last, in seconds since the epoch; 0 if the server does not say.
    """

    key: NacosKey
    content: bytes = field(repr=False)
    md5: str
    type: str = ""
    modified: float = 0.0
