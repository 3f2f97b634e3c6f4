"""What every suite is given. tools/run-tests sets the environment; see CONTRIBUTING.md."""
import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def binary():
    """The lamplighter under test."""
    path = os.environ.get("LAMPLIGHTER_BIN") or "build/release/src/lamplighter"
    path = pathlib.Path(path).resolve()
    assert path.exists(), f"{path} is not built"
    return path


@pytest.fixture(scope="session")
def seed():
    """The number that every random choice of a test comes from."""
    return int(os.environ.get("LAMPLIGHTER_SEED", "1"))


@pytest.fixture(scope="session")
def node():
    """Directory with bin/node, bin/claude, bin/opencode and node_modules/."""
    if "LAMPLIGHTER_NODE" not in os.environ:
        pytest.skip("unsupported: no Node for this machine")
    return pathlib.Path(os.environ["LAMPLIGHTER_NODE"])


@pytest.fixture(scope="session")
def engine():
    """(llama-server, model.gguf): a real engine and small weights."""
    if "LLAMA_SERVER" not in os.environ:
        pytest.skip("unsupported: no local model on this machine")
    return pathlib.Path(os.environ["LLAMA_SERVER"]), pathlib.Path(os.environ["MODEL_GGUF"])
