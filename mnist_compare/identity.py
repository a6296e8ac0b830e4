"""What decides a run: its network, recipe, seed, images and labels, and the code and libraries that train it."""

import functools
import hashlib
import inspect
import json
import sys
import types
from dataclasses import asdict, is_dataclass

import numpy as np

from mnist_compare import evaluation, models, perturbations, training
from mnist_compare.backend import keras, tf

LIBRARIES = {"keras", "tensorflow", "numpy", "scipy", "sklearn", *sys.stdlib_module_names}


def describe(model):
    """Return what decides how `model` computes and is trained, in a form that JSON can hold.

    A list: {type: {argument: value}} for each layer, arguments at their default left out, so that the description
    reads like the code that builds the network and is the same in every version of Keras. A layer or a function that
    is the user's own adds a digest of its code. The wiring and settings come last, where they are not the usual ones.
    Raises ValueError for a model that does not list its layers, and for layers that cannot be told apart.
    """
    functional = keras.src.models.Functional
    if type(model) not in (keras.Sequential, functional) or not model.built:
        raise ValueError(
            f"The network is a {type(model).__name__}{'' if getattr(model, 'built', True) else ' without an Input'}, "
            "expected a keras.Sequential with an Input, or keras.Model(inputs, outputs): only these list their layers, "
            "which tell runs apart."
        )
    described = [_describe_layer(layer) for layer in model.layers]
    if type(model) is functional:
        number = {layer.name: i for i, layer in enumerate(model.layers)}
        config = model.get_config()
        wiring = [layer["inbound_nodes"] for layer in config["layers"]]
        described.append({"wiring": digest(_renamed([wiring, config["output_layers"]], number))})
    settings = {
        "input": [list(model.input_shape[1:]), model.inputs[0].dtype],
        "data_format": keras.config.image_data_format(),
        "epsilon": keras.config.epsilon(),
        "dtype": model.dtype_policy.name,
    }
    usual = {"input": [[28, 28, 1], "float32"], "data_format": "channels_last", "epsilon": 1e-7, "dtype": "float32"}
    return described + [{name: value} for name, value in settings.items() if value != usual[name]]


def rebuild(description):
    """Return the network that `describe` described; ValueError if layers, wiring or settings are not the usual ones."""
    layers = []
    for ((kind, arguments),) in (layer.items() for layer in description):
        found = getattr(models if kind == "LocallyConnected2D" else keras.layers, kind, None)
        if found is None or "code" in arguments:
            raise ValueError(f"The layer {kind} with {arguments} cannot be built from its description.")
        layers.append(found(**arguments))
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


def _describe_layer(layer):
    kind = type(layer)
    if kind is keras.layers.Lambda:
        raise ValueError(
            f"The layer {layer.name!r} is a Lambda, which does not tell its code: write a keras.layers.Layer."
        )
    try:
        config = layer.get_config()
    except Exception as error:  # of every kind, from a layer of the user's own
        raise ValueError(
            f"The layer {layer.name!r} of type {kind.__name__} does not say what it was made with "
            f"({type(error).__name__} in get_config): give it a get_config, or arguments that Keras can write down."
        ) from None
    parameters = inspect.signature(kind.__init__).parameters.values()
    needed = {p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD} - {"self"}
    try:
        usual = kind(**{name: config[name] for name in needed}).get_config()
    except Exception:  # as above: then all of its arguments are written down
        usual = {}
    arguments = {
        name: value
        for name, value in config.items()
        if name not in ("name", "dtype", "batch_shape")
        and (name in needed or name not in usual or digest(usual[name]) != digest(value))
    }
    arguments = json.loads(json.dumps(_renamed(arguments), default=digest))  # as it will be when read again
    if layer.dtype_policy.name != "float32":
        arguments["dtype"] = layer.dtype_policy.name
    own = _own_parts(layer, set())
    if own:
        arguments["code"] = code_digest(*own)[:16]
    return {kind.__name__: arguments}


