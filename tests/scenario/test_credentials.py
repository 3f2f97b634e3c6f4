"""Credentials of clouds: fetched where the cloud gives them, renewed while requests go on, used as
long as they live when they cannot be renewed, and never shown to anybody else."""
import json
import pathlib
import re
import shutil
import subprocess
import time

import pytest

import bed
import fake_bedrock
import fake_cloud

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
GEMINI = "/v1beta/models/"
HELLO = [{"role": "user", "content": "hi"}]
ASK = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CLAUDE = "us.anthropic.claude-haiku-4-5-v1:0"


@pytest.fixture(scope="module")
def key():
    if not shutil.which("openssl"):
        pytest.skip("unsupported: no openssl program on this machine")
    return fake_cloud.Key()


@pytest.fixture
def cloud(key):
    c = fake_cloud.Cloud(key)
    yield c
    c.stop()
    assert c.troubles == []


@pytest.fixture
def gateway(binary, tmp_path):
    """gateway(providers, **env): one with those providers; stopped at the end, and searched then
    for every secret that it had."""
    made = []

    def make(providers, secrets=(), models=None, **env):
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = providers
        conf["models"] = models or {}
        g = bed.Gateway(binary, tmp_path, conf, env={"HOME": str(tmp_path), **env})
        made.append((g, [*secrets, *(v for k, v in env.items() if "SECRET" in k)]))
        return g

    yield make
    for g, secrets in made:
        shown = json.dumps(g.status()) + json.dumps(g.metrics())
        g.stop()
        shown += g.said() + g.out.read_text()
        for word in ["bearer-token-", "aws+secret", "aws-session-", "PRIVATE KEY", *secrets]:
            assert word not in shown


def key_file(place, cloud):
    file = place / "account.json"
    file.write_text(json.dumps({
        "type": "service_account", "client_email": "robot@project.iam", "private_key_id": "key-1",
        "private_key": cloud.key.pem, "token_uri": cloud.url("/token")}))
    return str(file)


def vertex(cloud, **more):
    return {"v": {"type": "vertex", "project": "pro", "region": "europe-west4", "private": True,
                  "endpoints": cloud.url(), **more}}


def ask(g, model="v/gemini-2.5-pro", stream=False):
    way = ":streamGenerateContent?alt=sse" if stream else ":generateContent"
    return g.ask(GEMINI + model + way, ASK)


def shown(g):
    """What people see of the one provider."""
    row, = g.status()["credentials"]
    assert (row["provider"], row["source"]) == ("v", "service account")
    states = [name for name, value in g.metrics().items()
              if name.startswith('lamplighter_credential_state{provider="v"') and value == 1]
    assert len(states) == 1
    return row


def bearer(call):
    return call["headers"]["authorization"].removeprefix("Bearer ")


# ---- Google ----

def test_a_service_account_is_believed(gateway, cloud, tmp_path):
    g = gateway(vertex(cloud, credentials={"file": key_file(tmp_path, cloud)}))
    assert cloud.fetches == []
    for stream in (False, True):
        answer = ask(g, stream=stream)
        assert answer.status == 200 and fake_cloud.TEXT.encode() in answer.text
        assert g.record(answer)["outcome"] == "full"
    base = "/v1/projects/pro/locations/europe-west4/publishers/google/models/gemini-2.5-pro"
    assert [c["path"] for c in cloud.calls] == [
        f"{base}:generateContent", f"{base}:streamGenerateContent?alt=sse"]
    answer = g.chat("v/gemini-2.5-pro")  # a client of another dialect
    assert answer.json()["choices"][0]["message"]["content"] == fake_cloud.TEXT
    assert len(cloud.fetches) == 1 and len({bearer(c) for c in cloud.calls}) == 1


