/* Goal: a right file becomes exactly its values; of a wrong one every error is reported at once,
 * each at its place with its cure; no allocation that fails does harm.
 * Method: tables of text and the whole report; a file with every key against expected values;
 * torture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "conf/dump.h"
#include "settings/settings.h"

#define V "version: 1\n"
#define P V "providers:\n  o: {type: openai, key: env:OPENAI_API_KEY}\n"
/* Prices for all that stands here, so that none is missing; test_prices.c is about them. */
#define ROW(provider) "  " provider "/*: {input: 1, source: s, date: 2026-01-01}\n"
#define PRICES                                                                                     \
    SPAN_LIT(V "prices:\n" ROW("openai") ROW("anthropic") ROW("vllm") ROW("azure")                 \
                 ROW("openai-compatible"))
#define HASH "sha256:0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef"

static const char *const vars[] = {
    "OPENAI_API_KEY=sk-test", "KEY_A=a",      "KEY_B= b\n", "EMPTY=", "BROKEN=a\nb",
    "AUTH=user:pass",         "NOCOLON=user", NULL,
};

static const struct {
    const char *text, *want;
} rows[] = {
    /* pools */
    {V "providers:\n  e: {type: vllm, endpoints: [{url: 'http://10.0.0.1:1', domain: a}, {url: "
       "'http://10.0.0.2:1', domain: a}]}\n",
     "W015 3:30+1 providers.e: all endpoints die with 'a', so the pool is unprotected: nobody "
     "would "
     "hold its sessions"},
    {V "providers:\n  e: {type: vllm, endpoints: [{url: 'http://10.0.0.1:1', domain: a}, "
       "'http://10.0.0.2:1', {url: 'http://10.0.0.2:1', domain: b}, {domain: c}]}\n",
     "E032 3:97+19 providers.e.endpoints has 'http://10.0.0.2:1' twice\n"
     "E013 3:130+1 providers.e.endpoints: 'url' is missing | write, for example, url: "
     "http://10.1.0.11:8000"},
    /* shape */
    {"", "W004 0:0+0 no providers; every request will be refused\n"
         "E013 1:1+1 the file: key 'version' is missing | write, for example, version: 1"},
    {"version: 2\nproviders: {}\n", "E016 1:10+1 version cannot be '2' | allowed: 1\n"
                                    "W004 2:1+9 no providers; every request will be refused"},
    {P "modles: {}\n", "E012 4:1+6 unknown key 'modles' at the top level | did you mean 'models'?"},
    {P "<<: {}\n",
     "E012 4:1+2 unknown key '<<' at the top level | merging is not supported; write the keys out"},
    {P "sla: {gold: {window: 30d}}\nguardrails: {}\n",
     "E012 4:1+3 unknown key 'sla' at the top level | known keys: version, server, reload, "
     "providers, defaults, models, keys, data_classes, pass, prices, telemetry\n"
     "E012 5:1+10 unknown key 'guardrails' at the top level | known keys: version, server, "
     "reload, providers, defaults, models, keys, data_classes, pass, prices, telemetry"},
    {P "reload: {slice: 51%, at_least: 2s, at_most: 1s, unproven: maybe}\n",
     "E015 4:17+3 reload.slice: '51%' is too large; the most is 50%\n"
     "E015 4:32+2 reload.at_least is longer than reload.at_most, which ends the trial\n"
     "E016 4:59+5 reload.unproven cannot be 'maybe' | allowed: hold, back, keep"},
    {P "server: 80\nmodels: [a]\n",
     "E010 4:9+2 server must be a map of keys, this is a single value\n"
     "E010 5:9+1 models must be a map of names, this is a list"},
    {P "server: {listen: {a: b}, drain: [1s], limits: {body: }}\n",
     "E010 4:18+1 server.listen must be a list in [ ]\n"
     "E010 4:33+1 server.drain must be a duration such as 500ms, 2s, 10m, this is a list\n"
     "E014 4:48+4 server.limits.body has no value; write one or leave the key out"},
    {P "server: {listen: [], drain: ~}\n",
     "E014 4:18+1 server.listen is an empty list; nobody could connect\n"
     "E014 4:22+5 server.drain has no value; write one or leave the key out"},
    {P "x-any: {thing: &t {total: 5m}}\ndefaults: {timeout: *t}\n", ""},
    /* scalars */
    {P "server: {drain: 30, limits: {body: 64, fields: 5x}}\n",
     "E011 4:17+2 server.drain: '30' needs a unit: 30ms, 30s, 30m\n"
     "E011 4:36+2 server.limits.body: '64' needs a unit: 64B, 64KiB, 64MiB\n"
     "E011 4:48+2 server.limits.fields: '5x' is not a count such as 100, 5k, 2M"},
    {P "server: {drain: 25h, limits: {body: 1023B, path: 64KiB, header: 32KiB}}\n",
     "E015 4:17+3 server.drain: '25h' is too large; the most is 1d\n"
     "E015 4:37+5 server.limits.body: '1023B' is too small; the least is 1KiB\n"
     "E015 4:50+5 server.limits.path is larger than server.limits.header, which it is part of"},
    {P "telemetry: {log: {access: yes, file: log.txt}}\n",
     "E016 4:27+3 telemetry.log.access cannot be 'yes' | allowed: false, true\n"
     "E011 4:38+7 telemetry.log.file: 'log.txt' must be an absolute path, which begins with '/'"},
    {V "providers: {a: {type: vllm, endpoints: \"http://127.0.0.1:1\", http: h3}}\n",
     "E016 2:68+2 providers.a.http cannot be 'h3' | did you mean 'h1'? | allowed: auto, h1*, h2"},
    {P "server: {client_half_close: allw, workers: 0}\n",
     "E016 4:29+4 server.client_half_close cannot be 'allw' | did you mean 'allow'? | allowed: "
     "gone, allow*\n"
     "E011 4:44+1 server.workers: '0' is not auto, or a number of processes"},
    /* addresses */
    {P "server: {listen: [\"127.0.0.1\", localhost:80, 127.0.0.1:99999]}\n",
     "E011 4:19+11 server.listen: '127.0.0.1' is not an IP address and a port such as "
     "127.0.0.1:8080 or [::1]:8080\n"
     "E011 4:32+12 server.listen: 'localhost:80' is not an IP address and a port such as "
     "127.0.0.1:8080 or [::1]:8080\n"
     "E011 4:46+15 server.listen: '127.0.0.1:99999' is not an IP address and a port such as "
     "127.0.0.1:8080 or [::1]:8080"},
    {P "server: {listen: [127.0.0.1:80, 127.0.0.1:80], admin: 127.0.0.2:80}\n",
     "E034 4:33+12 server.listen '127.0.0.1:80' is the same address as server.listen "
     "'127.0.0.1:80'"},
    {P "server: {listen: 127.0.0.1:8081}\n",
     "E034 4:18+14 server.admin '127.0.0.1:8081' is the same address as server.listen "
     "'127.0.0.1:8081'"},
    {P "server: {listen: 0.0.0.0:80, admin: 0.0.0.0:81}\n",
     "W005 4:18+10 server.listen '0.0.0.0:80' is open to other machines, which are all refused as "
     "long as there is no keys section\n"
     "W005 4:37+10 server.admin '0.0.0.0:81' is open to other machines without protection"},
    {P "server: {tls: {cert: /does/not/exist}}\n",
     "E038 4:10+3 server.tls needs both cert and key; key is missing\n"
     "E041 4:22+15 server.tls.cert cannot be read: No such file or directory"},
    /* providers */
    {V "providers:\n  a: {type: opnai}\n  b: {}\n  c:\n  d: {type: openai}\n",
     "E016 3:13+5 providers.a.type cannot be 'opnai' | did you mean 'openai'? | allowed: TYPES\n"
     "E013 4:3+1 providers.b: 'type' is missing | write, for example, type: openai\n"
     "E013 5:3+1 providers.c: 'type' is missing | write, for example, type: openai\n"
     "E033 6:3+1 providers.d: type openai needs a key | write key: env:OPENAI_API_KEY"},
    {V "providers:\n  a: {type: vllm}\n",
     "E033 3:3+1 providers.a: type vllm has no address of its own | write endpoints: with its "
     "URL"},
    {V "providers:\n  a/b: {type: vllm, endpoints: \"http://h:1\"}\n  -c: {type: vllm, endpoints: "
       "\"http://h:1\"}\n",
     "E017 3:3+3 the name 'a/b' may hold letters, digits, '.', '_' and '-', and begins with a "
     "letter or digit\n"
     "E017 4:3+2 the name '-c' may hold letters, digits, '.', '_' and '-', and begins with a "
     "letter or digit"},
    {V "providers:\n  a:\n    type: vllm\n    endpoints: [ftp://h, \"http://\", http://u:p@h, "
       "http://h:0, http://h/?q, \"http://[::1\", https://h/v1, https://h/v1]\n",
     "E011 5:17+7 providers.a.endpoints: 'ftp://h' must begin with https:// or http://\n"
     "E011 5:26+9 providers.a.endpoints: 'http://' has no valid host name or address\n"
     "E011 5:37+12 providers.a.endpoints: 'http://***@h' must not hold a user or password\n"
     "E011 5:51+10 providers.a.endpoints: 'http://h:0' has a port that is not 1 to 65535\n"
     "E011 5:63+11 providers.a.endpoints: 'http://h/?q' must end before any '?' or '#'\n"
     "E011 5:76+13 providers.a.endpoints: 'http://[::1' lacks the ']' behind its address\n"
     "E032 5:105+12 providers.a.endpoints has 'https://h/v1' twice"},
    {V "providers:\n  a: {type: openai, key: env:KEY_A, endpoints: [\"http://10.0.0.1\", "
       "\"http://localhost:1\", \"http://h.example\", \"https://[fd00::1]\"]}\n"
       "  b: {type: vllm, endpoints: [\"http://10.0.0.1\", \"http://169.254.169.254/x\"]}\n"
       "  c: {type: openai, key: env:KEY_A, private: true, endpoints: \"http://10.0.0.1\"}\n",
     "E036 3:49+17 providers.a: 'http://10.0.0.1' is a private address; if that is meant, write "
     "private: "
     "true\n"
     "E036 3:68+20 providers.a: 'http://localhost:1' is a private address; if that is meant, write "
     "private: true\n"
     "W001 3:90+18 providers.a: 'http://h.example' is clear "
     "text; the key and all prompts can be "
     "read on the way\n"
     "E036 3:110+19 providers.a: 'https://[fd00::1]' is a "
     "private address; if that is meant, write "
     "private: "
     "true\n"
     "E036 4:50+26 providers.b: 'http://169.254.169.254/x' is "
     "an address that no provider may "
     "have"},
    {V "providers:\n  a: {type: vllm, endpoints: \"http://192.0.0.192\"}\n"
       "  b: {type: vllm, endpoints: \"http://[64:ff9b::a9fe:a9fe]\"}\n"
       "  c: {type: openai, key: env:KEY_A, endpoints: \"https://198.18.0.1\"}\n"
       "  d: {type: openai, key: env:KEY_A, endpoints: \"https://[2002:7f00:1::1]\"}\n"
       "  e: {type: vllm, endpoints: \"http://198.18.0.1\"}\n",
     "E036 3:30+20 providers.a: 'http://192.0.0.192' is an address that no provider may have\n"
     "E036 4:30+29 providers.b: 'http://[64:ff9b::a9fe:a9fe]' is an address that no provider may "
     "have\n"
     "E036 5:48+20 providers.c: 'https://198.18.0.1' is a private address; if that is meant, write "
     "private: true\n"
     "E036 6:48+26 providers.d: 'https://[2002:7f00:1::1]' is a private address; if that is meant, "
     "write private: true"},
    /* secrets */
    {V "providers:\n  a: {type: openai, key: [env:NO_SUCH, env:EMPTY, env:BROKEN, cred:x, "
       "file:/does/not/exist]}\n",
     "E040 3:27+11 secret env:NO_SUCH is not set\n"
     "E042 3:40+9 secret env:EMPTY is empty\n"
     ""
     "E042 3:51+10 secret env:BROKEN holds characters that no header can carry\n"
     "E040 3:63+6 secret cred:x is not set: the service manager passed no credentials\n"
     "E041 3:71+20 secret file:/does/not/exist cannot be read: No such file or directory"},
    {V "providers:\n  a: {type: openai, key: [sk-abc, OPENAI_API_KEY, \"${OPENAI_API_KEY}\", "
       "\"env:\", file:rel]}\n",
     "E043 3:27+6 providers.a.key must be a reference env:NAME, file:/absolute/path or cred:NAME; "
     "the secret itself does not belong in this file\n"
     "E043 3:35+14 providers.a.key must be a reference: write env: in front of the variable's "
     "name\n"
     "E043 3:51+19 providers.a.key must be a reference: write env: in front of the variable's "
     "name\n"
     "E043 3:72+6 providers.a.key is not a reference env:NAME, file:/absolute/path or cred:NAME\n"
     "E043 3:80+8 providers.a.key is not a reference env:NAME, file:/absolute/path or cred:NAME"},
    /* proxies, engines */
    {V "providers:\n  a: {type: openai, key: env:KEY_A, proxy_auth: env:AUTH}\n  b: {type: openai, "
       "key: env:KEY_A, proxy: \"http://u:p@h\"}\n  c: {type: openai, key: env:KEY_A, proxy: "
       "\"http://p:3128\", proxy_auth: env:NOCOLON}\n",
     "E038 3:49+8 providers.a: proxy_auth needs proxy\n"
     "E011 4:44+14 providers.b.proxy: 'http://***@h' must not hold a user or password; they go to "
     "proxy_auth\n"
     "E042 5:73+11 secret env:NOCOLON is not user:password"},
    {V "providers:\n  a: {type: openai, key: env:KEY_A, engine: {command: [/bin/true]}}\n"
       "  b: {type: vllm, endpoints: \"http://127.0.0.1:1\", engine: {command: [vllm, serve]}}\n"
       "  c: {type: vllm, endpoints: \"http://127.0.0.1:2\", engine: {command: []}}\n"
       "  d: {type: vllm, endpoints: \"http://127.0.0.1:3\", engine: {rdy: /x}}\n"
       "  e: {type: vllm, endpoints: \"http://127.0.0.1:4\", engine: {command: /bin/true}}\n",
     "E037 3:37+6 providers.a: type openai is a cloud provider; no engine can be started for it\n"
     "E037 4:71+4 providers.b.engine.command: 'vllm' must be an absolute path\n"
     "E037 5:70+1 providers.c.engine.command is empty\n"
     "E013 6:52+6 providers.d.engine: 'command' is missing | write, for example, command: "
     "[/usr/bin/llama-server, --model, /models/qwen3-4b.gguf, --port, \"8082\"]\n"
     "E012 6:61+3 unknown key 'rdy' in providers.d.engine | did you mean 'ready'?\n"
     "E010 7:70+9 providers.e.engine.command must be a list in [ ]"},
    /* models */
    {P "models:\n  smart: {tagrets: [o/x]}\n  code: {targets: [p/x, o/x, o/x, x, /x, o/]}\n"
       "  none: {targets: []}\n  o/gpt: {targets: o/gpt}\n  \"a b\": {targets: o/gpt}\n  \"*\": "
       "{targets: o/gpt}\n",
     "E012 5:11+7 unknown key 'tagrets' in models.smart | did you mean 'targets'?\n"
     "E031 6:20+3 models.code target 'p/x': no provider named 'p' | providers: o\n"
     "E032 6:30+3 models.code has the target 'o/x' twice\n"
     "E011 6:35+1 models.code.targets: 'x' is not a target "
     "provider/model such as openai/gpt-5\n"
     "E011 6:38+2 models.code.targets: '/x' is not a target "
     "provider/model such as openai/gpt-5\n"
     "E011 6:42+2 models.code.targets: 'o/' is not a target "
     "provider/model such as openai/gpt-5\n"
     "E014 7:19+1 models.none has no targets\n"
     "W002 8:3+5 models.o/gpt hides that model of the provider 'o'\n"
     "E017 9:3+5 the name 'a b' is not a model name of 1 to 128 "
     "characters without spaces\n"
     "E017 10:3+3 the name '*' must not hold '*'"},
    {V "providers:\n  anthropic: {type: anthropic, key: env:KEY_A}\n  vllm-eu: {type: vllm, "
       "endpoints: \"http://h:1\"}\nmodels: {code: {targets: vllm-eu2/qwen3}}\npass: antropic\n",
     "E031 5:26+14 models.code target 'vllm-eu2/qwen3': no provider named 'vllm-eu2' | did you "
     "mean 'vllm-eu'? | providers: anthropic, vllm-eu*\n"
     "E031 6:7+8 pass: no provider named 'antropic' | did you mean 'anthropic'? | providers: "
     "anthropic*, vllm-eu"},
    /* what fails together */
    {V "providers:\n  a: {type: openai, key: env:KEY_A}\n  b: {type: openai, key: env:KEY_A}\n"
       "models:\n  one: {targets: a/x}\n  same: {targets: [a/x, a/y]}\n"
       "  other: {targets: [a/x, a/y, b/x]}\n",
     "W011 7:20+3 models.same: all targets are of the provider 'a', and fail together | add a "
     "target of another provider\n"
     "W011 8:21+3 models.other: all targets are at the host 'api.openai.com', and fail together | "
     "add a target elsewhere"},
    {V "providers:\n  a: {type: vllm, endpoints: \"http://h:1/x\"}\n"
       "  b: {type: vllm, endpoints: \"http://h:1/y\"}\n"
       "  c: {type: vllm, endpoints: \"http://h:2\"}\n"
       "  d: {type: vllm, endpoints: [\"http://i:1\", \"http://j:1\"]}\n"
       "models:\n  same: {targets: [a/x, b/x]}\n  other: {targets: [a/x, c/x]}\n"
       "  many: {targets: [d/x, d/y]}\n",
     "W011 8:20+3 models.same: all targets are at the host 'h', and fail together | add a target "
     "elsewhere"},
    {V "providers:\n  a: {type: openai, key: env:KEY_A, endpoints: [\"https://h:1\", "
       "\"https://i:1\"]}\n"
       "  b: {type: openai, key: env:KEY_A, fate: none}\n"
       "models:\n  same: {targets: [a/x, a/y]}\n  other: {targets: [b/x, b/y]}\n",
     "W011 6:20+3 models.same: all targets go by the only key of 'a', and fail together | add a "
     "key, or a target of another provider"},
    {V "providers:\n  a: {type: vllm, endpoints: \"http://h:1\", region: x}\n"
       "  b: {type: vllm, endpoints: \"http://i:1\", region: x}\n"
       "  c: {type: vllm, endpoints: \"http://j:1\", region: y}\n"
       "models:\n  same: {targets: [a/x, b/x]}\n  other: {targets: [a/x, c/x]}\n",
     "W011 7:20+3 models.same: all targets are in one region of 'vllm x', and fail together | add "
     "a target in another region"},
    {V "providers:\n  a: {type: vllm, endpoints: \"http://h:1\", proxy: \"http://p:3\"}\n"
       "  b: {type: vllm, endpoints: \"http://i:1\", proxy: \"http://p:3\"}\n"
       "  c: {type: vllm, endpoints: \"http://j:1\", proxy: \"http://p:4\"}\n"
       "models:\n  same: {targets: [a/x, b/x]}\n  other: {targets: [a/x, c/x]}\n",
     "W011 7:20+3 models.same: all targets go through the proxy 'p', and fail together | add a "
     "target that is reached without it"},
    {V "providers:\n  a: {type: vllm, endpoints: \"http://h:1\", fate: rack}\n"
       "  b: {type: vllm, endpoints: \"http://i:1\"}\n"
       "models:\n  same: {targets: [a/x, {target: b/x, fate: rack}]}\n"
       "  other: {targets: [a/x, {target: b/x, fate: other}]}\n",
     "W011 6:20+3 models.same: all targets have the fate 'rack', and fail together | add a target "
     "with another one"},
    /* what has no effect */
    {V "providers:\n  a: {type: anthropic, key: env:KEY_A, terminal: done}\n"
       "  o: {type: openai, key: env:KEY_A, terminal: done}\n",
     "W010 3:50+4 providers.a.terminal has no effect: what ends a stream of type anthropic is "
     "never "
     "in doubt | leave it out"},
    {V "providers:\n  a: {type: openai, key: env:KEY_A}\n  b: {type: anthropic, key: env:KEY_A}\n"
       "  c: {type: tgi, endpoints: \"http://h:1\"}\npass: [b, c, a, b, d]\n",
     "W010 6:11+1 pass: 'c' has no effect: type tgi has none of the paths that pass through | "
     "leave "
     "it out; docs/providers.md lists who has which\n"
     "E032 6:17+1 pass has 'b' twice\n"
     "E031 6:20+1 pass: no provider named 'd' | providers: a, b, c"},
    {V "providers:\n  a: {type: openai, key: env:KEY_A}\n  b: {type: openai, key: env:KEY_A, tls: "
       "{ca: /none/b}}\n"
       "  c: {type: openai, key: env:KEY_A}\ndefaults: {tls: {ca: /none/all}}\n",
     "E041 4:47+7 providers.b.tls.ca cannot be read: No such file or directory\n"
     "E041 6:22+9 defaults.tls.ca cannot be read: No such file or directory"},
    /* keys */
    {P "keys:\n", "E035 4:1+4 keys is empty, so nobody could use the gateway; add a key, or leave "
                  "the section out"},
    {P "keys: {}\n", "E035 4:1+4 keys is empty, so nobody could use the gateway; add a key, or "
                     "leave the section out"},
    {P "models: {smart: {targets: o/x}}\nkeys:\n  a: {hash: secret-itself}\n  b: {models: [smrt, "
       "smart, o/any, \"x*\"], expires: 2027-02-29}\n  c: {hash: " HASH "}\n  d: {hash: " HASH
       "}\n",
     "E043 6:13+13 keys.a.hash must be sha256: and 64 hex digits\n"
     "E013 7:3+1 keys.b: 'hash' is missing | write, for example, hash: "
     "sha256:7f3a91d2c55e0b6a1f0f7b0c2f4e8d9a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e\n"
     "W003 7:16+4 keys.b.models: there is no model 'smrt' | did you mean 'smart'?\n"
     "E011 7:52+10 keys.b.expires: '2027-02-29' is not a date such as 2027-03-31 or "
     "2027-03-31T18:00:00Z\n"
     "E032 9:13+71 keys.d has the hash of keys.c"},
    {P "keys:\n  a:\n    hash: " HASH "\n    expires: 2027-03-31T18:00:00+01:00\n",
     "E011 7:14+25 keys.a.expires: '2027-03-31T18:00:00+01:00' is not a date such as 2027-03-31 or "
     "2027-03-31T18:00:00Z"},
    {P "keys:\n  a:\n    hash: " HASH "\n    expires: 2027-03-31T24:00:00Z\n",
     "E011 7:14+20 keys.a.expires: '2027-03-31T24:00:00Z' is not a date such as 2027-03-31 or "
     "2027-03-31T18:00:00Z"},
    /* a tree that is wrong in itself is still checked */
    {P "server: {drain: 1s, drain: 2}\nmodles: {}\n",
     "E005 4:21+5 key 'drain' stands twice; it is already on line 4\n"
     "E011 4:28+1 server.drain: '2' needs a unit: 2ms, 2s, 2m\n"
     "E012 5:1+6 unknown key 'modles' at the top level | did you mean 'models'?"},
};