def _own_parts(layer, seen):
    """Return the user's own code in a layer and the layers within it, and the values that such layers hold."""
    if id(layer) in seen:
        return []
    seen.add(id(layer))
    parts, is_own = [], _is_users(type(layer))
    values = list(vars(layer).items())
    if is_own:  # what it was given may not be in its config
        plain = {name: value for name, value in values if isinstance(value, (int, float, str, np.ndarray))}
        parts += [
            type(layer),
            {name: plain[name] for name in plain if name[0] != "_" and name not in ("name", "built")},
        ]
    while values:
        name, value = values.pop(0)
        if getattr(getattr(value, "__wrapped__", value), "__self__", None) is layer:
            continue  # its own methods, as Keras keeps them wrapped
        if isinstance(value, keras.layers.Layer):
            parts += _own_parts(value, seen)
        elif isinstance(value, (list, tuple)):
            values += [(name, part) for part in value]
        elif isinstance(value, (functools.partial, types.MethodType)) or _is_users(value) or _is_users(type(value)):
            parts.append(value)
    return parts


def _renamed(value, number=None):
    """Return nested lists and dicts without the names that Keras counts up; `number` gives layers numbers instead."""
    if isinstance(value, dict):
        return {key: _renamed(part, number) for key, part in value.items() if key != "name"}
    if isinstance(value, (list, tuple)):
        return [_renamed(part, number) for part in value]
    return number.get(value, value) if number and isinstance(value, str) else value


def decisive(layers, recipe, seed, held_out, rows, train_digest, test_digest, augment=None, teacher=None):
    """Return all that decides a run, in a form JSON can hold. layers: from `describe`. rows: whole numbers, or None.

    teacher: what decides the network that this one learns from, and the temperature, or None.
    """
    always = {
        "layers": layers,
        "recipe": asdict(recipe),
        "seed": seed,
        "held_out": held_out,
        "rows": None if rows is None else f"{len(rows):,} of digest {digest(rows)}",
        "train": train_digest,
        "test": test_digest,
    }
    augmented = {} if augment is None else {"augment": _describe_function(augment)}
    return augmented | ({} if teacher is None else {"teacher": teacher}) | always


def _describe_function(function):
    """Return text that describes a function and the arguments it has been given, and that reads like the call.

    A function that is the user's own, or has no name, adds a digest of its code.
    """
    given, bare = {}, function
    if isinstance(function, functools.partial):  # a partial of a partial is one that holds the arguments of both
        bare = function.func
        given = dict(zip(inspect.signature(bare).parameters, function.args, strict=False)) | function.keywords
    arguments = ", ".join(f"{name}={digest(value) if np.size(value) > 1 else value!r}" for name, value in given.items())
    name = getattr(bare, "__name__", type(bare).__name__)
    is_ours = isinstance(bare, types.FunctionType) and bare.__module__.startswith("mnist_compare.")
    return f"{name}({arguments})" + ("" if is_ours else f" of code {code_digest(bare)[:16]}")


def digest(*values):
    """Return a digest, 16 hexadecimal digits, of arrays (their types, shapes and bytes) and of what JSON can hold."""
    result = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            result.update(f"{value.dtype.str} {value.shape}".encode())
            result.update(np.ascontiguousarray(value))
        else:
            result.update(json.dumps(value, sort_keys=True, default=_of_other_types).encode())
    return result.hexdigest()[:16]


def _of_other_types(value):
    return digest(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic)) else repr(value)


def made_by():
    """Return a digest of the code and the library versions that a training here would use.

    It is of the code in memory, not of the files, which may have been edited since they were imported.
    """
    from mnist_compare import experiments  # which builds on this module

    roots = training.train, evaluation.predict, experiments.carry_out, experiments.probe
    roots += perturbations.random_moves, perturbations.random_distortions
    versions = [sys.version_info[:2], tf.__version__, keras.__version__, np.__version__]
    return digest([code_digest(*roots), versions])[:8]


