"""What is imported is declared, and what is declared is pinned."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def named(requirements):
    """The distributions that these requirements name, in one spelling."""
    return {re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def sources(folder):
    return [path.read_text("utf-8") for path in sorted((ROOT / folder).glob("*.py"))]


def code_of(notebook):
    return [cell.source for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]


def imported(sources):
    """The modules that these sources import and neither Python nor this project has."""
    names = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    own = {"mnist_compare"} | {path.stem for folder in ("tools", "tests") for path in (ROOT / folder).glob("*.py")}
    return names - own - sys.stdlib_module_names


distributions = cache(packages_distributions)  # reads the list of files of all that is installed: seconds


def undeclared(modules, declared):
    """Of these modules, those that come from no declared distribution."""
    return {module for module in modules if not named(distributions().get(module, [])) & declared}


def test_what_the_package_imports_is_among_its_dependencies():
    assert undeclared(imported(sources("mnist_compare")), named(PROJECT["dependencies"])) == set()


def test_what_notebooks_tests_and_tools_import_is_declared():
    declared = named(PROJECT["dependencies"]).union(*map(named, PROJECT["optional-dependencies"].values()))
    modules = imported(
        [*sources("tests"), *sources("tools"), *(code for notebook in NOTEBOOKS for code in code_of(notebook))]
    )
    assert undeclared(modules, declared) == set()


def test_what_is_declared_is_pinned():
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    exact = named(pin for pin in pins if re.match(r"[\w.-]+==[\w.]+( ; .+)?$", pin))
    assert exact == named(pin for pin in pins if not pin.startswith("#"))
    assert named(PROJECT["dependencies"]).union(*map(named, PROJECT["optional-dependencies"].values())) <= exact
