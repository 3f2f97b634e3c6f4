"""What every suite is given. tools/run-tests sets the environment; see CONTRIBUTING.md."""
import contextlib
import os
import pathlib

import pytest

import bed
import names
import pki


@pytest.fixture(scope="session")
def binary():
    """The lamplighter under test."""
    path = bed.program()
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


@pytest.fixture(scope="session")
def slack(binary):
    """What a sanitizer's own shadow and margins make of a megabyte."""
    return 2 if bed.sanitized(binary) else 1


@pytest.fixture(scope="module")
def place(tmp_path_factory, request):
    """A directory for all tests of a module."""
    return tmp_path_factory.mktemp(request.module.__name__)


@pytest.fixture(scope="module")
def mock(binary, place):
    """Providers that misbehave to order: the order is part of the model's name."""
    m = bed.Mock(binary, place)
    yield m
    m.stop()


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    """A gateway before the mock, with a provider of every dialect."""
    g = bed.Gateway(binary, place, bed.basic(mock.addr), env=bed.KEYS)
    yield g
    g.stop()


@pytest.fixture(scope="module")
def authority(place):
    """Issues certificates: what a test's clients and gateways trust."""
    return pki.Authority(place, "good")


@pytest.fixture(scope="module")
def dns():
    """A server of names that a test may change."""
    server = names.served()
    yield server
    server.close()


@pytest.fixture
def start(binary, tmp_path):
    """start(Class, ...) starts a program that lives as long as the test."""
    running = []

    def begin(kind, *args, **more):
        name = f"{kind.__name__.lower()}{len(running)}"
        running.append(kind(binary, tmp_path, *args, name=name, **more))
        return running[-1]

    yield begin
    with contextlib.ExitStack() as stack:  # what one complains of leaves none of the others running
        for program in running:
            if not program.stopped:
                stack.callback(program.stop)
