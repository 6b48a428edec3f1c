"""The public surface says of itself what it is: `__all__` is complete, and everything in it is documented."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import dynconf

# The command line is a program, and running `__main__` would run it.
PROGRAMS = ("dynconf.cli", "dynconf.__main__")
MODULES = [
    module.name
    for module in pkgutil.walk_packages(dynconf.__path__, "dynconf.")
    if not any(step.startswith("_") for step in module.name.split("."))
    and not module.name.startswith(PROGRAMS)
]


def public_definitions(source: str) -> set[str]:
    """The public names that a module's text defines at its top level; what it imports is not among them."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            # A type variable is no one's business but the module's, whatever it is called.
            made_by = node.value.func if isinstance(node.value, ast.Call) else None
            if not (isinstance(made_by, ast.Name) and made_by.id in {"TypeVar", "ParamSpec"}):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def undocumented(module: ModuleType) -> list[str]:
    """The names in the module's `__all__` that are missing or say nothing about themselves."""
    values = {name: getattr(module, name, None) for name in module.__all__}
    return [
        name
        for name, value in values.items()
        if value is None or ((inspect.isclass(value) or inspect.isroutine(value)) and not value.__doc__)
    ]


def test_front_is_complete_and_documented() -> None:
    """Every name that `dynconf` offers exists, says what it is, and shows up in `dir()`."""
    assert dynconf.__all__
    assert list(dynconf.__all__) == sorted(set(dynconf.__all__), key=str)
    assert undocumented(dynconf) == []
    assert set(dynconf.__all__) <= set(dir(dynconf))


def test_front_refuses_other_names() -> None:
    """A name that does not exist is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = getattr(dynconf, "no_such_name")  # noqa: B009 -- a plain attribute would not pass the type check


@pytest.mark.parametrize("name", MODULES)
def test_module_lists_what_it_offers(name: str) -> None:
    """A public module has a docstring, an `__all__` with all of its own public names, and documents them."""
    module = importlib.import_module(name)
    own = public_definitions(Path(inspect.getfile(module)).read_text())
    assert module.__doc__
    assert own <= set(getattr(module, "__all__", ()))
    if hasattr(module, "__all__"):
        assert undocumented(module) == []


def test_definitions_are_found() -> None:
    """Functions, classes and constants count; imports, type variables and underscores do not."""
    source = "import os\nT = TypeVar('T')\nA = 1\nB: int = 2\n_c = 3\n"
    source += "def f(): ...\nasync def g(): ...\nclass H: ..."
    assert public_definitions(source) == {"A", "B", "f", "g", "H"}


def test_missing_docstring_is_found() -> None:
    """A name without a docstring, and one that does not exist, are both seen."""
    module = ModuleType("made_up")
    exec("__all__ = ['f', 'g', 'h']\ndef f(): ...\ndef g(): 'Said.'", module.__dict__)  # noqa: S102
    assert undocumented(module) == ["f", "h"]