def test_claude_on_vertex(gateway, cloud, tmp_path):
    g = gateway(vertex(cloud), GOOGLE_APPLICATION_CREDENTIALS=key_file(tmp_path, cloud))
    body = {"model": "v/claude-sonnet-4-5@20250929", "messages": HELLO, "max_tokens": 9}
    text = "".join(fake_bedrock.WORDS)
    whole = g.ask(MESSAGES, body)
    assert whole.json()["content"] == [{"type": "text", "text": text}]
    streamed = g.ask(MESSAGES, {**body, "stream": True})
    assert b"event: message_stop" in streamed.text and b"w19 " in streamed.text
    other = g.chat("v/claude-sonnet-4-5@20250929", max_tokens=9)
    assert other.json()["choices"][0]["message"]["content"] == text
    base = ("/v1/projects/pro/locations/europe-west4/publishers/anthropic/models/"
            "claude-sonnet-4-5%4020250929")
    assert [c["path"] for c in cloud.calls] == [f"{base}:rawPredict", f"{base}:streamRawPredict",
                                                f"{base}:rawPredict"]
    for call, stream in zip(cloud.calls, (None, True, None)):
        sent = json.loads(call["body"])
        assert sent["anthropic_version"] == "vertex-2023-10-16" and "model" not in sent
        assert sent.get("stream") in (stream, False if stream is None else True)


def test_other_sources_of_google(gateway, cloud, tmp_path):
    g = gateway(vertex(cloud), GCE_METADATA_HOST=cloud.addr)
    assert ask(g).status == 200
    assert cloud.fetches[0]["headers"]["metadata-flavor"] == "Google"
    token = tmp_path / "subject"
    token.write_text("subject-token-of-the-pod\n")
    file = tmp_path / "federated.json"
    file.write_text(json.dumps({
        "type": "external_account", "audience": "//iam/pool", "subject_token_type": "jwt",
        "token_url": cloud.url("/federated"), "credential_source": {"file": str(token)}}))
    g.configure({**bed.basic("127.0.0.1:9", workers=1),
                 "providers": vertex(cloud, credentials={"file": str(file)})})
    g.signal(1)
    bed.wait_for(lambda: ask(g).status == 200 and
                 any(f["path"] == "/federated" for f in cloud.fetches))


def test_renewed_while_requests_go_on(gateway, cloud, tmp_path):
    """Lifetimes of three seconds: every request is answered, by a token that lives."""
    cloud.lifetime = 3
    g = gateway(vertex(cloud, credentials={"file": key_file(tmp_path, cloud)}))
    end = time.monotonic() + 30
    while len({bearer(c) for c in cloud.calls}) < 3:
        answer = ask(g)
        assert answer.status == 200 and g.record(answer)["attempts"] == 1
        assert time.monotonic() < end
    assert len(cloud.fetches) <= 4


def test_the_old_one_is_used_until_it_ends(gateway, binary, cloud, tmp_path):
    cloud.lifetime = 4
    g = gateway(vertex(cloud, credentials={"file": key_file(tmp_path, cloud)}))
    assert ask(g).status == 200
    assert shown(g)["state"] == "good"
    ends = cloud.fetches[0]["at"] + cloud.lifetime
    cloud.down = True
    states = set()
    while time.monotonic() < ends - 0.2:
        assert ask(g).status == 200
        states.add(shown(g)["state"])
    assert len(cloud.fetches) > 1  # it tried, in vain
    assert states == {"good", "stale"}

    def refused():
        a = ask(g)
        return a if a.status != 200 else None
    answer = bed.wait_for(refused)
    error = answer.json()["error"]
    assert answer.status == 502
    assert ("v/gemini-2.5-pro: no credential by service account: Google's token service: it "
            "answered with status 503, temporarily_unavailable") in error["message"]
    record = g.record(answer)
    assert (record["outcome"], record["reason"], record["class"]) == (
        "failed", "no-credential", "credential")
    row = shown(g)
    assert (row["state"], row["until"], row["fetched"]) == ("failed", None, 1)
    assert row["failed"] >= 1 and row["why"] in error["message"]
    told = subprocess.run([binary, "route", "v/gemini-2.5-pro", "--json", "--admin",
                           f"http://{g.admin}"], capture_output=True, timeout=20, check=False)
    target, = json.loads(told.stdout)["targets"]
    assert (told.returncode, target["asked"], target["reason"], target["text"]) == (
        1, False, "no-credential", row["why"])
    trouble = f"credentials of v (service account): there are none, and requests fail: {row['why']}"
    bed.wait_for(lambda: f"lamplighter: {trouble}\n" in g.said())
    cloud.down = False
    bed.wait_for(lambda: ask(g).status == 200, 20)
    bed.wait_for(lambda: "credentials of v (service account): renewed again\n" in g.said())
    assert shown(g)["state"] == "good" and shown(g)["why"] is None


