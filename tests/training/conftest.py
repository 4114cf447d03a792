"""The folder of training files, written by `cargo run -p lockgate-training --example recorded -- FOLDER`."""

import os
from pathlib import Path

# Nothing is fetched: what cannot be loaded from the disk cannot be loaded. Read by the library when it is imported.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"

import pytest


@pytest.fixture(scope="session")
def files():
    folder = os.environ.get("LOCKGATE_TRAINING")
    if not folder or not Path(folder).is_dir():
        pytest.exit("LOCKGATE_TRAINING names no folder; run: cargo xtask test --only training", returncode=2)
    return Path(folder)