/* The names of all provider types, as a list of choices shows them: long, and not the point. */
static void shorten_types(struct buf *out)
{
    struct span s = buf_span(out);
    char *from = memmem(out->p, s.n, "allowed: openai", 15);
    char *end;

    if (!from)
        return;
    end = strchr(from, '\n');
    if (!end)
        end = out->p + out->n - 1;
    memcpy(from + 9, "TYPES", 5);
    memmove(from + 14, end, (size_t)(out->p + out->n - end));
}

static void every_error_is_reported_at_once(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct buf out;
    struct err e;
    int wrong = 0, rc;

    UNUSED(state);
    buf_init(&out, 1U << 20);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        conf_report_init(r);
        rc = settings_load_with(&s, span_str(rows[i].text), SPAN_LIT("f"), PRICES, env, r, &e);
        assert_int_equal(rc, r->errors ? -1 : 0);
        dump_report(r, &out);
        shorten_types(&out);
        wrong += dump_differs(i, out.p, rows[i].want);
        settings_unref(&s);
        conf_report_fini(r);
    }
    assert_int_equal(wrong, 0);
    env_free(&env);
    mem_free(r);
    buf_fini(&out);
}

static const char full[] =
    "version: 1\n"
    "server:\n"
    "  listen: [\"127.0.0.1:80\", \"[::1]:80\"]\n"
    "  admin: 127.0.0.1:81\n"
    "  drain: 1m\n"
    "  workers: 3\n"
    "  user: lamplighter\n"
    "  client_half_close: allow\n"
    "  limits: {header: 16KiB, fields: 50, path: 4KiB, body: 1MiB, answer: 2MiB, memory: 32MiB,\n"
    "    connections: 1k, connections_per_ip: 10, requests_per_connection: 100,\n"
    "    streams_per_connection: 20}\n"
    "  timeout: {header: 1s, body_stall: 2s, idle: 3s, write_stall: 1.5s}\n"
    "reload: {slice: 12.5%, at_least: 5s, at_most: 1h, unproven: keep}\n"
    "providers:\n"
    "  cloud: {type: openai, key: [env:KEY_A, env:KEY_B], proxy: \"http://p:3128\",\n"
    "    proxy_auth: env:AUTH, no_proxy: [a, b], timeout: {total: 1m}, terminal: finish}\n"
    "  local: {type: vllm, endpoints: [\"http://127.0.0.1:8000/v1/\", \"https://h\"],\n"
    "    http: h2, api_version: 1.10, engine: {command: [/bin/x, -p, \"1\"], ready: /up}}\n"
    "defaults: {timeout: {connect: 2s, first_token: 30s}}\n"
    "models:\n"
    "  smart: {targets: [local/qwen/3, cloud/gpt-5]}\n"
    "  cheap: {targets: cloud/mini}\n"
    "keys:\n"
    "  team: {hash: \"" HASH "\", models: [smart, \"c*\"], expires: 2027-03-31}\n"
    "  all: {hash: "
    "sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef,\n"
    "    expires: 2000-02-29T23:59:59Z}\n"
    "pass: cloud\n"
    "telemetry: {log: {access: false, file: /var/log/x}}\n";

