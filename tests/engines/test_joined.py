"""Two real engines with the same weights: the one that answers is killed, and the other one goes on."""
import pytest

import llama
import serving

ASKED = {"model": llama.MODEL, "max_tokens": 40, "temperature": 0, "messages": [
    {"role": "user", "content": "Write a short story about a lamplighter."}]}

pytestmark = pytest.mark.timeout(240)


def test_the_other_engine_goes_on(binary, engine, tmp_path):
    """One text of both, and it says where the second one begins. At temperature 0 it is the text of one
    engine, up to there and a little on: from some place on tokens may be cut otherwise."""
    engines = [llama.Llama(engine, tmp_path, name) for name in ("first", "second")]
    gateway = None
    try:
        gateway = serving.Gateway(binary, tmp_path, llama.configuration(
            [e.wait_ready().endpoint for e in engines]))
        base = gateway.base
        whole = llama.Told(base, ASKED)
        assert whole.done and whole.mark is None and whole.pieces > 30

        def kill_within(told):
            if told.pieces == 10 and engines[0].process.poll() is None:
                engines[0].kill()

        joined = llama.Told(base, ASKED, kill_within)
        assert joined.done and joined.error is None and joined.stop in ("stop", "length")
        assert joined.mark["target"] == f"b/{llama.MODEL}"
        begun = joined.text.encode()[:joined.mark["at"]].decode()
        assert begun and whole.text.startswith(begun) and len(joined.text) > len(begun)
        assert joined.text.count(begun) == 1
        assert abs(joined.pieces - whole.pieces) <= 2  # as many tokens as were left
        assert joined.text.startswith(whole.text[:len(begun) + 8])
        print("as uncut:", joined.text == whole.text)
    finally:
        if gateway:
            gateway.stop()
        for e in engines:
            e.kill()
