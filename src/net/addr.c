/*
 * addr.c - see addr.h. The classes are two tables of prefixes, first match wins, taken from the
 * IANA special-purpose registries and the documents of the clouds.
 */
#include "net/addr.h"

#include <arpa/inet.h>

bool net_addr_ip_eq(const struct net_addr *a, const struct net_addr *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family)
        return false;
    if (a->u.any.sa_family == AF_INET)
        return a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr);
}

bool net_addr_eq(const struct net_addr *a, const struct net_addr *b)
{
    return net_addr_ip_eq(a, b) && net_addr_port(a) == net_addr_port(b);
}

uint16_t net_addr_port(const struct net_addr *a)
{
    return ntohs(a->u.any.sa_family == AF_INET ? a->u.v4.sin_port : a->u.v6.sin6_port);
}

void net_addr_port_set(struct net_addr *a, uint16_t port)
{
    if (a->u.any.sa_family == AF_INET)
        a->u.v4.sin_port = htons(port);
    else
        a->u.v6.sin6_port = htons(port);
}

int net_addr_ip_parse(struct net_addr *ret, struct span text, uint16_t port)
{
    struct net_addr a = {0};
    char name[INET6_ADDRSTRLEN];

    if (text.n == 0 || text.n >= sizeof(name) || memchr(text.p, '\0', text.n))
        return -1;
    memcpy(name, text.p, text.n);
    name[text.n] = '\0';
    if (inet_pton(AF_INET, name, &a.u.v4.sin_addr) == 1)
        a.u.v4.sin_family = AF_INET;
    else if (inet_pton(AF_INET6, name, &a.u.v6.sin6_addr) == 1)
        a.u.v6.sin6_family = AF_INET6;
    else
        return -1;
    net_addr_port_set(&a, port);
    *ret = a;
    return 0;
}

static bool prefix_eq(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static const unsigned char *ip_bytes(const struct net_addr *a)
{
    return a->u.any.sa_family == AF_INET ? (const unsigned char *)&a->u.v4.sin_addr.s_addr
                                         : a->u.v6.sin6_addr.s6_addr;
}

bool net_addr_ip_in(const struct net_addr *a, const struct net_addr *base, unsigned bits)
{
    unsigned max = a->u.any.sa_family == AF_INET ? 32 : 128;

    return a->u.any.sa_family == base->u.any.sa_family && bits <= max &&
           prefix_eq(ip_bytes(a), ip_bytes(base), bits);
}

/* ---- classes ---- */

/* clang-format off */
static const struct {
    unsigned char base[4];
    unsigned bits;
    enum net_addr_class class;
} v4_rows[] = {
    {{169, 254, 169, 254}, 32, NET_ADDR_METADATA},  /* AWS, Google, Azure, Oracle ... */
    {{169, 254, 170, 2},   32, NET_ADDR_METADATA},  /* AWS ECS */
    {{169, 254, 170, 23},  32, NET_ADDR_METADATA},  /* AWS EKS */
    {{168, 63, 129, 16},   32, NET_ADDR_METADATA},  /* Azure */
    {{100, 100, 100, 200}, 32, NET_ADDR_METADATA},  /* Alibaba */
    {{192, 0, 0, 192},     32, NET_ADDR_METADATA},  /* Oracle */
    {{0, 0, 0, 0},          8, NET_ADDR_UNSPECIFIED},
    {{127, 0, 0, 0},        8, NET_ADDR_LOOPBACK},
    {{10, 0, 0, 0},         8, NET_ADDR_PRIVATE},
    {{172, 16, 0, 0},      12, NET_ADDR_PRIVATE},
    {{192, 168, 0, 0},     16, NET_ADDR_PRIVATE},
    {{100, 64, 0, 0},      10, NET_ADDR_PRIVATE},   /* carrier NAT */
    {{169, 254, 0, 0},     16, NET_ADDR_LINK_LOCAL},
    {{192, 0, 0, 0},       24, NET_ADDR_PRIVATE},   /* protocol assignments */
    {{192, 0, 2, 0},       24, NET_ADDR_PRIVATE},   /* documentation, as the next two */
    {{198, 51, 100, 0},    24, NET_ADDR_PRIVATE},
    {{203, 0, 113, 0},     24, NET_ADDR_PRIVATE},
    {{198, 18, 0, 0},      15, NET_ADDR_PRIVATE},   /* benchmarks */
    {{224, 0, 0, 0},        4, NET_ADDR_MULTICAST},
    {{255, 255, 255, 255}, 32, NET_ADDR_MULTICAST}, /* broadcast */
    {{240, 0, 0, 0},        4, NET_ADDR_PRIVATE},   /* reserved */
};

#define NONE (-1)
static const struct {
    unsigned char base[16];
    unsigned bits;
    enum net_addr_class class;
    int v4_at; /* where a v4 address lies in it, or NONE; class is for one that is public */
} v6_rows[] = {
    {{0xfd, 0x00, 0x0e, 0xc2, [15] = 0x54, [14] = 0x02}, 128, NET_ADDR_METADATA, NONE}, /* AWS */
    {{0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23}, 128, NET_ADDR_METADATA, NONE},    /* AWS EKS */
    {{0xfd, 0x20, 0x00, 0xce, [15] = 0x54, [14] = 0x02}, 128, NET_ADDR_METADATA, NONE}, /* Google */
    {{0xfe, 0x80, [12] = 169, 254, 169, 254}, 128, NET_ADDR_METADATA, NONE},
    {{[15] = 1}, 128, NET_ADDR_LOOPBACK, NONE},
    {{0}, 128, NET_ADDR_UNSPECIFIED, NONE},
    {{[10] = 0xff, 0xff}, 96, NET_ADDR_PUBLIC, 12},               /* IPv4-mapped */
    {{[8] = 0xff, 0xff}, 96, NET_ADDR_PUBLIC, 12},                /* IPv4-translated */
    {{0}, 96, NET_ADDR_PUBLIC, 12},                               /* IPv4-compatible */
    {{0x00, 0x64, 0xff, 0x9b}, 96, NET_ADDR_PUBLIC, 12},          /* NAT64 */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, NET_ADDR_PRIVATE, 12},   /* NAT64, local */
    {{0x20, 0x02}, 16, NET_ADDR_PUBLIC, 2},                       /* 6to4 */
    {{0xfe, 0x80}, 10, NET_ADDR_LINK_LOCAL, NONE},
    {{0xfe, 0xc0}, 10, NET_ADDR_PRIVATE, NONE},                   /* site-local, of old */
    {{0xfc, 0x00}, 7, NET_ADDR_PRIVATE, NONE},
    {{0xff, 0x00}, 8, NET_ADDR_MULTICAST, NONE},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, NET_ADDR_PRIVATE, NONE},       /* documentation */
    {{0x3f, 0xff}, 20, NET_ADDR_PRIVATE, NONE},                   /* documentation */
    {{0x01, 0x00}, 64, NET_ADDR_PRIVATE, NONE},                   /* discard */
};
/* clang-format on */