#define IS(span, text) assert_true(span_is(span, text))

static void check_server(const struct settings *s)
{
    char text[NET_ADDR_TEXT];

    assert_int_equal(s->server.listen_n, 2);
    assert_string_equal(net_addr_text(&s->server.listen[0], text), "127.0.0.1:80");
    assert_string_equal(net_addr_text(&s->server.listen[1], text), "[::1]:80");
    assert_string_equal(net_addr_text(&s->server.admin, text), "127.0.0.1:81");
    assert_int_equal(s->server.drain_ms, 60000);
    assert_int_equal(s->server.workers, 3);
    assert_string_equal(s->server.user.p, "lamplighter");
    assert_true(s->server.half_close_ok);
    assert_int_equal(s->server.limits.head_bytes, 16384);
    assert_int_equal(s->server.limits.fields, 50);
    assert_int_equal(s->server.limits.path_bytes, 4096);
    assert_int_equal(s->server.limits.body_bytes, 1 << 20);
    assert_int_equal(s->server.answer_bytes_max, 2 << 20);
    assert_int_equal(s->server.memory_bytes_max, 32 << 20);
    assert_int_equal(s->server.conns, 1000);
    assert_int_equal(s->server.conns_per_ip, 10);
    assert_int_equal(s->server.requests_per_conn, 100);
    assert_int_equal(s->server.streams_per_conn, 20);
    assert_int_equal(s->server.head_ms, 1000);
    assert_int_equal(s->server.body_stall_ms, 2000);
    assert_int_equal(s->server.idle_ms, 3000);
    assert_int_equal(s->server.write_stall_ms, 1500);
    assert_int_equal(s->reload.slice, 125000);
    assert_int_equal(s->reload.at_least_ms, 5000);
    assert_int_equal(s->reload.at_most_ms, 3600000);
    assert_int_equal(s->reload.unproven, SETTINGS_KEEP);
    assert_false(s->log.access);
    IS(s->log.file, "/var/log/x");
}

