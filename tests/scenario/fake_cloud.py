"""Clouds on loopback: services that give credentials, and the APIs that take them, so far as
credentials go. What is given is checked when it comes back: by a second implementation of AWS's
signatures, by RSA in whole numbers, by the clock."""
import base64
import datetime
import hashlib
import hmac
import http.server
import io
import json
import re
import subprocess
import threading
import time
import urllib.parse

import fake_bedrock

TEXT = "Hello from the cloud."
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


class Key:
    """A service account's key, and what it signs."""

    def __init__(self):
        self.pem = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True,
                                  timeout=60).stdout.decode()
        said = subprocess.run(["openssl", "rsa", "-noout", "-modulus"], input=self.pem.encode(),
                              capture_output=True, check=True, timeout=60).stdout.decode()
        self.modulus = int(said.strip().split("=")[1], 16)

    def claims(self, jwt):
        """Header and claims of a token that this key has signed."""
        head, claims, mark = jwt.split(".")
        size = (self.modulus.bit_length() + 7) // 8
        shown = pow(int.from_bytes(unpad(mark), "big"), 65537, self.modulus).to_bytes(size, "big")
        digest = SHA256_PREFIX + hashlib.sha256(f"{head}.{claims}".encode()).digest()
        assert shown == b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
        return json.loads(unpad(head)), json.loads(unpad(claims))


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def escape(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def signature(method, path, headers, body, secret):
    """(signature that it has, signature that it must have), as AWS's documents say it."""
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                         r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
                         headers["authorization"])
    _, day, region, service, names, given = found.groups()
    assert {"host", "x-amz-date"} <= set(names.split(";"))
    assert names == ";".join(sorted(names.split(";")))
    assert ("x-amz-security-token" in headers) == ("x-amz-security-token" in names)
    path, _, query = path.partition("?")
    pairs = sorted((escape(k), escape(v)) for k, v in urllib.parse.parse_qsl(query, True))
    canonical = "\n".join([
        method, escape(path, "/"), "&".join(f"{k}={v}" for k, v in pairs),
        *(f"{n}:{' '.join(headers[n].split())}" for n in names.split(";")), "", names,
        hashlib.sha256(body).hexdigest()])
    date = headers["x-amz-date"]
    assert date.startswith(day)
    text = "\n".join(["AWS4-HMAC-SHA256", date, f"{day}/{region}/{service}/aws4_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for step in (day, region, service, "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return given, hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), canonical


class Handler(fake_bedrock.Handler):
    def do_GET(self):
        self.take()

    def do_PUT(self):
        self.take()

    def do_POST(self):
        self.take()

    def take(self):
        cloud = self.server.cloud
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        seen = {"method": self.command, "path": self.path, "body": body, "at": time.monotonic(),
                "headers": {k.lower(): v for k, v in self.headers.items()}}
        path = self.path.partition("?")[0]
        if path.startswith(("/model/", "/v1/projects/", "/openai/")):
            cloud.calls.append(seen)
            self.answer(cloud, seen)
            return
        cloud.fetches.append(seen)
        if cloud.down:
            self.whole(503, {"error": "temporarily_unavailable",
                             "error_description": body.decode()})
            return
        self.plain(cloud.give(seen))

    def answer(self, cloud, seen):
        if not cloud.accepts(seen):
            # Providers like to repeat what they were sent.
            self.whole(cloud.refuses, {"error": {"code": cloud.refuses, "status": "UNAUTHENTICATED",
                                                 "message": f"no: {json.dumps(seen['headers'])}"},
                                       "message": cloud.canonical})
        elif self.path.startswith("/model/"):
            rfile, self.rfile = self.rfile, io.BytesIO(seen["body"])
            super().do_POST()
            self.rfile = rfile
        elif "rawPredict" in self.path:
            self.whole(200, fake_bedrock.invoke(None))
        elif "streamRawPredict" in self.path:
            self.events(f"event: {m['type']}\ndata: {json.dumps(m)}\n\n"
                        for m in fake_bedrock.messages())
        elif "streamGenerateContent" in self.path:
            self.events(f"data: {json.dumps(m)}\r\n\r\n" for m in gemini(TEXT))
        elif "generateContent" in self.path:
            self.whole(200, gemini(TEXT)[-1])
        else:
            self.whole(200, {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                             "choices": [{"index": 0, "finish_reason": "stop",
                                          "message": {"role": "assistant", "content": TEXT}}]})

    def plain(self, given):
        text = given if isinstance(given, bytes) else json.dumps(given).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def events(self, events):
        text = "".join(events).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def gemini(text):
    return [{"candidates": [{"content": {"role": "model", "parts": [{"text": text}]},
                             "finishReason": "STOP", "index": 0}],
             "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5,
                               "totalTokenCount": 8}, "modelVersion": "gemini-2.5-pro"}]


