/*
 * dial_no_proxy.c - who is reached without the proxy. The rules are curl's, with Go's ports.
 */
#include "net/addr.h"
#include "net/dial.h"

/* Without brackets, and without a trailing dot. */
static struct span bare(struct span host)
{
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return span_of(host.p + 1, host.n - 2);
    if (host.n > 1 && host.p[host.n - 1] == '.')
        return span_of(host.p, host.n - 1);
    return host;
}

/* Cut ":port" off an entry; false when it is for another port. "::1" has none. */
static bool port_fits(struct span *entry, uint16_t port)
{
    size_t colon = SIZE_MAX;
    struct net_addr ip;
    uint64_t n;

    if (net_addr_ip_parse(&ip, *entry, 0) == 0)
        return true;
    for (size_t i = 0; i < entry->n; i++)
        if (entry->p[i] == ':')
            colon = i;
    if (colon == SIZE_MAX || span_u64(span_of(entry->p + colon + 1, entry->n - colon - 1), &n) < 0)
        return true;
    *entry = span_of(entry->p, colon);
    return n == port;
}

static bool cidr_fits(struct span entry, const struct net_addr *ip)
{
    struct span rest = entry, base = span_cut(&rest, '/');
    struct net_addr net;
    uint64_t bits;

    if (net_addr_ip_parse(&net, bare(base), 0) < 0)
        return false;
    if (!span_has(rest))
        return net_addr_ip_eq(&net, ip);
    return span_u64(rest, &bits) == 0 && bits <= 128 && net_addr_ip_in(ip, &net, (unsigned)bits);
}

static bool name_fits(struct span entry, struct span host)
{
    struct span tail;

    if (entry.n > 0 && entry.p[0] == '.')
        entry = span_of(entry.p + 1, entry.n - 1);
    entry = bare(entry);
    if (entry.n == 0 || entry.n > host.n)
        return false;
    tail = span_of(host.p + host.n - entry.n, entry.n);
    if (!span_eq_nocase(tail, entry))
        return false;
    return tail.p == host.p || tail.p[-1] == '.';
}

static bool fits(struct span entry, struct span host, uint16_t port)
{
    struct net_addr ip;

    if (entry.n == 0)
        return false;
    if (span_is(entry, "*"))
        return true;
    if (!port_fits(&entry, port))
        return false;
    if (net_addr_ip_parse(&ip, host, 0) == 0)
        return cidr_fits(entry, &ip);
    return name_fits(entry, host);
}

bool dial_no_proxy(struct span list, struct span host, uint16_t port)
{
    static const struct span separators = SPAN_LIT(", \t");

    host = bare(host);
    while (list.n > 0) {
        size_t n = 0;

        while (n < list.n && span_find(separators, list.p[n]) == SIZE_MAX)
            n++;
        if (fits(span_of(list.p, n), host, port))
            return true;
        n = MIN(n + 1, list.n);
        list = span_of(list.p + n, list.n - n);
    }
    return false;
}
