"""The tokens of recorded answers: the gateway's readers against a reader of their own kind here.

usage.c prints what the dialects read. Here the same answers are parsed as whole JSON texts, and the
numbers are taken by what the vendors' documents say of them."""
import collections
import gzip
import json
import subprocess

import pytest

from test_recorded import DATA

PARTS = ("input", "cache_read", "cache_write", "cache_write_1h", "audio_in", "audio_cached",
         "output", "reasoning", "audio_out")


def documents(record):
    """The answer's JSON texts, in order; one, or those of its events."""
    text = record["resp"]
    if "event-stream" not in record["resp_headers"].get("content-type", ""):
        said = json.loads(text)
        return said if isinstance(said, list) else [said]
    said = []
    for line in text.splitlines():
        if line.startswith("data:") and line[5:].strip().startswith("{"):
            said.append(json.loads(line[5:]))
    return said


def number(usage, *keys):
    for key in keys:
        usage = usage.get(key) if isinstance(usage, dict) else None
    return usage if isinstance(usage, int) else 0


def last(said, find):
    """The last usage that is one."""
    found = [u for u in map(find, said) if isinstance(u, dict)]
    return found[-1] if found else None


def chat(said):
    u = last(said, lambda d: d.get("usage") or d.get("x_groq", {}).get("usage"))
    if u is None or not {"prompt_tokens", "total_tokens"} & set(u):
        return None
    out, thoughts = number(u, "completion_tokens"), number(u, "completion_tokens_details",
                                                          "reasoning_tokens")
    read = (number(u, "prompt_tokens_details", "cached_tokens") or number(u, "num_cached_tokens") or
            number(u, "prompt_cache_hit_tokens"))
    total, given = number(u, "total_tokens"), number(u, "prompt_tokens")
    # Google's and xAI's totals hold thoughts that their completion_tokens leave out.
    billed = max(out, total - given) if given else out
    billed += thoughts if thoughts > billed else 0  # Vercel: apart as well, in no sum
    # More cached than given: grok on Azure, which counts cached tokens apart.
    given = (given or (0 if out else total)) + (read if read > given else 0)
    return dict(input=given, cache_read=read, output=billed, reasoning=thoughts,
                # One answer of OpenRouter calls what was read written as well.
                cache_write=min(number(u, "prompt_tokens_details", "cache_write_tokens"),
                                given - read),
                audio_in=number(u, "prompt_tokens_details", "audio_tokens"),
                audio_out=number(u, "completion_tokens_details", "audio_tokens"))


def responses(said):
    u = last(said, lambda d: (d.get("response") or d).get("usage"))
    return u and dict(input=number(u, "input_tokens"), output=number(u, "output_tokens"),
                      cache_read=number(u, "input_tokens_details", "cached_tokens"),
                      cache_write=number(u, "input_tokens_details", "cache_write_tokens"),
                      reasoning=number(u, "output_tokens_details", "reasoning_tokens"))


def messages(said):
    most = collections.Counter()
    found = [u for d in said for u in ((d.get("message") or {}).get("usage"), d.get("usage")) if u]
    for u in found:
        for name, *keys in (("plain", "input_tokens"), ("read", "cache_read_input_tokens"),
                            ("write", "cache_creation_input_tokens"), ("out", "output_tokens"),
                            ("hour", "cache_creation", "ephemeral_1h_input_tokens"),
                            ("thoughts", "output_tokens_details", "thinking_tokens")):
            most[name] = max(most[name], number(u, *keys))
    return found and dict(input=most["plain"] + most["read"] + most["write"], output=most["out"],
                          cache_read=most["read"], cache_write=most["write"],
                          cache_write_1h=most["hour"], reasoning=most["thoughts"])


def gemini(said):
    at = [d["usageMetadata"] for d in said if "usageMetadata" in d]
    if not any(any(k.endswith("TokenCount") for k in u if k != "totalTokenCount") for u in at):
        return None
    u = {k: v for one in at for k, v in one.items()}

    def audio(key):
        return sum(k["tokenCount"] for k in u.get(key, ()) if k.get("modality") in ("AUDIO", 4))
    thoughts = number(u, "thoughtsTokenCount")
    return dict(input=number(u, "promptTokenCount") + number(u, "toolUsePromptTokenCount"),
                cache_read=number(u, "cachedContentTokenCount"), reasoning=thoughts,
                output=number(u, "candidatesTokenCount") + thoughts,
                audio_in=audio("promptTokensDetails"), audio_cached=audio("cacheTokensDetails"),
                audio_out=audio("candidatesTokensDetails"))


READERS = {"openai-chat": chat, "openai-responses": responses, "openai-completions": chat,
           "embeddings": chat, "anthropic-messages": messages, "anthropic-vertex": messages,
           "gemini": gemini}


@pytest.fixture(scope="module")
def read(binary):
    """(cassette, id) -> whether it is complete, and its tokens or None, as the gateway reads them."""
    if not (DATA / "recorded").is_dir():
        pytest.skip("unsupported: no recorded traffic on this machine (LAMPLIGHTER_DATA)")
    done = subprocess.run([binary.parents[1] / "tests/conformance/usage", DATA],
                          capture_output=True, text=True, timeout=120, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {(f[0], f[1]): (f[2] == "1",
                           dict(zip(PARTS, map(int, f[4:]))) if f[3] == "1" else None)
            for f in lines}


@pytest.fixture(scope="module")
def recordings():
    found = []
    for name in READERS:
        path = DATA / f"recorded/cassettes/{name}.jsonl.gz"
        found += [(name, json.loads(line)) for line in gzip.open(path, "rt")]
    return found


def test_tokens_are_those_of_the_recording(read, recordings):
    counts, wrong = collections.Counter(), []
    for name, record in recordings:
        complete, got = read.get((name, record["id"]), (False, None))
        if not complete:
            continue
        want = READERS[name](documents(record)) or None
        if want is not None:
            want = {part: want.get(part, 0) for part in PARTS}
            counts.update(part for part in PARTS if want[part])
        if got != want:
            wrong.append(f"{name} {record['id']} {record['host']}: {got}, not {want}")
        counts["answers"] += 1
    print(dict(counts))
    assert not wrong, "\n".join(wrong[:20])
    assert counts["answers"] > 1500
    assert all(counts[part] for part in PARTS if part not in ("cache_write_1h", "audio_out"))
