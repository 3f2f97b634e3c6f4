"""A mock provider and a gateway in front of it, one pair for all tests of a module."""
import pytest

import answers
import hearing
import pki
import serving
import upstreams


@pytest.fixture(scope="module")
def mock(binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("mock")
    answers.write(directory / "recorded.jsonl")
    server = serving.Mock(binary, directory, "--log-bodies",
                          "--replay", directory / "recorded.jsonl")
    yield server
    assert server.stop() == 0, server.output()


@pytest.fixture(scope="module")
def gateway(binary, mock, tmp_path_factory):
    server = serving.Gateway(binary, tmp_path_factory.mktemp("gateway"),
                             serving.config_text(mock.url))
    yield server
    assert server.stop() == 0, server.output()


@pytest.fixture(scope="module")
def secure(binary, mock, tmp_path_factory):
    """The same for clients that come by TLS; `ca` is whom they have to trust."""
    place = tmp_path_factory.mktemp("secure")
    authority = pki.Authority(place, "own")
    pair = authority.issue("gateway", ["DNS:localhost", "IP:127.0.0.1"])
    server = serving.Gateway(binary, place, serving.config_text(
        mock.url, server=f", tls: {{cert: {pair.cert}, key: {pair.key}}}"), name="secure")
    server.ca = authority.cert
    yield server
    assert server.stop() == 0, server.output()


@pytest.fixture(scope="module")
def providers():
    """Providers of every API that check what they get."""
    if not (hearing.DATA / "schemas").is_dir():
        pytest.skip("unsupported: no schemas on this machine (LAMPLIGHTER_DATA)")
    server = upstreams.Upstreams()
    yield server
    server.stop()