def test_a_revoked_token_is_fetched_anew_once(gateway, cloud, tmp_path):
    g = gateway(vertex(cloud, credentials={"file": key_file(tmp_path, cloud)}))
    answer = ask(g)
    assert answer.status == 200
    cost = g.record(answer)["cost"]
    cloud.revoke()
    answer = ask(g)
    assert answer.status == 200 and g.record(answer)["attempts"] == 2
    assert answer["x-lamplighter-attempts"] == "2"
    assert g.record(answer)["cost"] == cost > 0  # the attempt that was refused cost nothing
    assert len(cloud.fetches) == 2
    cloud.revoke()  # within ten seconds: that is not the token's fault
    answer = ask(g)
    assert answer.status == 502 and g.record(answer)["class"] == "credential"
    assert len(cloud.fetches) == 2
    assert "bearer-token-" not in answer.text.decode()


def test_what_is_asked_anew_is_held_by_its_cap_too(gateway, cloud, tmp_path):
    """A cap on what failing over costs counts the answer, and not only the attempt that was refused."""
    providers = {"dead": {"type": "openai", "key": "env:K", "endpoints": "http://127.0.0.1:9/v1", "private": True},
                 **vertex(cloud, credentials={"file": key_file(tmp_path, cloud)})}
    g = gateway(providers, K="k", models={
        "m": {"targets": ["dead/gpt-4o-mini", "v/gemini-2.5-pro"], "extra_cost_max": 100}})
    spent = []
    for _ in range(2):
        answer = g.chat("m")
        assert answer.status == 200
        g.record(answer)  # what was held for it is settled
        spent.append(g.metrics()['lamplighter_extra_cost_usd{model="m"}'])
        cloud.revoke()
    assert g.record(answer)["attempts"] == 3 and len(cloud.fetches) == 2
    assert 0 < spent[0] < spent[1] < 2.1 * spent[0]



def test_a_revoked_token_is_fetched_anew_behind_a_head(binary, gateway, cloud, tmp_path):
    """The head has gone while another target was waited for: the answer has not begun."""
    mock = bed.Mock(binary, tmp_path)
    slow = bed.provider("openai-compatible", mock.addr, timeout={"first_token": "1700ms"})
    g = gateway({**vertex(cloud, credentials={"file": key_file(tmp_path, cloud)}), "slow": slow},
                models={"m": {"targets": ["slow/m;ttft=9s", "v/gemini-2.5-pro"]}})
    assert ask(g).status == 200
    cloud.revoke()
    answer = g.chat("m", stream=True)
    mock.stop()
    assert (answer.status, answer.end) == (200, "whole")
    assert answer["x-lamplighter-target"] == "slow/m;ttft=9s" and answer["x-lamplighter-attempts"] == "1"
    assert fake_cloud.TEXT in answer.text.decode()
    assert g.record(answer)["attempts"] == 3 and len(cloud.fetches) == 2


# ---- AWS ----

def aws_env(way, cloud, place):
    """What AWS's SDKs would find there."""
    token = place / "token"
    token.write_text("web-identity-token" if way == "web" else "container-word")
    return {
        "instance": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.url()},
        "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": cloud.url("/container"),
                      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)},
        "web": {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": "arn:role",
                "AWS_ENDPOINT_URL_STS": cloud.url("/sts")},
        "variables": {"AWS_ACCESS_KEY_ID": "AKIDVAR", "AWS_SECRET_ACCESS_KEY": "variable/secret"},
        "file": {"AWS_PROFILE": "work"},
        "static": {"MY_ID": "AKIDOWN", "MY_SECRET": "own/secret", "MY_SESSION_SECRET": "own-sess="},
    }[way]


