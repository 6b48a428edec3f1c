"""Where Spring Cloud Consul keeps an application's configuration, lowest priority first.

The rules are those of https://docs.spring.io/spring-cloud-consul/reference/config.html.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "EXTENSIONS",
    "Format",
    "Spring",
]

Format = Literal["key_value", "yaml", "properties", "files"]

EXTENSIONS = ("properties", "yaml", "yml")
"""Of the format `files`; where there are several of one name, the last wins."""


@dataclass(frozen=True, slots=True)
class Spring:
    """How a Spring application reads Consul.

    Args:
        application: its name (`spring.application.name`).
        format: `key_value`, a folder of keys; `yaml` or `properties`, one document in the folder's
            key `data_key`; `files`, documents named like the context.
        prefix: the folder that all is in.
        default_context: the name that all applications read.
        profile_separator: stands before a profile; `-` with `files` whatever is said.
        data_key: see `format`.
    """

    application: str
    format: Format = "key_value"
    prefix: str = "config"
    default_context: str = "application"
    profile_separator: str = ","
    data_key: str = "data"

    def contexts(self, profiles: Sequence[str]) -> Iterator[str]:
        """The folders to read (with `files`, how names begin): those of all applications, then its own."""
        separator = "-" if self.format == "files" else self.profile_separator
        end = "." if self.format == "files" else "/"
        start = f"{self.prefix.strip('/')}/" if self.prefix.strip("/") else ""
        for name in dict.fromkeys((self.default_context, self.application)):
            yield f"{start}{name}{end}"
            for profile in dict.fromkeys(profiles):
                yield f"{start}{name}{separator}{profile}{end}"