static void check_providers(const struct settings *s)
{
    const struct settings_provider *p = s->providers;

    assert_int_equal(s->providers_n, 2);
    IS(p[0].name, "cloud");
    assert_string_equal(p[0].type->name, "openai");
    assert_int_equal(p[0].urls_n, 1);
    assert_true(p[0].urls[0].tls);
    assert_int_equal(p[0].urls[0].port, 443);
    assert_int_equal(p[0].keys_n, 2);
    IS(p[0].keys[0].bytes, "a");
    IS(p[0].keys[0].name, "env:KEY_A");
    IS(p[0].keys[1].bytes, "b"); /* white space around it is no part of a key */
    assert_true(p[0].proxy.set);
    IS(p[0].proxy.url.host, "p");
    assert_int_equal(p[0].proxy.url.port, 3128);
    IS(p[0].proxy.auth.bytes, "user:pass");
    IS(p[0].proxy.no_proxy, "a,b");
    assert_int_equal(p[0].terminal, TERMINAL_FINISH);
    assert_false(p[0].allow_private);
    assert_int_equal(p[0].timeout.connect_ms, 2000);
    assert_int_equal(p[0].timeout.first_ms, 30000);
    assert_int_equal(p[0].timeout.idle_ms, 120000);
    assert_int_equal(p[0].timeout.total_ms, 60000);
    IS(p[1].urls[0].host, "127.0.0.1");
    IS(p[1].urls[0].path, "/v1");
    assert_true(span_has(p[1].urls[1].path) && p[1].urls[1].path.n == 0);
    assert_int_equal(p[1].urls[0].port, 8000);
    assert_int_equal(p[0].http, SETTINGS_HTTP_AUTO);
    assert_int_equal(p[1].http, SETTINGS_HTTP_2);
    assert_true(p[1].allow_private);
    assert_false(p[1].proxy.set);
    IS(p[1].api_version, "1.10");
    assert_int_equal(p[1].timeout.total_ms, 600000);
    assert_int_equal(s->engines_n, 1);
    assert_ptr_equal(s->engines[0].provider, &p[1]);
    assert_int_equal(s->engines[0].argv_n, 3);
    IS(s->engines[0].argv[2], "1");
    IS(s->engines[0].ready_path, "/up");
    assert_int_equal(s->pass_n, 1);
    assert_ptr_equal(s->pass[0], &p[0]);
}

