/*
 * addr.c - addresses as text and as bytes: what leads where decides what is dialled.
 *
 * The first byte chooses how many bits are compared; then 16 bytes of an address, and a text. Must
 * hold: a text that is taken is written as one that is taken for the same; the class of an address
 * does not depend on what carries it, and the one that settings give a text is never less careful;
 * prefixes are those of a naive comparison.
 */
#include "net/addr.h"
#include "net/resolve.h"
#include "settings/types.h"

#include <arpa/inet.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void round_trip(struct span text)
{
    struct net_addr a, b;
    char once[NET_ADDR_TEXT], twice[NET_ADDR_TEXT];
    struct err e;

    if (net_addr_parse(&a, text, &e) < 0)
        return;
    MUST(net_addr_parse(&b, span_str(net_addr_text(&a, once)), &e) == 0);
    MUST(net_addr_eq(&a, &b) && strcmp(once, net_addr_text(&b, twice)) == 0);
    MUST(net_addr_loopback(&a) == (net_addr_class(&a) == NET_ADDR_LOOPBACK));
}

/* What can be a host needs no quoting, in no protocol. */
static void host(struct span text)
{
    enum types_host kind = types_host_kind(text);
    struct net_addr ip;

    if (resolve_host_ok(text)) {
        MUST(text.n > 0 && text.n <= RESOLVE_HOST_MAX);
        for (size_t i = 0; i < text.n; i++)
            MUST(strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._:",
                        text.p[i]) &&
                 text.p[i]);
    }
    if (net_addr_ip_parse(&ip, text, 80) < 0)
        return;
    MUST(resolve_host_ok(text) && net_addr_port(&ip) == 80);
    if (kind == HOST_LOOPBACK || kind == HOST_PRIVATE || kind == HOST_FORBIDDEN)
        MUST(net_addr_class(&ip) != NET_ADDR_PUBLIC);
}

static struct net_addr v6_of(const uint8_t ip[16])
{
    struct net_addr a = {.u.v6 = {.sin6_family = AF_INET6}};

    memcpy(&a.u.v6.sin6_addr, ip, 16);
    return a;
}

static struct net_addr v4_of(const uint8_t ip[4])
{
    struct net_addr a = {.u.v4 = {.sin_family = AF_INET}};

    memcpy(&a.u.v4.sin_addr, ip, 4);
    return a;
}

/* The same v4 address in all that may carry one. */
static void carried(const uint8_t ip[4])
{
    static const struct {
        uint8_t prefix[16];
        size_t at;
    } carriers[] = {
        {{[10] = 0xff, 0xff}, 12},
        {{[8] = 0xff, 0xff}, 12},
        {{0x00, 0x64, 0xff, 0x9b}, 12},
        {{0x20, 0x02}, 2},
        {{0x26, 0x06, [10] = 0x5e, 0xfe}, 12},
    };
    struct net_addr v4 = v4_of(ip);
    enum net_addr_class want = net_addr_class(&v4);

    for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
        struct net_addr v6;
        uint8_t bytes[16];

        memcpy(bytes, carriers[i].prefix, sizeof(bytes));
        memcpy(bytes + carriers[i].at, ip, 4);
        v6 = v6_of(bytes);
        MUST(net_addr_class(&v6) == want);
    }
}

static bool naive_in(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++)
        if ((a[i / 8] >> (7 - i % 8) & 1) != (b[i / 8] >> (7 - i % 8) & 1))
            return false;
    return true;
}

static void prefixes(const uint8_t ip[16], unsigned bits, unsigned flipped)
{
    uint8_t other[16];
    struct net_addr a = v6_of(ip), b;

    memcpy(other, ip, sizeof(other));
    other[flipped / 8 % 16] ^= (uint8_t)(0x80 >> flipped % 8);
    b = v6_of(other);
    MUST(net_addr_ip_in(&a, &a, MIN(bits, 128U)) && net_addr_ip_in(&a, &b, 129) == false);
    if (bits <= 128)
        MUST(net_addr_ip_in(&a, &b, bits) == naive_in(ip, other, bits));
    a = v4_of(ip);
    b = v4_of(other);
    if (bits <= 32)
        MUST(net_addr_ip_in(&a, &b, bits) == naive_in(ip, other, bits));
    else
        MUST(!net_addr_ip_in(&a, &b, bits));
}

/* The classes of an address's text and of its bytes are judged by different tables. */
static void both_tables(const uint8_t ip[16])
{
    char text[INET6_ADDRSTRLEN];

    MUST(inet_ntop(AF_INET, ip, text, sizeof(text)));
    host(span_str(text));
    MUST(inet_ntop(AF_INET6, ip, text, sizeof(text)));
    host(span_str(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text;

    if (len < 18)
        return 0;
    text = span_of((const char *)data + 18, len - 18);
    round_trip(text);
    host(text);
    carried(data + 2);
    prefixes(data + 2, data[0], data[1]);
    both_tables(data + 2);
    return 0;
}
