"""What decides a run: its network, recipe, seed, images and labels, and the code and libraries that train it."""

import functools
import hashlib
import inspect
import json
import sys
import types
from dataclasses import asdict

import numpy as np

from mnist_compare import evaluation, training
from mnist_compare.backend import keras, tf


def describe(model):
    """Return what decides how `model` computes and is trained, as JSON can hold it: its layers, and how they are wired.

    A list with {type: {argument: value}} for each layer, arguments at their default left out, so that the description
    reads like the code that builds the network and is the same in every version of Keras. A layer or a function that
    is the user's own adds a digest of its code. Where the layers are no simple chain, their wiring follows.
    Raises ValueError for a model without a list of its layers (a subclass of keras.Model).
    """
    sequential = isinstance(model, keras.Sequential)
    if not sequential and not isinstance(model, keras.src.models.Functional):
        raise ValueError(
            f"The network is a {type(model).__name__}, expected a keras.Sequential or a model made of inputs and "
            "outputs: only of these the layers are known, by which its runs are told apart."
        )
    described = [_describe_layer(layer) for layer in model.layers]
    if not sequential:
        number = {layer.name: i for i, layer in enumerate(model.layers)}
        config = model.get_config()
        wiring = [layer["inbound_nodes"] for layer in config["layers"]]
        described.append({"wiring": digest(_numbered([wiring, config["output_layers"]], number))})
    settings = {"input": list(model.input_shape[1:]), "data_format": keras.config.image_data_format()}
    usual = {"input": [28, 28, 1], "data_format": "channels_last"}
    return described + [{name: value} for name, value in settings.items() if value != usual[name]]


def rebuild(description):
    """Return the network that `describe` has described; ValueError where a layer or the wiring is not the package's."""
    layers = []
    for ((kind, arguments),) in (layer.items() for layer in description):
        layer = {"LocallyConnected2D": "mnist_compare.models"}.get(kind)
        found = getattr(sys.modules[layer] if layer else keras.layers, kind, None)
        if found is None or "code" in arguments:
            raise ValueError(f"The layer {kind} with {arguments} cannot be built from its description.")
        layers.append(found(**arguments))
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


def _describe_layer(layer):
    kind, config = type(layer), layer.get_config()
    parameters = inspect.signature(kind.__init__).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    try:
        usual = kind(**{name: config[name] for name in needed if name != "self"}).get_config()
    except Exception:  # of every kind, from a layer of the user's own: then all of its arguments are written down
        usual = {}
    missing = object()
    # JSON makes lists of tuples; here, so that what is written and what is read again are the same.
    arguments = json.loads(
        json.dumps(
            {
                name: value
                for name, value in config.items()
                if name not in ("name", "dtype", "batch_shape")
                and (name in needed or usual.get(name, missing) != value)
            },
            default=repr,
        )
    )
    if layer.dtype_policy.name != "float32":
        arguments["dtype"] = layer.dtype_policy.name
    used = [kind, *(v if isinstance(v, types.FunctionType) else type(v) for v in vars(layer).values())]
    own = [thing for thing in used if _is_own(thing) and not thing.__module__.startswith("mnist_compare.")]
    if own:
        arguments["code"] = code_digest(*own)[:16]
    return {kind.__name__: arguments}


def _numbered(value, number):
    """Return nested lists and dicts with the names of layers replaced by their numbers."""
    if isinstance(value, dict):
        return {key: _numbered(part, number) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_numbered(part, number) for part in value]
    return number.get(value, value) if isinstance(value, str) else value


def decisive(layers, recipe, seed, held_out, rows, train_digest, test_digest):
    """Return all that decides a run, as JSON can hold it. layers: from `describe`. rows: whole numbers, or None."""
    return {
        "layers": layers,
        "recipe": asdict(recipe),
        "seed": seed,
        "held_out": held_out,
        "rows": None if rows is None else f"{len(rows):,} of digest {digest(rows)}",
        "train": train_digest,
        "test": test_digest,
    }


def digest(*values):
    """Return a digest, 16 hexadecimal digits, of arrays (their types, shapes and bytes) and of what JSON can hold."""
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str} {value.shape}".encode())
            digest.update(np.ascontiguousarray(value))
        else:
            digest.update(json.dumps(value, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:16]


def key_of(decides):
    """Return the key of what `decisive` gives: 16 hexadecimal digits."""
    return digest(decides)


# The code that runs, as it is in memory: not the files, which may have been edited since they were imported.


def made_by():
    """Return a digest of the code and the library versions that a training here would be done by."""
    versions = [sys.version_info[:2], tf.__version__, keras.__version__, np.__version__]
    return digest([code_digest(training.train, evaluation.predict), versions])[:8]


def code_digest(*things):
    """Return a digest of functions and classes: of their compiled code, without comments, docstrings and line numbers.

    What they use of other code counts too, if it is this package's or the user's own and not a library's.
    """
    digest, seen = hashlib.sha256(), set()
    for thing in things:
        _add_code(thing, digest, seen)
    return digest.hexdigest()


def _add_code(thing, digest, seen):
    if isinstance(thing, (staticmethod, classmethod)):
        thing = thing.__func__
    if isinstance(thing, (types.FunctionType, type)):
        digest.update(f"{thing.__module__}.{thing.__qualname__};".encode())
        if id(thing) in seen or not _is_own(thing):
            return
        seen.add(id(thing))
    if isinstance(thing, types.FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or () if cell != types.CellType()]
        used = [thing.__globals__[name] for name in _add_bytecode(thing.__code__, digest) if name in thing.__globals__]
        parts = [thing.__defaults__, thing.__kwdefaults__, *cells, *used]
    elif isinstance(thing, type):
        skipped = {"__doc__", "__dict__", "__weakref__", "__module__", "__firstlineno__", "__static_attributes__"}
        parts = [*thing.__bases__, *(part for name, part in sorted(vars(thing).items()) if name not in skipped)]
    elif isinstance(thing, property):
        parts = [thing.fget, thing.fset]
    elif isinstance(thing, functools.partial):
        parts = [thing.func, thing.args, thing.keywords]
    elif isinstance(thing, dict):
        parts = [part for name, value in thing.items() for part in (name, value)]
    elif isinstance(thing, (list, tuple)):
        parts = thing
    else:
        simple = isinstance(thing, (str, bytes, int, float, type(None)))
        digest.update((repr(thing) if simple else f"a {type(thing).__qualname__}").encode() + b";")
        parts = [type(thing)] if _is_own(type(thing)) else []
    for part in parts:
        _add_code(part, digest, seen)


def _add_bytecode(code, digest):
    """Add a code object and those within it to the digest; return the names of globals and attributes they use."""
    constants = list(code.co_consts)
    documented = (
        code.co_flags & 0x4000000  # CO_HAS_DOCSTRING
        if sys.version_info >= (3, 13)
        else constants and isinstance(constants[0], str) and code.co_name != "<lambda>"
    )
    if documented:
        constants[0] = None
    digest.update(repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars)).encode())
    names = list(code.co_names)
    for constant in constants:
        if isinstance(constant, types.CodeType):
            names += _add_bytecode(constant, digest)
        else:
            digest.update(repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant).encode())
    return sorted(set(names))


def _is_own(thing):
    """Tell the code of this package, of a notebook and of the user's files from that of installed libraries."""
    module = getattr(thing, "__module__", None) or "builtins"
    if module.split(".")[0] in {"mnist_compare", "__main__"}:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return bool(file) and module.split(".")[0] not in sys.stdlib_module_names and "site-packages" not in file
