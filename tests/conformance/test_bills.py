"""The prices that are built in, against recorded traffic: is there one for each model that was asked, and
is what the gateway computes what the provider billed?

xAI and OpenRouter say in their answers what they cost. The answers go through the whole binary, from
a mock that replays them, and the access log must have that very number."""
import csv
import gzip
import json
import re
import subprocess
import typing
from decimal import Decimal

import anthropic.types.model
import openai.types.shared.all_models
import pytest
from google.genai._gaos.types.interactions import model as google_model

import bed
from test_recorded import DATA

# Which type of provider a recorded host is; those of the vendors that the price file is about.
HOSTS = {
    "api.openai.com": "openai", "api.anthropic.com": "anthropic", "api.mistral.ai": "mistral",
    "generativelanguage.googleapis.com": "gemini", "api.groq.com": "groq", "api.x.ai": "xai",
    "api.cohere.com": "cohere", "api.deepseek.com": "deepseek", "openrouter.ai": "openrouter",
    "openai.azure.com": "azure", "services.ai.azure.com": "azure-models",
    "aiplatform.googleapis.com": "vertex", "amazonaws.com": "bedrock",
}

AS = {"azure-models": "azure"}  # what a type is priced as besides

# Models that were asked and have no row, by the reason. Bedrock's names are cut in the index.
LEFT_OUT = {
    "no such model": {
        "babbage-002-wrong", "claude-sonet-4-5", "does-not-exist", "embedding",
        "gemini-3.6-flahs", "gemini-does-not-exist", "gpt-4-does-not-exist-12345",
        "gpt-4-invalid-12345", "gpt-4.1-nano-wrong", "llama-3.3-70b-versatlie", "non-existent",
        "nonexistent", "nonexistent-model", "openllmetry-testing", "text-embedding-4-ultra"},
    "gone from the price lists": {
        "anthropic.claude-v2", "anthropic/claude-sonnet-4-5", "claude-3-opus-latest",
        "computer-use-preview", "deepseek-r1-distill-llama-70b", "gemini-2.0-flash-exp",
        "gemini-2.5-pro-preview-05-06", "gpt-4-vision-preview", "gpt-4.5-preview",
        "llama3-8b-8192", "mistralai/mistral-small", "o1-mini", "pixtral-12b-latest",
        "x-ai/grok-4.1-fast"},
    "the tables disagree, or one alone was found that cannot be right": {
        "deepseek/deepseek-chat", "google.gemma-3-27b-it", "gpt-5.6-luna",
        "meta.llama3-1-70b-instruct-v1:0", "mistral-small-latest", "moonshotai/kimi-k2.5",
        "openai/gpt-5.6-sol", "openai/gpt-oss-20b", "qwen/qwen3-30b-a3b-instruct-2507",
        "us.amazon.nova-2-lite-v1", "us.cohere.embed-v4", "us.cohere.embed-v4:0",
        "z-ai/glm-4.6"},
    "the price changes with the hour, or ends on a day": {
        "deepseek-chat", "deepseek-reasoner", "deepseek-v4-flash", "gemini-3.6-flash",
        "gemini-flash-latest", "google/gemini-3.6-flash"},
    "paid by the search or the image besides": {
        "amazon.nova-2-multimodal-embeddings-v1", "compound-beta", "gemini-2.5-flash-image",
        "gpt-4o-mini-search-preview", "gpt-4o-search-preview", "perplexity/sonar"},
    "passes through unread": {"omni-moderation-latest"},
    "priced by the name that answers": {"grok-4-fast"},
}

ROW = re.compile(r'^  ("?)([\w.-]+/.+?)\1: \{(.*)\}$', re.M)


@pytest.fixture(scope="module")
def built_in(binary):
    """The text of the price file, and its rows by name, as they stand there."""
    text = subprocess.run([binary, "config", "prices"], capture_output=True, text=True, check=True,
                          timeout=20).stdout
    rows = {name: rest for _, name, rest in ROW.findall(text)}
    assert len(rows) > 400
    return text, rows


