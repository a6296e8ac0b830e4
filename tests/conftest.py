"""Real handwriting that needs no download, scikit-learn's 8 × 8 digits, enlarged to MNIST's size; and a browser."""

import os
import shutil

import numpy as np
import pytest
from playwright.sync_api import sync_playwright
from scipy.ndimage import zoom
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def digits():
    """(images, labels): uint8 (1797, 28, 28) and int64 (1797,)."""
    images, labels = load_digits(return_X_y=True)
    images = zoom(images.reshape(-1, 8, 8), (1, 3.5, 3.5), order=1)
    return np.clip(images * (255 / 16), 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def browser():
    """Chromium, by Playwright; without one the test is skipped."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium here; the README says how to install it")
    with sync_playwright() as playwright:
        sandbox = [] if os.getuid() else ["--no-sandbox"]  # chromium refuses to run as root with it
        yield playwright.chromium.launch(executable_path=chromium, args=sandbox)
