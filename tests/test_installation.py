"""What is imported is declared, what is declared is pinned, and a kernel without the package says so."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
NOTEBOOKS = [*sorted((ROOT / "notebooks").glob("*.ipynb")), *sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def named(requirements):
    """The distributions that these requirements name, in one spelling."""
    return {re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def sources(folder, but=""):
    return [path.read_text("utf-8") for path in sorted((ROOT / folder).glob("*.py")) if path.name != but]


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
    # The drawing pad is for notebooks only, and may need what they need.
    assert undeclared(imported(sources("mnist_compare", but="pad.py")), named(PROJECT["dependencies"])) == set()


def test_what_notebooks_tests_tools_and_the_pad_import_is_declared():
    declared = named(PROJECT["dependencies"]).union(*map(named, PROJECT["optional-dependencies"].values()))
    folders = [source for folder in ("tests", "tools", "mnist_compare") for source in sources(folder)]
    modules = imported([*folders, *(code for notebook in NOTEBOOKS for code in code_of(notebook))])
    assert undeclared(modules, declared) == set()


def test_what_is_declared_is_pinned():
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    exact = named(pin for pin in pins if re.match(r"[\w.-]+==[\w.]+( ; .+)?$", pin))
    assert exact == named(pin for pin in pins if not pin.startswith("#"))
    assert named(PROJECT["dependencies"]).union(*map(named, PROJECT["optional-dependencies"].values())) <= exact


def kernel_check(notebook):
    """The code cell right before the first import of the package."""
    cells = code_of(notebook)
    return cells[next(place for place, source in enumerate(cells) if "from mnist_compare import" in source) - 1]


CHECK = kernel_check(NOTEBOOKS[0])
ADVICE = "choose the kernel of .venv or start JupyterLab by `make lab`; in Colab, first set REPOSITORY in this cell."
NOT_HERE = f"This notebook runs on {sys.executable}, which has no mnist_compare: "


def run(source, *options):
    """Run this as a program; what it prints, and its last word if it fails."""
    done = subprocess.run([sys.executable, *options, "-c", source], capture_output=True, text=True, timeout=60)
    return done.stdout, done.stderr.strip().rpartition("\n")[2]


def test_every_notebook_checks_its_kernel_alike():
    assert {kernel_check(notebook) for notebook in NOTEBOOKS} == {CHECK}
    assert imported([CHECK]) == set()


def test_where_the_package_is_the_check_says_nothing():
    assert run(CHECK) == ("", "")


def test_where_it_is_not_one_sentence_says_what_to_do():
    sentence = NOT_HERE + ADVICE
    assert run(CHECK, "-I", "-S") == ("", f"ModuleNotFoundError: {sentence}")
    in_jupyter = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell; sys.modules['mnist_compare'] = None;"
        f"InteractiveShell.instance().run_cell({CHECK!r})"
    )
    assert run(in_jupyter) == (sentence + "\n", "")


# Colab, except that what the check would do there is only put on a list.
IN_COLAB = """
import json, os, subprocess, sys, types
from importlib.machinery import ModuleSpec
sys.modules["google.colab"] = types.ModuleType("google.colab")
done = []
def run(command, check):
    done.append(command)
    if "install" in command and "/content/lesson" in command:
        sys.modules["mnist_compare"] = types.ModuleType("mnist_compare")
        sys.modules["mnist_compare"].__spec__ = ModuleSpec("mnist_compare", None)
subprocess.run, os.chdir = run, done.append
"""


def test_colab_fetches_the_project():
    address = "ssh://host/project"
    check = CHECK.replace('REPOSITORY = ""', f"REPOSITORY = {address!r}")
    said, error = run(IN_COLAB + check + "\nprint(json.dumps(done))", "-I", "-S")
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    assert (json.loads(said), error) == (
        [
            ["rm", "-rf", "/content/lesson"],
            ["git", "clone", "--quiet", "--depth=1", address, "/content/lesson"],
            [*pip, "anywidget"],
            [*pip, "--no-deps", "/content/lesson"],
            "/content/lesson/notebooks",
        ],
        "",
    )


def test_colab_asks_for_the_address_while_it_is_not_set():
    assert run(IN_COLAB + CHECK, "-I", "-S") == ("", f"ModuleNotFoundError: {NOT_HERE}{ADVICE}")