static void a_file_becomes_its_values(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL, *again;
    struct env *env = NULL;
    struct buf out;
    struct err e;

    UNUSED(state);
    buf_init(&out, 1U << 20);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    conf_report_init(r);
    if (settings_load_with(&s, span_str(full), SPAN_LIT("full"), PRICES, env, r, &e) < 0) {
        dump_report(r, &out);
        fail_msg("%s: %s", e.text, out.p);
    }
    assert_int_equal(r->errors, 0);
    assert_int_equal(r->warnings, 0);
    check_server(s);
    check_providers(s);
    assert_int_equal(s->models_n, 2);
    IS(s->models[0].name, "smart"); /* as written, not as sorted */
    IS(s->models[0].targets[0].id, "local/qwen/3");
    IS(s->models[0].targets[0].model, "qwen/3");
    assert_ptr_equal(s->models[0].targets[0].provider, &s->providers[1]);
    assert_int_equal(s->keys_n, 2);
    assert_false(s->keys_open);
    assert_int_equal(s->keys[0].sha256[0], 0x01);
    assert_int_equal(s->keys[0].sha256[31], 0xef);
    assert_int_equal(s->keys[0].models_n, 2);
    assert_true(s->keys[0].expires_ms == UINT64_C(1806537600000)); /* 2027-04-01T00:00Z */
    IS(s->keys[1].models[0], "*");
    assert_true(s->keys[1].expires_ms == UINT64_C(951868799000));
    IS(s->source, "full");
    assert_true(s->id != 0);
    again = settings_ref(s);
    settings_unref(&again);
    assert_null(again);
    IS(s->source, "full");
    settings_unref(&s);
    env_free(&env);
    conf_report_fini(r);
    mem_free(r);
    buf_fini(&out);
}

