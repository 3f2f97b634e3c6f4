"""Paths without a model pass through to one provider, which has to have them."""
import bed
import peers


def test_a_path_that_the_pinned_provider_has_not_is_404(start):
    """An engine has no files; nothing is sent to it."""
    with peers.Provider() as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"engine": {"type": "vllm", "endpoints": server.url("/v1")}}
        conf["pass"] = "engine"
        g = start(bed.Gateway, conf)
        answer = g.ask("/v1/files", method="GET")
        assert (answer.status, answer["x-lamplighter-reason"]) == (404, "unknown-path")
        assert "pass: PROVIDER" in answer.json()["lamplighter"]["hint"]
        assert server.accepted == 0


def test_a_path_that_it_has_passes(start):
    listing = {"object": "list", "data": []}
    with peers.Provider(lambda request: peers.answer(200, listing)) as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"cloud": {"type": "openai", "endpoints": server.url("/v1"),
                                       "private": True, "key": "env:OAI_KEY"}}
        conf["pass"] = "cloud"
        g = start(bed.Gateway, conf, env=bed.KEYS)
        answer = g.ask("/v1/files?limit=3", method="GET")
        assert (answer.status, answer.json()) == (200, listing)
        assert answer["x-lamplighter-passthrough"] == "1"
        (request,) = server.requests
        assert (request.method, request.path) == ("GET", "/v1/files?limit=3")
        assert request.headers["authorization"] == f"Bearer {bed.KEYS['OAI_KEY']}"
