/*
 * provider_path.c - any method and path of a client, the path that a provider is asked under, and
 * AWS's signature of it.
 *
 * Two bytes choose the provider's row and the rest of what is asked; then method, path, model and
 * query, each to the next line end. Must hold: a path that is known does not climb, and what a
 * provider is asked under begins with its base, does not climb either and holds no byte that ends a
 * request line; the signature does not depend on the order of the fields.
 */
#include "base/buf.h"
#include "provider/provider.h"
#include "provider/sigv4.h"

#define OUT_MAX ((size_t)1 << 20)
#define LEN_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_path(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0 && s.p[0] == '/';
}

/* Naively: a segment that is "..", written out or escaped in any way. */
static bool climbs(struct span path)
{
    while (span_has(path)) {
        struct span s = span_cut(&path, '/');
        size_t dots = 0, at = 0;

        while (at < s.n) {
            if (s.p[at] == '.')
                at += 1;
            else if (s.n - at >= 3 && s.p[at] == '%' && s.p[at + 1] == '2' &&
                     (s.p[at + 2] | 0x20) == 'e')
                at += 3;
            else
                break;
            dots++;
        }
        if (dots == 2 && at == s.n)
            return true;
    }
    return false;
}

static const struct provider *row(uint8_t which)
{
    size_t n = 0;

    while (provider_at(n))
        n++;
    return provider_at(which % n);
}

static void sign(struct span method, struct span path, struct span value)
{
    struct sigv4_field fields[] = {{SPAN_LIT("host"), SPAN_LIT("h")},
                                   {SPAN_LIT("x-amz-date"), SPAN_LIT("20260101T000000Z")},
                                   {SPAN_LIT("x-amz"), SPAN_LIT("a name that another begins with")},
                                   {SPAN_LIT("content-type"), value}};
    struct sigv4_field turned[] = {fields[3], fields[2], fields[1], fields[0]};
    struct sigv4_request q = {method, path, fields, ARRAY_LEN(fields), "0123"};
    struct sigv4_key key = {SPAN_LIT("id"), SPAN_LIT("secret"), SPAN_LIT("r"), SPAN_LIT("s")};
    struct buf one, two;
    struct err e;
    int rc;

    buf_init(&one, OUT_MAX);
    buf_init(&two, OUT_MAX);
    rc = sigv4_sign(&one, &q, &key, "20260101T000000Z", &e);
    MUST(rc == 0 || e.code == ERR_LIMIT);
    q.fields = turned;
    MUST(sigv4_sign(&two, &q, &key, "20260101T000000Z", &e) == rc);
    MUST(rc < 0 || span_eq(buf_span(&one), buf_span(&two)));
    buf_fini(&one);
    buf_fini(&two);
}

static void ask_provider(const struct provider *p, struct provider_ask *ask)
{
    static const struct span bases[] = {SPAN_LIT(""), SPAN_LIT("/v1"), SPAN_LIT("/a/b")};

    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        struct span base = bases[i];
        struct buf out;

        buf_init(&out, OUT_MAX);
        if (provider_path(&out, p, ask, base) == 0) {
            MUST(buf_ok(&out) && is_path(buf_span(&out)) && !climbs(buf_span(&out)));
            MUST(i != 2 || span_starts(buf_span(&out), base));
            sign(SPAN_LIT("POST"), buf_span(&out), SPAN_LIT("application/json"));
        } else {
            MUST(out.n == 0);
        }
        buf_fini(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span rest, method, path, model;
    const struct provider_op_row *op;
    struct provider_ask ask;
    bool known;

    if (len < 2 || len > LEN_MAX)
        return 0;
    rest = span_of((const char *)data + 2, len - 2);
    method = span_cut(&rest, '\n');
    path = span_cut(&rest, '\n');
    model = span_cut(&rest, '\n');
    if (!is_path(path))
        return 0;
    op = provider_op_find(method, path, &known);
    MUST(!op || known);
    if (op) {
        MUST(!climbs(path));
        MUST(!span_has(provider_op_rest(op, path)) ||
             span_contains(path, provider_op_rest(op, path)));
        ask = (struct provider_ask){op->op, data[1] & 1, path, model};
        ask_provider(row(data[0]), &ask);
    }
    if (span_has(rest) && is_path(rest))
        sign(method, rest, model);
    return 0;
}