/* The most engines, and one more. */
static void engines_have_a_bound(void **state)
{
    static const char *const none[] = {NULL};
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct buf text, out;
    struct err e;

    UNUSED(state);
    buf_init(&text, 1U << 20);
    buf_init(&out, 1U << 20);
    assert_int_equal(env_new_table(&env, none, &e), 0);
    for (int n = SETTINGS_ENGINES_MAX; n <= SETTINGS_ENGINES_MAX + 1; n++) {
        buf_reset(&text);
        buf_add_str(&text, V "providers:\n");
        for (int i = 1; i <= n; i++)
            buf_printf(&text,
                       "  e%d: {type: vllm, endpoints: \"http://h:%d\", engine: {command: [/x]}}\n",
                       i, i);
        conf_report_init(r);
        assert_int_equal(settings_load(&s, buf_span(&text), SPAN_LIT("f"), env, r, &e),
                         n > SETTINGS_ENGINES_MAX ? -1 : 0);
        dump_report(r, &out);
        if (n > SETTINGS_ENGINES_MAX)
            assert_string_equal(out.p,
                                "E015 35:47+6 providers.e33.engine is one too many; the most "
                                "is 32");
        else
            assert_int_equal(s->engines_n, SETTINGS_ENGINES_MAX);
        settings_unref(&s);
        conf_report_fini(r);
    }
    env_free(&env);
    mem_free(r);
    buf_fini(&text);
    buf_fini(&out);
}