class Cloud:
    """Gives credentials that live `lifetime` seconds, and takes those that it gave and that live."""

    def __init__(self, key):
        self.key = key
        self.reset()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.cloud, self.server.asked = self, []
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def reset(self):
        self.lifetime, self.down, self.refuses = 3600, False, 401
        self.calls, self.fetches, self.given, self.troubles = [], [], {}, []
        self.canonical = ""

    @property
    def addr(self):
        return f"127.0.0.1:{self.server.server_address[1]}"

    def url(self, path=""):
        return f"http://{self.addr}{path}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    # ---- what is given ----

    def give(self, seen):
        form = dict(urllib.parse.parse_qsl(seen["body"].decode()))
        path = seen["path"].partition("?")[0]
        if path == "/latest/api/token":
            assert seen["method"] == "PUT"
            return b"imds-session=="
        if path.startswith("/latest/meta-data/"):
            assert seen["headers"]["x-aws-ec2-metadata-token"] == "imds-session=="
            return b"my-role" if path.endswith("/") else self.aws()
        if path == "/container":
            assert seen["headers"]["authorization"] == "container-word"
            return self.aws()
        if path == "/sts":
            assert form["Action"] == "AssumeRoleWithWebIdentity" and form["RoleArn"] == "arn:role"
            assert form["WebIdentityToken"] == "web-identity-token"
            return self.sts()
        if path == "/token":
            self.check_assertion(form)
        if path == "/federated":
            assert form["subject_token"] == "subject-token-of-the-pod"
        if path == "/tenant/oauth2/v2.0/token":
            assert form["client_id"] == "app" and form["scope"].endswith("/.default")
            assert form["client_secret"] == "azure-client-secret"
        if path == "/metadata/identity/oauth2/token":
            assert seen["headers"]["metadata"] == "true"
            assert "resource=https%3A%2F%2Fcognitiveservices.azure.com" in seen["path"]
        return self.token()

    def check_assertion(self, form):
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        head, claims = self.key.claims(form["assertion"])
        now = time.time()
        assert head == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
        assert claims["iss"] == "robot@project.iam" and claims["aud"] == self.url("/token")
        assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        assert now - 5 <= claims["iat"] <= now + 1 and claims["exp"] == claims["iat"] + 3600

    def keep(self, name, secret):
        self.given[name] = (secret, time.monotonic() + self.lifetime)

    def token(self):
        name = f"bearer-token-{len(self.given)}-{'x' * 24}"
        self.keep(name, None)
        return {"access_token": name, "expires_in": self.lifetime, "token_type": "Bearer"}

    def aws(self):
        n = len(self.given)
        until = (datetime.datetime.now(datetime.timezone.utc)
                 + datetime.timedelta(seconds=self.lifetime))
        self.keep(f"ASIA{n}", (f"aws+secret/{n}", f"aws-session-{n}/{'y' * 24}=="))
        return {"Code": "Success", "AccessKeyId": f"ASIA{n}", "SecretAccessKey": f"aws+secret/{n}",
                "Token": f"aws-session-{n}/{'y' * 24}==",
                "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def sts(self):
        a = self.aws()
        return (f"<R><Credentials><AccessKeyId>{a['AccessKeyId']}</AccessKeyId><SecretAccessKey>"
                f"{a['SecretAccessKey']}</SecretAccessKey><SessionToken>{a['Token']}</SessionToken>"
                f"<Expiration>{a['Expiration']}</Expiration></Credentials></R>").encode()

    # ---- what is taken ----

    def accepts(self, seen):
        given = seen["headers"].get("authorization", "")
        try:
            if given.startswith("Bearer "):
                return self.given[given[7:]][1] > seen["at"]
            name = re.search(r"Credential=([^/]+)/", given)[1]
            (secret, session), until = self.given[name]
            has, must, self.canonical = signature(seen["method"], seen["path"], seen["headers"],
                                                  seen["body"], secret)
            return (has == must and until > seen["at"]
                    and seen["headers"].get("x-amz-security-token") == session)
        except Exception as e:  # pylint: disable=broad-except
            self.troubles.append(e)
            return False

    def revoke(self):
        self.given = {name: (secret, 0) for name, (secret, _) in self.given.items()}
