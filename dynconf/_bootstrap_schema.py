"""The bootstrap file's JSON Schema; `python -m dynconf._bootstrap_schema` prints it."""

import json
import sys
from typing import Any, Final

from dynconf._schemes import BUILT_IN, options_model, source_class
from dynconf.bootstrap import BootstrapFile

_REFERENCE: Final = {"type": "string", "pattern": r"\$\{env:"}


def json_schema() -> dict[str, Any]:
    """The schema, with the options of the built-in sources; of other packages' it allows anything."""
    schema = BootstrapFile.model_json_schema()
    limits = schema.pop("$defs")["Limits"]
    properties = schema["properties"]
    properties["limits"] = limits | {"description": properties["limits"]["description"]}
    properties["limits"]["additionalProperties"] = False
    own = [_long_form(scheme) for scheme in sorted(BUILT_IN)]
    others = {"type": "object", "minProperties": 1}
    others |= {"not": {"anyOf": [{"required": [scheme]} for scheme in sorted(BUILT_IN)]}}
    properties["sources"]["items"] = {"anyOf": [_ADDRESS, *own, others]}
    properties["$schema"] = {"type": "string", "description": "For editors; dynconf does not read it."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dynconf bootstrap file",
        **_flexible({name: item for name, item in schema.items() if name != "title"}),
    }


_ADDRESS: Final = {
    "type": "string",
    "pattern": r"^([A-Za-z][A-Za-z0-9+.-]+:|\$\{env:[^}]*\}$)",
    "description": "A one-line address, such as file:app.yaml?optional=true.",
}


def _long_form(scheme: str) -> dict[str, Any]:
    """What a mapping with this scheme as a key may hold."""
    options = options_model(source_class(scheme)).model_json_schema()
    place = {"type": ["string", "null"], "description": f"What stands after '{scheme}:'."}
    return {
        "type": "object",
        "properties": {scheme: place, **options["properties"]},
        "required": [scheme, *options.get("required", ())],
        "additionalProperties": False,
    }


def _flexible(node: Any) -> Any:
    """The same schema, with an environment variable allowed for what is no free text; without titles."""
    if isinstance(node, list):
        return [_flexible(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: _flexible(item) for name, item in node.items() if name != "title" or isinstance(item, dict)}
    if "enum" not in node and node.get("type") not in ("boolean", "integer", "number"):
        return node
    about = {name: node.pop(name) for name in ("default", "description") if name in node}
    return {"anyOf": [node, _REFERENCE], **about}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
