/*
 * mock_script.c - any bytes as a script of the mock, and any request to it.
 *
 * Up to the first zero byte stands the script, then model, path, credential and user agent, each to
 * the next zero byte. Must hold: a script that is read in two goes at any line end, or with CRLF,
 * is the same script; a refusal says a line that is there, and keeps those before it; the lines
 * that match are those of a naive matcher, and their lists apply in order.
 */
#include "base/mem.h"
#include "mock/script.h"

#define LEN_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct mock_script *new_script(void)
{
    struct mock_script *s = mem_zalloc(1, sizeof(*s));

    MUST(s);
    mock_script_init(s);
    return s;
}

static void free_script(struct mock_script *s)
{
    mock_script_fini(s);
    mem_free(s);
}

static void same_lines(const struct mock_script *a, const struct mock_script *b)
{
    MUST(a->lines_n == b->lines_n);
    for (size_t i = 0; i < a->lines_n; i++)
        MUST(span_eq(a->lines[i].match, b->lines[i].match) &&
             span_eq(a->lines[i].list, b->lines[i].list));
}

static void check_refusal(struct span text, const struct err *e)
{
    unsigned line, lines = 1;

    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    MUST(sscanf(e->text, "line %u: ", &line) == 1 && line >= 1 && line <= lines);
}

/* In two goes, cut behind the line end at or after `at`; and with other line ends. */
static void read_otherwise(const struct mock_script *want, struct span text, size_t at)
{
    struct mock_script *two = new_script(), *crlf = new_script();
    struct span rest = span_of(text.p + at, text.n - at);
    size_t end = span_find(rest, '\n');
    struct buf b;
    struct err e;

    if (end != SIZE_MAX) {
        rest = span_of(rest.p + end + 1, rest.n - end - 1);
        MUST(mock_script_read(two, span_of(text.p, text.n - rest.n), &e) == 0);
        MUST(mock_script_read(two, rest, &e) == 0);
        same_lines(want, two);
    }
    buf_init(&b, 4 * LEN_MAX);
    for (size_t i = 0; i < text.n; i++)
        buf_add(&b, text.p[i] == '\n' ? "\r\n" : text.p + i, text.p[i] == '\n' ? 2 : 1);
    if (span_find(text, '\r') == SIZE_MAX) {
        MUST(mock_script_read(crlf, buf_span(&b), &e) == 0);
        same_lines(want, crlf);
    }
    buf_fini(&b);
    free_script(two);
    free_script(crlf);
}

/* A table of which prefixes match. */
static bool naive_glob(struct span pattern, struct span s)
{
    static bool row[2][LEN_MAX + 1];

    memset(row[0], 0, sizeof(row[0]));
    row[0][0] = true;
    for (size_t p = 0; p < pattern.n; p++) {
        const bool *was = row[p % 2];
        bool *now = row[(p + 1) % 2];

        for (size_t i = 0; i <= s.n; i++) {
            if (pattern.p[p] == '*')
                now[i] = was[i] || (i > 0 && now[i - 1]);
            else
                now[i] = i > 0 && was[i - 1] && s.p[i - 1] == pattern.p[p];
        }
    }
    return row[pattern.n % 2][s.n];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool word_matches(struct span word, const struct span values[4])
{
    static const char *const keys[] = {"model=", "path=", "key=", "user-agent="};
    size_t equals = span_find(word, '=');

    if (equals == SIZE_MAX || span_find(word, ';') < equals)
        return naive_glob(word, values[0]);
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        if (span_starts(word, span_str(keys[k])))
            return naive_glob(span_of(word.p + equals + 1, word.n - equals - 1), values[k]);
    return false;
}

static bool line_matches(struct span match, const struct span values[4])
{
    for (size_t i = 0; i < match.n;) {
        size_t n = 0;

        while (i + n < match.n && !is_blank(match.p[i + n]))
            n++;
        if (n > 0 && !word_matches(span_of(match.p + i, n), values))
            return false;
        i += n + 1;
    }
    return true;
}

static void make_request(struct mock_req *r, const struct span values[4])
{
    struct buf b;
    struct err e;
    size_t used, at = 0;

    buf_init(&b, 8 * LEN_MAX);
    buf_add_str(&b, "POST /x HTTP/1.1\r\nhost: h\r\n");
    buf_printf(&b, "x-api-key: %.*s\r\nuser-agent: %.*s\r\ncontent-length: 0\r\n\r\n",
               SPAN_FMT(values[2]), SPAN_FMT(values[3]));
    while (at < b.n && r->state < MOCK_REQ_DONE &&
           mock_req_feed(r, b.p + at, b.n - at, &used, &e) == 0)
        at += used;
    buf_fini(&b);
}

static void decide(struct mock_script *s, struct span values[4])
{
    struct mock_facts f = {.model = values[0], .path = values[1]};
    struct mock_how want, got;
    struct mock_req r;
    struct err e;
    int rc = 0;

    mock_req_init(&r);
    make_request(&r, values);
    if (r.state == MOCK_REQ_DONE) {
        values[2] = mock_req_field(&r, "x-api-key");
        values[3] = mock_req_field(&r, "user-agent");
        mock_how_init(&want);
        for (size_t i = 0; i < s->lines_n && rc == 0; i++)
            if (line_matches(s->lines[i].match, values))
                rc = mock_how_apply(&want, s->lines[i].list, 1, 7, &e);
        MUST(rc == 0); /* all lists have been read before */
        rc = mock_how_apply(&want, mock_model_list(values[0]), 1, 7, &e);
        if (rc == 0) /* the header x-mock, of which there is none */
            rc = mock_how_apply(&want, SPAN_LIT(""), 1, 7, &e);
        for (int keep = 0; keep < 2; keep++) {
            MUST(mock_script_decide(s, &f, &r, 7, keep, &got, &e) == rc);
            MUST(rc < 0 || memcmp(&want, &got, sizeof(got)) == 0);
        }
    }
    mock_req_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span rest = span_of((const char *)data, len), text, values[4] = {{0}};
    struct mock_script *s;
    struct err e;

    if (len == 0 || len > LEN_MAX)
        return 0;
    text = span_cut(&rest, '\0');
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        values[i] = span_has(rest) ? span_cut(&rest, '\0') : SPAN_LIT("");
    s = new_script();
    if (mock_script_read(s, text, &e) < 0) {
        check_refusal(text, &e);
    } else {
        read_otherwise(s, text, len % (text.n + 1));
        decide(s, values);
    }
    free_script(s);
    return 0;
}