def recorded():
    """(type of provider, model) of all that was asked."""
    if not (DATA / "recorded").is_dir():
        pytest.skip("unsupported: no recorded traffic on this machine (LAMPLIGHTER_DATA)")
    asked = set()
    with open(DATA / "recorded/INDEX.tsv", encoding="utf-8") as f:
        for line in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
            kind = next((k for host, k in HOSTS.items() if line["host"].endswith(host)), None)
            if kind and line["model"] and "rerank" not in line["dialect"]:
                asked.add((kind, line["model"].replace("%3A", ":")))
    return sorted(asked)


def test_recorded_models_have_a_price(built_in):
    rows, missing, covered, left = built_in[1], [], 0, 0
    for kind, model in recorded():
        if f"{AS.get(kind)}/{model}" in rows or f"{kind}/{model}" in rows or f"{kind}/{model}:0" in rows:
            covered += 1
        elif any(model in models for models in LEFT_OUT.values()):
            left += 1
        else:
            missing.append(f"{kind}/{model}")
    print(f"{covered} have a price, {left} are left out for a reason, {len(missing)} are missing")
    assert not missing, missing


# ---- the SDKs ----

NAMED_BY_SDKS = {"openai": openai.types.shared.all_models.AllModels,
                 "anthropic": anthropic.types.model.Model, "gemini": google_model.Model}

# Models that they name and that have no row, by the reason.
UNPRICED = {
    "gone from the price lists": {
        "o1-preview", "o1-preview-2024-09-12", "o1-mini", "o1-mini-2024-09-12",
        "gpt-4o-audio-preview-2024-10-01", "gpt-4-vision-preview", "gpt-4-32k", "gpt-4-32k-0314",
        "gpt-4-32k-0613", "gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613", "gpt-3.5-turbo-16k-0613",
        "computer-use-preview", "computer-use-preview-2025-03-11"},
    "paid by the search, the image, the second or the song besides": {
        "gpt-4o-search-preview", "gpt-4o-mini-search-preview", "gpt-4o-search-preview-2025-03-11",
        "gpt-4o-mini-search-preview-2025-03-11", "o3-deep-research",
        "o3-deep-research-2025-06-26", "o4-mini-deep-research",
        "o4-mini-deep-research-2025-06-26", "gemini-2.5-flash-image",
        "gemini-3.1-flash-lite-image", "gemini-3-pro-image", "nano-banana-pro-preview",
        "gemini-3.1-flash-image", "gemini-nano-banana-2.1", "gemini-3.1-flash-tts-preview",
        "gemini-3.8-flash-tts", "gemini-3.8-flash-lite-tts", "gemini-3.5-transcribe",
        "lyria-3-clip-preview", "lyria-3-pro-preview", "lyria-3.5", "gemini-omni-1.2-flash",
        "gemini-omni-1.1-flash", "gemini-omni-flash-preview"},
    "the price ends on a day, or the name moves": {
        "gemini-3.6-flash", "gemini-3.7-flash", "gemini-3.8-flash", "gemini-4-argon",
        "gemini-4-carbon", "gemini-flash-latest", "gemini-flash-lite-latest",
        "gemini-pro-latest"},
    "no list price was found": {
        "claude-mythos-preview", "gpt-5.1-mini", "gpt-daybreak-blue-latest", "gpt-daybreak-red-latest", "gpt-5.6-cyber",
        "gpt-6-cyber", "gpt-rosalind-research", "gpt-6-rosalind", "gpt-6.2-astra-law",
        "gemma-4-26b-a4b-it", "gemma-4-31b-it", "gemini-robotics-er-1.6-preview",
        "gemini-robotics-er-2-preview"},
}


def names(of):
    """All texts of a union of literals."""
    return {text for part in typing.get_args(of)
            for text in ([part] if isinstance(part, str) else names(part))}


@pytest.mark.parametrize("kind", NAMED_BY_SDKS)
def test_models_that_sdks_name_have_a_price(built_in, kind):
    left = set().union(*UNPRICED.values())
    named = names(NAMED_BY_SDKS[kind])
    assert len(named) > 15
    priced = {m for m in named if f"{kind}/{m}" in built_in[1]}
    assert named - priced - left == set()
    assert priced & left == set()  # a reason that is none any more


# ---- bills ----

# OpenRouter billed the same tokens as read and as written.
ODD = {"2718082cbd0d7543"}


