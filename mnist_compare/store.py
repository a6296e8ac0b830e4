"""Where runs are kept, and what is written down about them.

Each run has a key, made of all that decides it, the same on every machine. Runs in a reader's own folder are also told
apart by the code and the library versions that made them, since another version may give other numbers. A run that is
published with the notebooks is read wherever its key fits, and says what made it.
"""

import base64
import datetime
import io
import json
import os
import platform
import re
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_compare.backend import keras, tf
from mnist_compare.evaluation import Answers
from mnist_compare.identity import digest, made_by

NO_ANSWER = 255


@dataclass(frozen=True, eq=False)
class Run(Answers):
    """The outcome of a Plan.

    labels, predictions: uint8 (N,) each, of the test images. A training that diverged has no answers: then all
    predictions are NO_ANSWER, which is no digit. history: {quantity: list}, see `train`.
    right: {question: bool (N,)}, whether each image was classified correctly after what the question did to it.
    asked: {question: digest of the code that asked it}. provenance: what made it: versions, processor, cores, seconds,
    date. probe: a loss, see `experiments.probe`; None if that diverged or was not trained.
    """

    labels: np.ndarray
    predictions: np.ndarray
    history: dict
    right: dict
    asked: dict
    provenance: dict
    probe: float | None

    @property
    def diverged(self):
        """Whether the training ended in infinite or missing numbers instead of answers."""
        return bool((self.predictions == NO_ANSWER).all())


def file_name(name, seed, key, suffix):
    """Return a name for people to read, which cannot leave its folder, with the key by which the run is found."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')[:40] or 'run'}-seed{seed}-{key}.{suffix}"


def published_name(path):
    """Return the name under which a kept run is published: without what made it, which is written in the file."""
    return re.sub(r"-[0-9a-f]{8}(\.\w+)$", r"\1", Path(path).name)


def find(folder, key, suffix="json"):
    """Return the path of the run with this key in `folder`, whatever name its plan had, or None."""
    return next(iter(sorted(Path(folder).glob(f"*-{key}.{suffix}"))), None)


def is_writable(folder):
    """Tell whether a file can be written into `folder`, which is made if it does not exist."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def provenance(seconds):
    """Return what makes runs here, today: versions, processor, cores, the `seconds` of a training, the date."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "seconds": round(seconds, 1),
        "date": datetime.date.today().isoformat(),
    }


def origin(run):
    """Return what made a run, in a few words."""
    of = run.provenance
    return f"TensorFlow {of['tensorflow']}, Keras {of['keras']}, {of['cores']} cores of {of['processor']}, {of['date']}"


def _processor():
    try:
        return re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1].strip()
    except (OSError, TypeError):  # not on Linux, or on a processor that Linux has no name for
        return platform.processor() or platform.machine()


def written(run, decides):
    """Return the bytes of the JSON file of a run. Only predictions that differ from their labels are written down.

    Where more than a tenth differ, as in a failed trial, all predictions are kept, compressed. A number of the history
    that is infinite or NaN, which JSON cannot hold, is written as null and read as NaN.
    """
    errors = np.flatnonzero(run.predictions != run.labels)
    history = {
        quantity: [float(value) if np.isfinite(value) else None for value in values]
        for quantity, values in run.history.items()
    }
    content = {"decides": decides, "provenance": run.provenance, "probe": run.probe, "history": history}
    if 10 * len(errors) <= len(run.labels):
        content["errors"] = " ".join(f"{i}:{run.predictions[i]}" for i in errors)
    else:
        content["predictions"] = _packed(run.predictions.astype(np.uint8))
    if run.right:
        content["asked"] = run.asked
        content["right"] = {question: _packed(np.packbits(right)) for question, right in run.right.items()}
    return (json.dumps(content, indent=1) + "\n").encode()


def _packed(values):
    """Return an array of uint8 as compressed text."""
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()


def _unpacked(text, length, what):
    values = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    if len(values) != length:
        raise ValueError(f"its {what} are not as many as the images")
    return values


def read(content, decides, labels):
    """Return the Run in the bytes that `written` made; raise ValueError if they do not hold that run, or not whole.

    decides: what the run must have been decided by. labels: uint8 (N,), of the test images.
    """
    try:
        content = json.loads(content)
        if content["decides"] != decides:
            raise ValueError("it is another run")
        if "predictions" in content:
            predictions = _unpacked(content["predictions"], len(labels), "predictions").copy()
            if (predictions > 9).any() and not (predictions == NO_ANSWER).all():
                raise ValueError("it has predictions that are no digits")
        else:
            predictions = labels.copy()
            for error in content["errors"].split():
                image, prediction = map(int, error.split(":"))
                if not 0 <= image < len(labels) or not 0 <= prediction <= 9:
                    raise ValueError(f"it has the error {error!r}, which cannot be")
                predictions[image] = prediction
        history = {
            quantity: [float("nan") if value is None else value for value in values]
            for quantity, values in content["history"].items()
        }
        epochs = decides["recipe"]["epochs"]
        if not {"loss", "accuracy", "seconds"} <= set(history) or {len(v) for v in history.values()} != {epochs}:
            raise ValueError(f"its history is not of {epochs} epochs")
        right = {}
        for question, text in content.get("right", {}).items():
            bits = _unpacked(text, -(-len(labels) // 8), f"answers to {question!r}")
            right[question] = np.unpackbits(bits, count=len(labels)).astype(bool)
        return Run(
            labels, predictions, history, right, content.get("asked", {}), content["provenance"], content["probe"]
        )
    except (KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(f"it is incomplete: {type(error).__name__} {error}") from None


def written_weights(model, address):
    """Return the bytes of an .npz file with the weights of a network, and a digest of them and of its address."""
    weights = model.get_weights()
    content = io.BytesIO()
    arrays = {f"w{i}": weight for i, weight in enumerate(weights)}
    np.savez(content, digest=np.array(digest(address, *weights)), **arrays)
    return content.getvalue()


def read_weights(content, model, address):
    """Give `model` the weights in the bytes that `written_weights` made; ValueError where they are not those."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            weights = [archive[f"w{i}"] for i in range(len(archive.files) - 1)]
            if str(archive["digest"]) != digest(address, *weights):
                raise ValueError("its weights are not those that were kept")
        model.set_weights(weights)
    except (KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"it is damaged: {error}") from None


def unreachable(folder):
    """Return the paths in `folder` that no plan can reach any more: kept runs made by other code or versions."""
    made = made_by()
    return [
        path
        for path in sorted(Path(folder).glob("*"))
        if re.search(r"-seed\d+-[0-9a-f]{16}(-[0-9a-f]{8})?\.(json|npz|keras)(\.sha256|\.\w+\.tmp)?$", path.name)
        and not re.search(rf"-{made}\.(json|npz)$", path.name)
    ]
