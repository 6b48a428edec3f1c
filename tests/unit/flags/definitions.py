"""Definitions that the tests of flags share."""

from typing import Any

COLOUR: dict[str, Any] = {
    "state": "ENABLED",
    "variants": {"red": "#f00", "blue": "#00f"},
    "defaultVariant": "red",
    "targeting": {"if": [{"==": [{"var": "country"}, "DE"]}, "blue"]},
}
"""Blue in Germany."""


def switch(*, on: bool = True, **more: Any) -> dict[str, Any]:
    """A boolean flag."""
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on" if on else "off",
        **more,
    }


def split(on: int, off: int) -> dict[str, Any]:
    """A boolean flag that is on for a part of all keys."""
    return switch(on=False, targeting={"fractional": [["on", on], ["off", off]]})