def documents(text):
    lines = [text] if text.startswith("{") else [line[5:] for line in text.splitlines()
                                                 if line.startswith("data:")]
    for line in lines:
        if line.strip().startswith("{"):
            yield json.loads(line, parse_float=Decimal)


def bill_of(host, text):
    """What the provider says that the answer's tokens cost, or None."""
    used = [(d.get("response") or d).get("usage") for d in documents(text)]
    used = [u for u in used if u]
    if not used:
        return None
    u = used[-1]
    if host == "api.x.ai":  # in ticks of 1e-10 dollars; its own tools cost besides
        return Decimal(u.get("cost_in_usd_ticks", 0)).scaleb(-10) \
            if not u.get("num_server_side_tools_used") else None
    details = u.get("cost_details") or {}
    parts = [Decimal(str(v)) for k, v in details.items()
             if k in ("upstream_inference_prompt_cost", "upstream_inference_completions_cost",
                      "upstream_inference_input_cost", "upstream_inference_output_cost")
             and v is not None]
    total = Decimal(str(u.get("cost") or 0))
    return total if len(parts) == 2 and sum(parts) == total else None  # else there are fees


def billed():
    """Recordings with a bill: (id, kind of provider, path, model, recording for the mock, bill)."""
    for name, path in (("openai-chat", "/v1/chat/completions"),
                       ("openai-responses", "/v1/responses")):
        file = DATA / f"recorded/cassettes/{name}.jsonl.gz"
        with gzip.open(file, "rt", encoding="utf-8") as f:
            for r in map(json.loads, f):
                kind = HOSTS.get(r["host"])
                if kind not in ("xai", "openrouter") or r["status"] != 200 or r["id"] in ODD:
                    continue
                bill = bill_of(r["host"], r["resp"])
                if bill:
                    yield r, kind, path, bill


@pytest.mark.timeout(120)
def test_costs_are_what_the_provider_billed(binary, built_in, place):
    """To the last digit, but for a bill that is a rounded fraction."""
    text, rows = built_in
    recorded()
    answers = [(r, kind, path, bill) for r, kind, path, bill in billed()
               if f"{kind}/{r['req']['model']}" in rows or r["req"]["model"] == "grok-4-fast"]
    replay = place / "bills.jsonl"
    replay.write_text("".join(json.dumps({
        "id": r["id"], "status": 200, "resp": r["resp"],
        "resp_headers": {"content-type": r["resp_headers"]["content-type"]}}) + "\n"
        for r, *_ in answers))
    # The mock is told by the model's name what to replay: each price holds for such names too.
    (place / "prices.yaml").write_text(ROW.sub(
        lambda m: m[0] if "*" in m[2] else f'{m[0]}\n  "{m[2]};*": {{{m[3]}}}', text))
    mock = bed.Mock(binary, place, "--replay", replay, name="bills")
    conf = bed.basic(mock.addr)
    conf["providers"] = {"xai": bed.provider("xai", mock.addr, key="env:OAI_KEY"),
                         "openrouter": bed.provider("openrouter", mock.addr, key="env:OAI_KEY")}
    conf["prices"] = {"file": str(place / "prices.yaml")}
    gateway = bed.Gateway(binary, place, conf, env=bed.KEYS, name="bills")
    wrong, count = [], {"xai": 0, "openrouter": 0}

    try:
        for r, kind, path, bill in answers:
            model = r["req"]["model"]
            got = gateway.ask(path, {**r["req"], "model": f"{kind}/{model};replay={r['id']}"})
            cost = exact(gateway, got).get("cost")
            if cost is None or abs(cost - bill) > Decimal("1e-12"):
                wrong.append((r["id"], model, cost, bill))
            count[kind] += 1
    finally:
        gateway.stop()
        mock.stop()
    print(count)
    assert not wrong, wrong
    assert count["xai"] > 30 and count["openrouter"] > 40


def exact(gateway, answer):
    """The record, with numbers as they are spelt."""
    name = answer["x-lamplighter-request-id"]
    gateway.record(answer)
    line = next(line for line in gateway.out.read_text().splitlines() if f'"id":"{name}"' in line)
    return json.loads(line, parse_float=Decimal)