static enum net_addr_class class_v4(const unsigned char ip[4])
{
    for (size_t i = 0; i < ARRAY_LEN(v4_rows); i++)
        if (prefix_eq(ip, v4_rows[i].base, v4_rows[i].bits))
            return v4_rows[i].class;
    return NET_ADDR_PUBLIC;
}

/* The client's v4 address lies in Teredo's last four bytes, inverted. */
static enum net_addr_class class_teredo(const unsigned char ip[16])
{
    unsigned char v4[4];

    for (size_t i = 0; i < 4; i++)
        v4[i] = (unsigned char)~ip[12 + i];
    return class_v4(v4);
}

static enum net_addr_class class_v6(const unsigned char ip[16])
{
    static const unsigned char teredo[] = {0x20, 0x01, 0x00, 0x00},
                               isatap[] = {0x00, 0x00, 0x5e, 0xfe};
    enum net_addr_class inner = NET_ADDR_PUBLIC;

    for (size_t i = 0; i < ARRAY_LEN(v6_rows); i++) {
        if (!prefix_eq(ip, v6_rows[i].base, v6_rows[i].bits))
            continue;
        if (v6_rows[i].v4_at != NONE)
            inner = class_v4(ip + v6_rows[i].v4_at);
        return inner != NET_ADDR_PUBLIC ? inner : v6_rows[i].class;
    }
    if (prefix_eq(ip, teredo, 32))
        return class_teredo(ip);
    if ((ip[8] & 0xfd) == 0 && memcmp(ip + 9, isatap + 1, 3) == 0) /* its global bit is free */
        return class_v4(ip + 12);
    return NET_ADDR_PUBLIC;
}

enum net_addr_class net_addr_class(const struct net_addr *a)
{
    if (a->u.any.sa_family == AF_INET)
        return class_v4(ip_bytes(a));
    if (a->u.any.sa_family == AF_INET6)
        return class_v6(ip_bytes(a));
    return NET_ADDR_UNSPECIFIED;
}

const char *net_addr_class_name(enum net_addr_class c)
{
    static const char *const names[] = {
#define X(name, text) text,
        NET_ADDR_CLASSES(X)
#undef X
    };

    return (size_t)c < ARRAY_LEN(names) ? names[c] : "unknown";
}