@pytest.mark.parametrize("way", ["instance", "container", "web", "variables", "file", "static"])
def test_requests_to_aws_are_signed(gateway, cloud, tmp_path, way):
    """Whole and streamed, small and large, with a ':' in the path; whoever gave the keys."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[work]\naws_access_key_id = AKIDFILE\naws_secret_access_key = file/secret\n")
    cloud.keep("AKIDVAR", ("variable/secret", None))
    cloud.keep("AKIDFILE", ("file/secret", None))
    cloud.keep("AKIDOWN", ("own/secret", "own-sess="))
    provider = {"type": "bedrock", "region": "us-east-1", "private": True, "endpoints": cloud.url()}
    if way == "static":
        provider["credentials"] = {"kind": "static", "id": "env:MY_ID", "secret": "env:MY_SECRET",
                                   "session": "env:MY_SESSION_SECRET"}
    g = gateway({"aws": provider}, ["file/secret"], **aws_env(way, cloud, tmp_path))
    for path, body in ((MESSAGES, {"max_tokens": 9}), (CHAT, {})):
        for model in (CLAUDE, "amazon.nova-lite-v1:0"):
            for content in ("hi", "long " * 300000):
                for stream in (False, True):
                    answer = g.ask(path, {"model": f"aws/{model}", "stream": stream, **body,
                                          "messages": [{"role": "user", "content": content}]})
                    assert answer.status == 200, answer.text
                    assert g.record(answer)["outcome"] == "full"
    assert all("%3A" in c["path"] for c in cloud.calls) and len(cloud.calls) == 16
    signed = cloud.calls[0]["headers"]["authorization"]
    assert "/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date" in signed
    assert len(cloud.fetches) == {"instance": 3, "container": 1, "web": 1}.get(way, 0)


def test_a_refusal_does_not_show_the_session(gateway, cloud, tmp_path):
    """AWS repeats the whole signed request when a signature is wrong."""
    cloud.refuses = 403
    g = gateway({"aws": {"type": "bedrock", "region": "us-east-1", "private": True,
                         "endpoints": cloud.url()}}, **aws_env("container", cloud, tmp_path))
    cloud.accepts = lambda seen: type(cloud).accepts(cloud, seen) and False
    answer = g.ask(MESSAGES, {"model": f"aws/{CLAUDE}", "max_tokens": 9, "messages": HELLO})
    assert answer.status == 502 and g.record(answer)["class"] == "credential"
    assert "aws-session-" in cloud.canonical and "x-amz-security-token" in answer.text.decode()
    assert "aws-session-" not in answer.text.decode()


# ---- Azure ----

@pytest.mark.parametrize("way", ["secret", "instance"])
def test_azure_takes_a_token_beside_its_key(gateway, cloud, way):
    env = {"secret": {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "app",
                      "AZURE_CLIENT_SECRET": "azure-client-secret",
                      "AZURE_AUTHORITY_HOST": cloud.url()},
           "instance": {"AZURE_POD_IDENTITY_AUTHORITY_HOST": cloud.url()}}[way]
    g = gateway({"az": {"type": "azure", "private": True, "endpoints": cloud.url(),
                        "credentials": {"kind": "azure"}}}, **env)
    for _ in range(2):
        assert g.chat("az/gpt-5").status == 200
    assert len(cloud.fetches) == 1
    assert all(bearer(c) in cloud.given and "api-key" not in c["headers"] for c in cloud.calls)


# ---- the configuration ----

CHECKS = [
    ({"type": "vertex"}, "type vertex needs a region"),
    ({"type": "vertex", "region": "r"}, "type vertex needs a project"),
    ({"type": "bedrock"}, "type bedrock needs a region"),
    ({"type": "openai", "credentials": {"kind": "aws"}},
     "type openai takes a key and no cloud's credentials"),
    ({"type": "bedrock", "region": "r", "credentials": {"kind": "google"}},
     "type bedrock takes kind aws"),
    ({"type": "bedrock", "region": "r", "key": "env:K", "credentials": {"kind": "aws"}},
     "there is a key too; leave one of them out"),
    ({"type": "bedrock", "region": "r", "credentials": {"kind": "static", "id": "env:K"}},
     "kind static needs id and secret"),
    ({"type": "bedrock", "region": "r", "credentials": {"kind": "aws", "tenant": "t"}},
     "kind aws has no use for tenant"),
    ({"type": "bedrock", "region": "r", "credentials": {"role": "arn:role"}},
     "a role needs the file with the identity's token"),
    ({"type": "bedrock", "region": "r", "credentials": {"profile": "none"}}, "credentials cannot be used: No such file"),
    ({"type": "vertex", "region": "r", "project": "p", "credentials": {"file": "/nowhere"}},
     "/nowhere cannot be read"),
    ({"type": "azure", "endpoints": "https://a.example", "credentials": {"secret": "env:K"}},
     "Azure's client secret needs the tenant"),
]


@pytest.mark.parametrize("provider, want", CHECKS, ids=[want for _, want in CHECKS])
def test_check_says_what_is_wrong(binary, tmp_path, provider, want):
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps({"version": 1, "providers": {"x": provider}}))
    run = subprocess.run([binary, "check", "-c", file], capture_output=True, timeout=20,
                         env={"HOME": str(tmp_path), "K": "some-key"})
    said = (run.stdout + run.stderr).decode()
    assert run.returncode == 3 and want in said, said
    assert "some-key" not in said


@pytest.mark.parametrize("uri, want", [
    ("http://oauth.example/token", "'http://oauth.example/token' is clear text"),
    ("http://10.0.0.1/token", "'http://10.0.0.1/token' is clear text"),
    ("ftp://oauth.example", "must begin with https:// or http://"),
    ("http://127.0.0.1:1/token", None), ("http://169.254.169.254/token", None),
    ("https://oauth.example/token?a=b", None)])
def test_check_looks_where_tokens_are_asked_for(binary, tmp_path, uri, want):
    account = tmp_path / "user.json"
    account.write_text(json.dumps({"type": "authorized_user", "client_id": "c",
                                   "client_secret": "some-secret", "refresh_token": "some-token",
                                   "token_uri": uri}))
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps({"version": 1, "providers": {"x": {
        "type": "vertex", "region": "r", "project": "p", "credentials": {"file": str(account)}}}}))
    run = subprocess.run([binary, "check", "-c", file], capture_output=True, timeout=20,
                         env={"HOME": str(tmp_path)})
    said = (run.stdout + run.stderr).decode()
    assert run.returncode == (3 if want else 0) and (want or "") in said, said
    assert "some-" not in said


PAGE = pathlib.Path(__file__).parents[2] / "docs/clouds.md"


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S),
                         ids=["aws", "google", "azure"])
def test_the_page_about_clouds_can_be_copied(binary, tmp_path, text):
    """As it stands there, on a machine where nothing else is set."""
    file = tmp_path / "c.yaml"
    file.write_text(text)
    run = subprocess.run([binary, "check", "-c", file], capture_output=True, timeout=20,
                         env={"HOME": str(tmp_path)})
    assert run.returncode == 0, (run.stdout + run.stderr).decode()


def test_clouds_are_found_without_a_configuration(binary, tmp_path):
    file = tmp_path / "adc.json"
    file.write_text(json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s",
                                "refresh_token": "r"}))
    run = subprocess.run([binary, "config", "init"], capture_output=True, timeout=20,
                         env={"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": str(file),
                              "GOOGLE_CLOUD_PROJECT": "pro", "GOOGLE_CLOUD_LOCATION": "global",
                              "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cr3t",
                              "AWS_REGION": "eu-central-1"})
    said = run.stdout.decode()
    assert run.returncode == 0, run.stderr
    for want in ("type: vertex", 'region: "global"', 'project: "pro"', "type: bedrock",
                 'region: "eu-central-1"'):
        assert want in said, said
    assert "s3cr3t" not in said