#define PICO UINT64_C(1000000) /* of a millionth of a dollar */

/* Own ones go before those of all; whoever has none is held by none. */
static void caps_are_inherited(void **state)
{
    static const struct {
        const char *text;
        uint64_t all, own, extra, key;
        bool limits;
    } caps[] = {
        {P "models: {m: {targets: o/m}}\nkeys: {k: {hash: \"" HASH "\"}}\n", UINT64_MAX, UINT64_MAX,
         UINT64_MAX, UINT64_MAX, true},
        {P "defaults: {cost_max: 0.5, extra_cost_max: 2, rate_limits: false}\n"
           "models: {m: {targets: o/m}}\nkeys: {k: {hash: \"" HASH "\", cost_max: 0.000001}}\n",
         500000 * PICO, 500000 * PICO, 2000000 * PICO, PICO, false},
        {P "defaults: {cost_max: 0.5, extra_cost_max: 2, rate_limits: false}\n"
           "models: {m: {targets: o/m, cost_max: 1000000, extra_cost_max: 0, rate_limits: true}}\n"
           "keys: {k: {hash: \"" HASH "\", cost_max: 0}}\n",
         500000 * PICO, 1000000000000 * PICO, 0, 0, true},
    };
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct err e;

    UNUSED(state);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        conf_report_init(r);
        assert_int_equal(
            settings_load_with(&s, span_str(caps[i].text), SPAN_LIT("f"), PRICES, env, r, &e), 0);
        assert_true(s->cost_max == caps[i].all);
        assert_true(s->models[0].cost_max == caps[i].own);
        assert_true(s->models[0].extra_cost_max == caps[i].extra);
        assert_true(s->keys[0].cost_max == caps[i].key);
        assert_int_equal(s->models[0].rules.limits, caps[i].limits);
        settings_unref(&s);
        conf_report_fini(r);
    }
    env_free(&env);
    mem_free(r);
}

