"""What a model drew and the client's dialect cannot say is named: in the header of a whole answer, and
in the record of any."""
import json

import pytest

import bed
import peers

DRAWN = {"candidates": [{"content": {"role": "model", "parts": [
    {"text": "look"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
    "finishReason": "STOP", "index": 0}]}


def drawn(request):
    if ":stream" in request.path:
        return peers.answer(200, f"data: {json.dumps(DRAWN)}\r\n\r\n".encode(),
                            kind="text/event-stream")
    return peers.answer(200, DRAWN)


@pytest.fixture(scope="module")
def gate(binary, place):
    with peers.Provider(drawn) as provider:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"goo": {"type": "gemini", "endpoints": provider.url(""),
                                     "private": True, "key": "env:OAI_KEY"}}
        g = bed.Gateway(binary, place, conf, env=bed.KEYS)
        yield g
        g.stop()


@pytest.mark.parametrize("stream", (False, True), ids=("json", "sse"))
def test_what_is_left_out_of_an_answer_is_named(gate, stream):
    answer = gate.ask("/v1/responses", {"model": "goo/m", "input": "draw", "stream": stream})
    assert answer.status == 200 and answer.end == "whole" and b"look" in answer.text
    assert answer["x-lamplighter-dropped"] == (None if stream else "media-out")
    assert gate.record(answer)["dropped"] == "media-out"