def code_digest(*things):
    """Return a digest of functions and classes: of their compiled code, without comments, docstrings and line numbers.

    Other code and values that they use count too, if they are this package's or the user's own, not a library's.
    """
    result, seen = hashlib.sha256(), set()
    for thing in things:
        _add_code(thing, result, seen)
    return result.hexdigest()


def _add_code(thing, result, seen):
    if isinstance(thing, (staticmethod, classmethod)):
        thing = thing.__func__
    if not isinstance(thing, type):  # the function behind a decorator, where functools.wraps and tf.function keep it
        thing = getattr(thing, "__wrapped__", None) or getattr(thing, "python_function", None) or thing
    simple = isinstance(thing, (str, bytes, int, float, complex, type(None)))
    if not simple:
        if id(thing) in seen:
            return
        seen.add(id(thing))
    if isinstance(thing, (types.FunctionType, type)):
        result.update(f"{thing.__module__}.{thing.__qualname__};".encode())
        if not _is_own(thing):
            return
    if isinstance(thing, types.FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or () if cell != types.CellType()]
        names = _add_bytecode(thing.__code__, result)
        used = [thing.__globals__[name] for name in names if name in thing.__globals__]
        modules = [part for part in used if isinstance(part, types.ModuleType) and _is_own(part)]
        used += [getattr(module, name) for module in modules for name in names if hasattr(module, name)]
        parts = [thing.__defaults__, thing.__kwdefaults__, *cells, *used]
    elif isinstance(thing, type):
        skipped = {"__doc__", "__dict__", "__weakref__", "__module__", "__firstlineno__", "__static_attributes__"}
        parts = [*thing.__bases__, *(part for name, part in sorted(vars(thing).items()) if name not in skipped)]
    elif isinstance(thing, property):
        parts = [thing.fget, thing.fset]
    elif isinstance(thing, types.MethodType):
        parts = [thing.__func__, thing.__self__]
    elif isinstance(thing, functools.partial):
        parts = [thing.func, thing.args, thing.keywords]
    elif isinstance(thing, dict):
        parts = [part for pair in thing.items() for part in pair]
    elif isinstance(thing, (list, tuple)):
        parts = thing
    elif isinstance(thing, (np.ndarray, np.generic)):
        result.update(digest(np.asarray(thing)).encode())
        parts = []
    else:
        result.update((repr(thing) if simple else f"of type {type(thing).__qualname__}").encode() + b";")
        own = _is_own(type(thing)) and not is_dataclass(type(thing))
        parts = [type(thing), *(sorted(vars(thing).items()) if own and hasattr(thing, "__dict__") else [])]
        parts = [] if simple or isinstance(thing, types.ModuleType) else parts
    for part in parts:
        _add_code(part, result, seen)


def _add_bytecode(code, result):
    """Add a code object and those within it to the digest; return the names of globals and attributes they use."""
    constants = list(code.co_consts)
    # A function's docstring is its first constant; comprehensions and lambdas, "<…>", have none.
    flagged = not sys.version_info >= (3, 14) or code.co_flags & 0x4000000  # CO_HAS_DOCSTRING
    if constants and isinstance(constants[0], str) and not code.co_name.startswith("<") and flagged:
        constants[0] = None
    result.update(repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars)).encode())
    names = list(code.co_names)
    for constant in constants:
        if isinstance(constant, types.CodeType):
            names += _add_bytecode(constant, result)
        else:
            result.update(repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant).encode())
    return sorted(set(names))


def _is_own(thing):
    """Tell the code of this package, of a notebook and of the user's files from that of installed libraries."""
    name = thing.__name__ if isinstance(thing, types.ModuleType) else getattr(thing, "__module__", None)
    root = (name or "builtins").split(".")[0]
    if root in {"mnist_compare", "__main__"}:
        return True
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return bool(file) and root not in LIBRARIES and not any(part in file for part in ("site-packages", "dist-packages"))


def _is_users(thing):
    """Tell whether a function or class is the user's own code, not this package's."""
    return (
        isinstance(thing, (types.FunctionType, type))
        and _is_own(thing)
        and thing.__module__.split(".")[0] != "mnist_compare"
    )