static void names_are_resolved(void **state)
{
    static const struct {
        const char *name, *model, *id, *upstream;
    } names[] = {
        {"smart", "smart", NULL, NULL},
        {"cheap", "cheap", NULL, NULL},
        {"smar", NULL, NULL, NULL},
        {"smartx", NULL, NULL, NULL},
        {"cloud/anything/else", NULL, "cloud/anything/else", "anything/else"},
        {"cloud/", NULL, NULL, NULL},
        {"/x", NULL, NULL, NULL},
        {"nowhere/x", NULL, NULL, NULL},
        {"gpt-5", NULL, "cloud/gpt-5", "gpt-5"},
        {"claude-sonnet-4-5", NULL, NULL, NULL}, /* no such provider here */
        {"", NULL, NULL, NULL},
    };
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct settings_plan plan;
    struct env *env = NULL;
    struct err e;
    int rc;

    UNUSED(state);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    conf_report_init(r);
    assert_int_equal(settings_load_with(&s, span_str(full), SPAN_LIT("f"), PRICES, env, r, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        rc = settings_resolve(&plan, s, span_str(names[i].name));
        assert_int_equal(rc, names[i].model || names[i].id ? 0 : -1);
        if (names[i].model)
            IS(plan.model->name, names[i].model);
        if (names[i].id) {
            assert_null(plan.model);
            IS(plan.one.id, names[i].id);
            IS(plan.one.model, names[i].upstream);
            assert_ptr_equal(plan.one.provider, &s->providers[0]);
        }
    }
    settings_unref(&s);
    env_free(&env);
    conf_report_fini(r);
    mem_free(r);
}

static void the_report_is_drawn_with_carets(void **state)
{
    static const char text[] = "version: 1\r\nproviders:\r\n  o: {type: opnai, key: sk-abcdef}\r\n"
                               "models:\r\n  s: {tagrets: []}\r\n";
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct buf out;
    struct err e;

    UNUSED(state);
    buf_init(&out, 1U << 20);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    conf_report_init(r);
    assert_int_equal(settings_load(&s, span_str(text), SPAN_LIT("dir/f.yaml"), env, r, &e), -1);
    assert_string_equal(e.text, "dir/f.yaml: 3 errors");
    conf_report_text(r, &out, false);
    buf_add_char(&out, '\0');
    assert_null(strstr(out.p, "abcdef")); /* a secret is not shown, wherever it stands */
    assert_non_null(strstr(out.p, "error[E016]: providers.o.type cannot be 'opnai'\n"
                                  " --> dir/f.yaml:3:13\n"
                                  "  |\n"
                                  "3 |   o: {type: opnai, key: *********}\n"
                                  "  |             ^^^^^ did you mean 'openai'?\n"
                                  "  = allowed: openai (closest), "));
    assert_non_null(strstr(out.p, "error[E012]: unknown key 'tagrets' in models.s\n"
                                  " --> dir/f.yaml:5:7\n"
                                  "  |\n"
                                  "5 |   s: {tagrets: []}\n"
                                  "  |       ^^^^^^^ did you mean 'targets'?\n"
                                  "3 errors, 0 warnings\n"));
    buf_reset(&out);
    conf_report_json(r, &out);
    buf_add_char(&out, '\0');
    assert_non_null(strstr(out.p, "{\"severity\":\"error\",\"code\":\"E012\",\"text\":\"unknown "
                                  "key 'tagrets' in models.s\",\"file\":\"dir/f.yaml\",\"line\":5,"
                                  "\"column\":7,\"width\":7,\"note\":\"did you mean "
                                  "'targets'?\"}\n{\"errors\":3,\"warnings\":0}\n"));
    env_free(&env);
    conf_report_fini(r);
    mem_free(r);
    buf_fini(&out);
}

/* Long lines are cut around the place, and no byte reaches the terminal that could steer it. */
static void long_and_wild_lines_are_tamed(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct buf text, out;
    struct env *env = NULL;
    struct err e;

    UNUSED(state);
    buf_init(&text, 1U << 20);
    buf_init(&out, 1U << 20);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    buf_add_str(&text, "version: 1\nx-pad: {a: ");
    for (int i = 0; i < 1000; i++)
        buf_add_char(&text, 'a');
    buf_add_str(&text, "\x1b[31m, b: c}\n");
    conf_report_init(r);
    assert_int_equal(settings_load(&s, buf_span(&text), SPAN_LIT("f"), env, r, &e), -1);
    conf_report_text(r, &out, false);
    buf_add_char(&out, '\0');
    assert_null(strchr(out.p, '\x1b'));
    assert_non_null(strstr(out.p, "E002"));
    assert_non_null(strstr(out.p, "aaa?[31m, b: c}\n"));
    assert_true(out.n < 600);
    conf_report_fini(r);
    mem_free(r);
    env_free(&env);
    buf_fini(&text);
    buf_fini(&out);
}

static void every_failed_allocation_is_survived(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    size_t at;
    struct err e;
    int rc;

    UNUSED(state);
    for (at = 1;; at++) {
        mem_torture(at, false);
        rc = env_new_table(&env, vars, &e);
        conf_report_init(r);
        if (rc == 0)
            rc = settings_load_with(&s, span_str(full), SPAN_LIT("f"), PRICES, env, r, &e);
        if (!mem_torture_hit()) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -1);
        assert_int_equal(e.code, ERR_NOMEM);
        assert_null(s);
        conf_report_fini(r);
        env_free(&env);
    }
    mem_torture(0, false);
    assert_true(at > 10);
    settings_unref(&s);
    conf_report_fini(r);
    env_free(&env);
    /* and of a file full of errors */
    for (at = 1;; at++) {
        mem_torture(0, false);
        assert_int_equal(env_new_table(&env, vars, &e), 0);
        mem_torture(at, false);
        conf_report_init(r);
        rc = settings_load(&s, SPAN_LIT(P "modles: {}\nserver: {drain: 1, tls: {cert: /x}}\n"),
                           SPAN_LIT("f"), env, r, &e);
        assert_int_equal(rc, -1);
        conf_report_fini(r);
        env_free(&env);
        if (!mem_torture_hit())
            break;
        assert_int_equal(e.code, ERR_NOMEM);
    }
    mem_torture(0, false);
    mem_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_is_reported_at_once),
        cmocka_unit_test(a_file_becomes_its_values),
        cmocka_unit_test(engines_have_a_bound),
        cmocka_unit_test(caps_are_inherited),
        cmocka_unit_test(names_are_resolved),
        cmocka_unit_test(the_report_is_drawn_with_carets),
        cmocka_unit_test(long_and_wild_lines_are_tamed),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
