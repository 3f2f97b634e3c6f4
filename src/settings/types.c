/*
 * types.c - see types.h. Readers of single values; what needs two values is in the build files.
 */
#include "settings/types.h"

#include "base/date.h"
#include "net/addr.h"

#define URL_MAX  1024
#define HOST_MAX 253

static bool printable_word(struct span s, size_t most)
{
    if (s.n == 0 || s.n > most)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7F)
            return false;
    return true;
}

static bool alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool only(struct span s, const char *more)
{
    for (size_t i = 0; i < s.n; i++)
        if (!alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(more, s.p[i])))
            return false;
    return s.n > 0;
}

/* ---- version, words ---- */

static const char *version_word(size_t i)
{
    return i == 0 ? "1" : NULL;
}

static const char *terminal_word(size_t i)
{
    static const char *const words[] = {"done", "finish"}; /* enum dialect_terminal */

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *http_word(size_t i)
{
    static const char *const words[] = {"auto", "h1", "h2"}; /* enum settings_http */

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *close_word(size_t i)
{
    static const char *const words[] = {"gone", "allow"};

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *strategy_word(size_t i)
{
    static const char *const words[] = {"ordered", "spread", "fastest", "cheapest",
                                        "weighted"}; /* enum route_strategy */

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *go_on_word(size_t i)
{
    static const char *const words[] = {"off", "family", "any", "instruct",
                                        "replay"}; /* enum settings_go_on */

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *unproven_word(size_t i)
{
    static const char *const words[] = {"hold", "back", "keep"}; /* enum settings_unproven */

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *content_word(size_t i)
{
    static const char *const words[] = {"final", "next"};

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *prefer_word(size_t i)
{
    static const char *const words[] = {"family", "same-region", "nobody"};

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const struct {
    const char *word;
    uint32_t cap;
}
    requires[
] = {
        {"tools", CAP_TOOLS},    {"images", CAP_VISION},   {"json_schema", CAP_JSON_SCHEMA},
        {"streams", CAP_STREAM}, {"prefill", CAP_PREFILL},
};

static const char *require_word(size_t i)
{
    return i < ARRAY_LEN(requires) ?
                                   requires[
                                           i]
                                       .word
                                   : NULL;
}

uint32_t types_required(uint64_t num)
{
    MUST(num < ARRAY_LEN(requires));
    return
        requires[
                num]
            .cap;
}

static const char *training_word(size_t i)
{
    static const char *const words[] = {"no", "yes"};

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *filter_word(size_t i)
{
    static const char *const words[] = {"provider", "none"};

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *safety_word(size_t i)
{
    static const char *const words[] = {"any", "required"};

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *unknown_word(size_t i)
{
    static const char *const words[] = {"warn", "block"};

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *cloud_word(size_t i)
{
    static const char *const words[] = {"static", "aws", "google", "azure"}; /* enum types_kind */

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

static const char *provider_word(size_t i)
{
    const struct provider *p = provider_at(i);

    return p ? p->name : NULL;
}

/* ---- addresses and URLs ---- */

static int read_address(struct span text, uint64_t *ret, struct err *e)
{
    struct net_addr addr;

    *ret = 0;
    if (net_addr_parse(&addr, text, e) == 0)
        return 0;
    e->text[0] = '\0'; /* the general sentence has an example */
    return -1;
}

static int read_port(struct span text, uint16_t *ret)
{
    uint64_t v;

    if (span_u64(text, &v) < 0 || v == 0 || v > UINT16_MAX || text.n > 5)
        return -1;
    *ret = (uint16_t)v;
    return 0;
}

static bool host_ok(struct span host, bool bracketed)
{
    struct net_addr a;

    if (host.n == 0 || host.n > HOST_MAX)
        return false;
    if (!bracketed)
        return only(host, ".-_") && host.p[0] != '.' && host.p[0] != '-';
    return net_addr_ip_parse(&a, host, 0) == 0 && a.u.any.sa_family == AF_INET6;
}

/* host[:port] or [host][:port] */
static int url_host(struct settings_url *u, struct span rest, struct err *e)
{
    bool bracketed = rest.n > 0 && rest.p[0] == '[';
    size_t end = span_find(rest, bracketed ? ']' : ':');
    struct span port = {NULL, 0};

    if (bracketed) {
        if (end == SIZE_MAX)
            return err_set(e, ERR_PARSE, "lacks the ']' behind its address");
        u->host = span_of(rest.p + 1, end - 1);
        if (end + 1 < rest.n)
            port = span_of(rest.p + end + 1, rest.n - end - 1);
        if (span_has(port) && port.p[0] != ':')
            return err_set(e, ERR_PARSE, "has something other than a port behind ']'");
        if (span_has(port))
            port = span_of(port.p + 1, port.n - 1);
    } else {
        u->host = rest;
        if (end != SIZE_MAX) {
            u->host = span_of(rest.p, end);
            port = span_of(rest.p + end + 1, rest.n - end - 1);
        }
    }
    u->port = u->tls ? 443 : 80;
    if (span_has(port) && read_port(port, &u->port) < 0)
        return err_set(e, ERR_PARSE, "has a port that is not 1 to 65535");
    if (!host_ok(u->host, bracketed))
        return err_set(e, ERR_PARSE, "has no valid host name or address");
    return 0;
}

int types_read_url(struct settings_url *ret, struct span text, struct err *e)
{
    struct settings_url u = {.text = text};
    struct span rest;
    size_t slash;

    if (!printable_word(text, URL_MAX))
        return err_set(e, ERR_PARSE, "is not a URL of 1 to %d characters without spaces", URL_MAX);
    u.tls = span_starts(text, SPAN_LIT("https://"));
    if (!u.tls && !span_starts(text, SPAN_LIT("http://")))
        return err_set(e, ERR_PARSE, "must begin with https:// or http://");
    rest = span_of(text.p + (u.tls ? 8 : 7), text.n - (u.tls ? 8 : 7));
    if (span_find(text, '@') != SIZE_MAX)
        return err_set(e, ERR_PARSE, "must not hold a user or password");
    if (span_find(text, '?') != SIZE_MAX || span_find(text, '#') != SIZE_MAX)
        return err_set(e, ERR_PARSE, "must end before any '?' or '#'");
    slash = span_find(rest, '/');
    u.path = span_of("", 0);
    if (slash != SIZE_MAX) {
        u.path = span_of(rest.p + slash, rest.n - slash);
        rest.n = slash;
    }
    while (u.path.n && u.path.p[u.path.n - 1] == '/')
        u.path.n--;
    if (url_host(&u, rest, e) < 0)
        return -1;
    *ret = u;
    return 0;
}

static int read_url(struct span text, uint64_t *ret, struct err *e)
{
    struct settings_url u;

    *ret = 0;
    return types_read_url(&u, text, e);
}

static int read_proxy(struct span text, uint64_t *ret, struct err *e)
{
    struct settings_url u;

    *ret = span_is(text, "none");
    if (*ret)
        return 0;
    if (types_read_url(&u, text, e) == 0)
        return 0;
    if (span_find(text, '@') != SIZE_MAX)
        err_set(e, ERR_PARSE, "must not hold a user or password; they go to proxy_auth");
    return -1;
}

static int read_url_path(struct span text, uint64_t *ret, struct err *e)
{
    UNUSED(e);
    *ret = 0;
    return printable_word(text, URL_MAX) && text.p[0] == '/' ? 0 : -1;
}

/* A region stands in a host's name, both stand in paths. */
static int read_place(struct span text, uint64_t *ret, struct err *e)
{
    UNUSED(e);
    *ret = 0;
    return only(text, "-") && alnum(text.p[0]) && text.n <= 63 ? 0 : -1;
}

enum types_host types_host_kind(struct span host)
{
    static const enum types_host kinds[] = {
        [NET_ADDR_PUBLIC] = HOST_PUBLIC,       [NET_ADDR_PRIVATE] = HOST_PRIVATE,
        [NET_ADDR_LOOPBACK] = HOST_LOOPBACK,   [NET_ADDR_LINK_LOCAL] = HOST_PRIVATE,
        [NET_ADDR_METADATA] = HOST_FORBIDDEN,  [NET_ADDR_UNSPECIFIED] = HOST_FORBIDDEN,
        [NET_ADDR_MULTICAST] = HOST_FORBIDDEN,
    };
    struct net_addr a;

    if (span_eq_nocase(host, SPAN_LIT("localhost")) || span_ends(host, SPAN_LIT(".localhost")))
        return HOST_LOOPBACK;
    if (span_eq_nocase(host, SPAN_LIT("metadata.google.internal")))
        return HOST_FORBIDDEN;
    return net_addr_ip_parse(&a, host, 0) < 0 ? HOST_NAME : kinds[net_addr_class(&a)];
}

/* ---- secrets and hashes ---- */

static bool env_name(struct span s)
{
    return only(s, "_") && !(s.p[0] >= '0' && s.p[0] <= '9');
}

/* Somebody wrote the variable's name without "env:". Only what clearly is a name is repeated in
 * a message: the text may as well be the secret. */
static bool forgot_env(struct span s)
{
    if (s.n && s.p[0] == '$')
        s = span_of(s.p + 1, s.n - 1);
    if (s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}')
        s = span_of(s.p + 1, s.n - 2);
    return env_name(s) && s.n < 64 &&
           (span_contains(s, SPAN_LIT("_KEY")) || span_contains(s, SPAN_LIT("_TOKEN")));
}

static int read_secret(struct span text, uint64_t *ret, struct err *e)
{
    static const struct {
        const char *begin;
        enum types_source source;
    } kinds[] = {{"env:", SOURCE_ENV}, {"file:", SOURCE_FILE}, {"cred:", SOURCE_CRED}};
    struct span rest;
    bool ok;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!span_starts(text, span_str(kinds[i].begin)))
            continue;
        rest = span_of(text.p + strlen(kinds[i].begin), text.n - strlen(kinds[i].begin));
        *ret = kinds[i].source;
        if (kinds[i].source == SOURCE_ENV)
            ok = env_name(rest);
        else if (kinds[i].source == SOURCE_FILE)
            ok = printable_word(rest, URL_MAX) && rest.p[0] == '/';
        else
            ok = only(rest, "._-") && rest.p[0] != '.';
        if (ok)
            return 0;
        return err_set(e, ERR_PARSE,
                       "is not a reference env:NAME, file:/absolute/path or "
                       "cred:NAME");
    }
    if (forgot_env(text))
        return err_set(e, ERR_PARSE,
                       "must be a reference: write env: in front of the "
                       "variable's name");
    return err_set(e, ERR_PARSE,
                   "must be a reference env:NAME, file:/absolute/path or cred:NAME; "
                   "the secret itself does not belong in this file");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int types_read_hash(uint8_t ret[32], struct span text)
{
    int high, low;

    if (text.n != 7 + 64 || !span_starts(text, SPAN_LIT("sha256:")))
        return -1;
    for (size_t i = 0; i < 32; i++) {
        high = hex_digit(text.p[7 + 2 * i]);
        low = hex_digit(text.p[8 + 2 * i]);
        if (high < 0 || low < 0)
            return -1;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static int read_hash(struct span text, uint64_t *ret, struct err *e)
{
    uint8_t bytes[32];

    UNUSED(e);
    *ret = 0;
    return types_read_hash(bytes, text);
}

/* ---- dates ---- */

/* "2027-03-31": until that day ends; "2027-03-31T18:00:00Z": until then. UTC. */
static int read_date(struct span text, uint64_t *ret, struct err *e)
{
    char begins[] = "yyyy-mm-ddT00:00:00Z";
    uint64_t us, behind_ms = 0;

    UNUSED(e);
    if (text.n == 10) {
        memcpy(begins, text.p, text.n);
        text = span_str(begins);
        behind_ms = 86400000;
    }
    if (text.n != 20 || date_read(text, &us) < 0)
        return -1;
    *ret = us / 1000 + behind_ms;
    return 0;
}

/* ---- models ---- */

static int read_model(struct span text, uint64_t *ret, struct err *e)
{
    *ret = 0;
    if (!printable_word(text, DIALECT_MODEL_MAX))
        return -1;
    if (span_find(text, '*') != SIZE_MAX)
        return err_set(e, ERR_PARSE, "must not hold '*'");
    return 0;
}

static int read_models(struct span text, uint64_t *ret, struct err *e)
{
    UNUSED(e);
    *ret = 0;
    return printable_word(text, DIALECT_MODEL_MAX) ? 0 : -1;
}

static int read_target(struct span text, uint64_t *ret, struct err *e)
{
    size_t slash = span_find(text, '/');

    *ret = slash;
    if (slash == SIZE_MAX || slash == 0 || slash + 1 == text.n)
        return -1;
    if (!printable_word(span_of(text.p + slash + 1, text.n - slash - 1), DIALECT_MODEL_MAX))
        return err_set(e, ERR_PARSE, "has a model name with spaces, or of more than %d bytes",
                       DIALECT_MODEL_MAX);
    return 0;
}

static int read_priced(struct span text, uint64_t *ret, struct err *e)
{
    uint64_t unused;

    if (read_target(text, ret, e) < 0)
        return -1;
    if (conf_name.parse(span_of(text.p, (size_t)*ret), &unused, e) == 0)
        return 0;
    return err_set(e, ERR_PARSE, "has a provider that is no name or type of one");
}

static int read_workers(struct span text, uint64_t *ret, struct err *e)
{
    *ret = 0;
    if (span_is(text, "auto"))
        return 0;
    if (conf_count.parse(text, ret, e) < 0 || *ret == 0)
        return -1;
    return 0;
}

static int read_retention(struct span text, uint64_t *ret, struct err *e)
{
    *ret = 0;
    return span_is(text, "none") ? 0 : conf_duration.parse(text, ret, e);
}

const struct conf_type types_version = {
    .name = "version",
    .what = "a version of the format",
    .schema = "{\"const\":1}",
    .word = version_word,
};
const struct conf_type types_address = {
    .name = "address",
    .what = "an IP address and a port such as 127.0.0.1:8080 or [::1]:8080",
    .schema = "{\"type\":\"string\",\"pattern\":\":[0-9]+$\"}",
    .parse = read_address,
};
const struct conf_type types_url = {
    .name = "URL",
    .what = "a URL such as https://api.example.com/v1",
    .schema = "{\"type\":\"string\",\"pattern\":\"^https?://[^@?#]+$\"}",
    .parse = read_url,
};
const struct conf_type types_proxy = {
    .name = "URL or none",
    .what = "a proxy's URL such as http://proxy.example.com:3128, or none",
    .schema = "{\"type\":\"string\",\"pattern\":\"^(none|https?://[^@?#]+)$\"}",
    .parse = read_proxy,
};
const struct conf_type types_secret = {
    .name = "secret",
    .what = "a reference env:NAME, file:/absolute/path or cred:NAME",
    .schema = "{\"type\":\"string\",\"pattern\":\"^(env:|file:/|cred:)\"}",
    .secret = true,
    .parse = read_secret,
};
const struct conf_type types_hash = {
    .name = "hash",
    .what = "sha256: and 64 hex digits",
    .schema = "{\"type\":\"string\",\"pattern\":\"^sha256:[0-9a-fA-F]{64}$\"}",
    .secret = true, /* some will put the key itself there */
    .parse = read_hash,
};
const struct conf_type types_date = {
    .name = "date",
    .what = "a date such as 2027-03-31 or 2027-03-31T18:00:00Z",
    .schema = "{\"type\":\"string\",\"pattern\":"
              "\"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$\"}",
    .parse = read_date,
};
const struct conf_type types_target = {
    .name = "target",
    .what = "a target provider/model such as openai/gpt-5",
    .schema = "{\"type\":\"string\",\"pattern\":\"^[^/ ]+/[^ ]+$\"}",
    .parse = read_target,
};
const struct conf_type types_model = {
    .name = "model name",
    .what = "a model name of 1 to 128 characters without spaces",
    .schema = "{\"type\":\"string\",\"pattern\":\"^[^ *]{1,128}$\"}",
    .parse = read_model,
};
const struct conf_type types_models = {
    .name = "model pattern",
    .what = "a model name in which '*' stands for anything",
    .schema = "{\"type\":\"string\",\"pattern\":\"^[^ ]{1,128}$\"}",
    .parse = read_models,
};
const struct conf_type types_priced = {
    .name = "priced model",
    .what = "a target provider/model, in whose model '*' stands for anything",
    .schema = "{\"type\":\"string\",\"pattern\":\"^[^/ ]+/[^ ]+$\"}",
    .parse = read_priced,
};
const struct conf_type types_strategy = {
    .name = "word",
    .what = "ordered, spread, fastest, cheapest or weighted",
    .word = strategy_word,
};
const struct conf_type types_go_on = {
    .name = "word",
    .what = "off, family, any, instruct or replay",
    .word = go_on_word,
};
const struct conf_type types_content = {
    .name = "word",
    .what = "final or next",
    .word = content_word,
};
const struct conf_type types_prefer = {
    .name = "word",
    .what = "family, same-region or nobody",
    .word = prefer_word,
};
const struct conf_type types_require = {
    .name = "word",
    .what = "tools, images, json_schema, streams or prefill",
    .word = require_word,
};
const struct conf_type types_retention = {
    .name = "duration or none",
    .what = "none, or a duration such as 30d",
    .schema = "{\"type\":\"string\",\"pattern\":\"^(none|[0-9]+(\\\\.[0-9]+)?(ms|s|m|h|d))$\"}",
    .parse = read_retention,
};
const struct conf_type types_training = {
    .name = "word",
    .what = "no or yes",
    .word = training_word,
};
const struct conf_type types_filter = {
    .name = "word",
    .what = "provider or none",
    .word = filter_word,
};
const struct conf_type types_safety = {
    .name = "word",
    .what = "any or required",
    .word = safety_word,
};
const struct conf_type types_unknown = {
    .name = "word",
    .what = "warn or block",
    .word = unknown_word,
};
const struct conf_type types_unproven = {
    .name = "word",
    .what = "hold, back or keep",
    .word = unproven_word,
};
const struct conf_type types_workers = {
    .name = "auto or count",
    .what = "auto, or a number of processes",
    .schema = "{\"anyOf\":[{\"const\":\"auto\"},{\"type\":\"integer\",\"minimum\":1}]}",
    .parse = read_workers,
};
const struct conf_type types_provider = {
    .name = "provider type",
    .what = "a type of provider",
    .word = provider_word,
};
const struct conf_type types_terminal = {
    .name = "word",
    .what = "done or finish",
    .word = terminal_word,
};
const struct conf_type types_close = {
    .name = "word",
    .what = "gone or allow",
    .word = close_word,
};
const struct conf_type types_http = {
    .name = "word",
    .what = "auto, h1 or h2",
    .word = http_word,
};
const struct conf_type types_url_path = {
    .name = "URL path",
    .what = "a path such as /health",
    .schema = "{\"type\":\"string\",\"pattern\":\"^/\"}",
    .parse = read_url_path,
};
const struct conf_type types_place = {
    .name = "place",
    .what = "a region or a project of letters, digits and '-', at most 63 characters",
    .schema = "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$\"}",
    .parse = read_place,
};
const struct conf_type types_cloud = {
    .name = "word",
    .what = "static, aws, google or azure",
    .word = cloud_word,
};
