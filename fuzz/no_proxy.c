/*
 * no_proxy.c - NO_PROXY lists and hosts of any bytes.
 *
 * The first two bytes are the port, then the host up to a line end, then the list. Must hold: a
 * list says what any of its entries says; the case of letters, a dot at the host's end and brackets
 * around an address change nothing; '*' and the host itself say yes; entries that are plain names
 * are matched as a naive reader matches them.
 */
#include "net/addr.h"
#include "net/dial.h"

#include "base/buf.h"

#define LIST_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void flip(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z'))
            p[i] ^= 0x20;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Labels of letters with dots between them: nothing is special about such a name. */
static bool is_plain(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && (s.p[i] != '.' || i == 0 || !is_letter(s.p[i - 1])))
            return false;
    return s.n > 0 && is_letter(s.p[s.n - 1]);
}

/* Label by label from the end. */
static bool naive(struct span entry, struct span host)
{
    size_t e = entry.n, h = host.n;

    while (e > 0 && h > 0) {
        if ((entry.p[e - 1] | 0x20) != (host.p[h - 1] | 0x20))
            return false;
        e--;
        h--;
    }
    return e == 0 && (h == 0 || host.p[h - 1] == '.');
}

static bool ask(struct buf *list, struct span host, uint16_t port)
{
    MUST(buf_ok(list));
    return dial_no_proxy(buf_span(list), host, port);
}

static bool any_entry(struct span list, struct span host, uint16_t port)
{
    bool any = false;

    while (list.n) {
        size_t n = 0;
        struct span entry;
        bool fits;

        while (n < list.n && list.p[n] != ',' && list.p[n] != ' ' && list.p[n] != '\t')
            n++;
        entry = span_of(list.p, n);
        fits = dial_no_proxy(entry, host, port);
        if (is_plain(entry) && is_plain(host))
            MUST(fits == naive(entry, host));
        any = any || fits;
        n = MIN(n + 1, list.n);
        list = span_of(list.p + n, list.n - n);
    }
    return any;
}

/* The host in other words. */
static void same_host(struct span list, struct span host, uint16_t port, bool want)
{
    bool ip = net_addr_ip_parse(&(struct net_addr){0}, host, 0) == 0;
    struct buf other;

    buf_init(&other, LIST_MAX);
    if (ip)
        buf_printf(&other, "[%.*s]", SPAN_FMT(host));
    else
        buf_printf(&other, "%.*s.", SPAN_FMT(host));
    MUST(dial_no_proxy(list, buf_span(&other), port) == want);
    buf_reset(&other);
    buf_printf(&other, "%.*s,%.*s", SPAN_FMT(list), SPAN_FMT(host));
    MUST(ask(&other, host, port));
    buf_reset(&other);
    buf_printf(&other, "below.%.*s", SPAN_FMT(host));
    if (want && !ip)
        MUST(dial_no_proxy(list, buf_span(&other), port));
    buf_fini(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span list, host;
    struct buf copy;
    uint16_t port;
    bool want;

    if (len < 3 || len > LIST_MAX / 4)
        return 0;
    port = (uint16_t)(data[0] << 8 | data[1]);
    list = span_of((const char *)data + 2, len - 2);
    host = span_cut(&list, '\n');
    if (!span_has(list))
        return 0;
    want = dial_no_proxy(list, host, port);
    MUST(any_entry(list, host, port) == want);
    if (resolve_host_ok(host) && host.p[host.n - 1] != '.')
        same_host(list, host, port, want);
    buf_init(&copy, LIST_MAX);
    buf_add_span(&copy, host);
    buf_add_span(&copy, list);
    buf_add_char(&copy, '\n'); /* or an empty one would be nowhere */
    flip(copy.p, copy.n);
    MUST(dial_no_proxy(span_of(copy.p + host.n, list.n), span_of(copy.p, host.n), port) == want);
    buf_reset(&copy);
    buf_add_span(&copy, list);
    buf_add_str(&copy, "\t*");
    MUST(ask(&copy, host, port));
    buf_fini(&copy);
    return 0;
}
