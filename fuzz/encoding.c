/*
 * encoding.c - base64, percent escapes, numbers and patterns, each against a naive reader.
 *
 * The first byte is how much of the rest is a pattern. Must hold: what is encoded is decoded to
 * the same; base64 is taken if and only if a naive reader takes it, and to the same bytes; a
 * percent escape leaves nothing but what is plain; a number is what wider arithmetic makes of it.
 */
#include "base/base64.h"
#include "codec/percent.h"

#define LEN_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Bit by bit. -1: it is none. */
static int naive_base64(struct buf *out, struct span s)
{
    uint32_t bits = 0, n = 0;

    for (int pad = 0; pad < 2 && s.n && s.p[s.n - 1] == '='; pad++)
        s.n--;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '-' ? '+' : s.p[i] == '_' ? '/' : s.p[i];
        const char *at = memchr(alphabet, c, 64);

        if (!at)
            return -1;
        bits = (bits << 6 | (uint32_t)(at - alphabet)) & 0xFFFF;
        n += 6;
        if (n >= 8) {
            n -= 8;
            buf_add_char(out, (char)(bits >> n & 0xFF));
        }
    }
    return n == 6 ? -1 : 0; /* a digit that no byte came of */
}

static void base64(struct span s)
{
    struct buf text, back, naive;
    int rc;

    buf_init(&text, 2 * LEN_MAX);
    buf_init(&back, LEN_MAX);
    buf_init(&naive, LEN_MAX);
    base64_encode(&text, s);
    MUST(text.n == (s.n + 2) / 3 * 4);
    MUST(base64_decode(&back, buf_span(&text)) == 0 && span_eq(buf_span(&back), s));
    buf_reset(&back);
    rc = base64_decode(&back, s);
    MUST(rc == naive_base64(&naive, s));
    MUST(rc < 0 || span_eq(buf_span(&back), buf_span(&naive)));
    buf_fini(&text);
    buf_fini(&back);
    buf_fini(&naive);
}

static void percent(struct span s, const char *keep)
{
    struct buf text, back;

    buf_init(&text, 3 * LEN_MAX);
    buf_init(&back, LEN_MAX);
    percent_encode(&text, s, keep);
    for (size_t i = 0; i < text.n; i++)
        MUST(memchr(alphabet, text.p[i], 62) || strchr("-_.~%", text.p[i]) ||
             strchr(keep, text.p[i]));
    for (size_t at = 0; at < text.n;) {
        char c;

        at += percent_take(span_of(text.p + at, text.n - at), &c);
        MUST(at <= text.n);
        buf_add_char(&back, c);
    }
    MUST(span_eq(buf_span(&back), s));
    for (size_t at = 0; at < s.n;) { /* of text that nobody encoded */
        char c;
        size_t n = percent_take(span_of(s.p + at, s.n - at), &c);

        MUST((n == 1 && c == s.p[at]) || (n == 3 && s.p[at] == '%'));
        at += n;
        MUST(at <= s.n);
    }
    buf_fini(&text);
    buf_fini(&back);
}

static void number(struct span s)
{
    unsigned __int128 want = 0;
    uint64_t got = 7;
    bool fits = s.n > 0;

    for (size_t i = 0; i < s.n && fits; i++) {
        want = want * 10 + (unsigned)(s.p[i] - '0') % 10;
        fits = s.p[i] >= '0' && s.p[i] <= '9' && want <= UINT64_MAX;
    }
    MUST((span_u64(s, &got) == 0) == fits);
    MUST(got == (fits ? (uint64_t)want : 7));
}

/* A table of which prefixes match. */
static bool naive_glob(struct span pattern, struct span s)
{
    bool row[2][LEN_MAX + 1] = {{true}};

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text, pattern;
    size_t n;

    if (len < 1 || len > LEN_MAX)
        return 0;
    text = span_of((const char *)data + 1, len - 1);
    n = MIN((size_t)data[0], text.n);
    pattern = span_of(text.p, n);
    base64(text);
    percent(text, "");
    percent(text, "/:");
    number(text);
    text = span_of(text.p + n, text.n - n);
    MUST(span_glob(pattern, text) == naive_glob(pattern, text));
    return 0;
}
