/*
 * text.c - small codings, written once more on purpose: see mock.h.
 */
#include <openssl/evp.h>

#include "mock/text.h"

void mock_escape(struct buf *out, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_add_str(out, "\\n");
        else if ((unsigned char)c < ' ')
            buf_printf(out, "\\u%04x", (unsigned)c);
        else
            buf_add_char(out, c);
    }
}

void mock_quote(struct buf *out, struct span s)
{
    buf_add_char(out, '"');
    mock_escape(out, s);
    buf_add_char(out, '"');
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *hit;

    hit = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return hit ? (int)(hit - digits) : -1;
}

int mock_unescape(struct span s, char *out, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            if (i + 2 >= s.n || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
                return -1;
            c = (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
            i += 2;
        }
        if (n + 1 >= cap || c == '\0')
            return -1;
        out[n++] = c;
    }
    out[n] = '\0';
    return 0;
}

int mock_base64_add(struct buf *out, struct span s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < s.n && s.p[i] != '='; i++) {
        const char *hit = s.p[i] ? strchr(digits, s.p[i]) : NULL;

        if (!hit)
            return -1;
        bits = bits << 6 | (uint32_t)(hit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_char(out, (char)(bits >> have & 0xff));
        }
    }
    return 0;
}

void mock_sha256(const void *p, size_t n, char out[65])
{
    unsigned char digest[32] = {0};

    MUST(EVP_Digest(p ? p : "", n, digest, NULL, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < sizeof(digest); i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static size_t sse_end(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\n')
            continue;
        if (i + 1 < n && p[i + 1] == '\n')
            return i + 2;
        if (i + 2 < n && p[i + 1] == '\r' && p[i + 2] == '\n')
            return i + 3;
    }
    return n;
}

size_t mock_event_end(enum mock_framing framing, const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    const char *lf;
    size_t size;

    switch (framing) {
    case MOCK_FRAMING_SSE:
        return sse_end(p, n);
    case MOCK_FRAMING_AWS: /* the frame starts with its length, big endian */
        size = n < 4 ? n : (size_t)u[0] << 24 | (size_t)u[1] << 16 | (size_t)u[2] << 8 | u[3];
        return size < 16 || size > n ? n : size;
    case MOCK_FRAMING_LINES:
        lf = n ? memchr(p, '\n', n) : NULL;
        return lf ? (size_t)(lf - p) + 1 : n;
    case MOCK_FRAMING_WHOLE:
        break;
    }
    return n;
}
