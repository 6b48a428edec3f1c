"""Reads what `pyright --verifytypes --outputjson` says, and fails unless every public type is known.

The OpenFeature provider is left out: pyright does not find the marker by which OpenFeature says that it is
typed, as that stands in a namespace package. mypy reads both.
"""

import json
import sys

LEFT_OUT = "dynconf.integrations.openfeature."


def main() -> None:
    """Print what is not known, with the reasons."""
    report = json.load(sys.stdin)["typeCompleteness"]
    unknown = [
        symbol
        for symbol in report["symbols"]
        if not (symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"])
        and not symbol["name"].startswith(LEFT_OUT)
    ]
    for symbol in unknown:
        print(symbol["name"], *(one["message"] for one in symbol["diagnostics"]), sep="\n    ")
    print(f"{len(report['symbols'])} symbols, {len(unknown)} whose types are not known")
    sys.exit(bool(unknown))


if __name__ == "__main__":
    main()
