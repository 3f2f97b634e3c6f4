/*
 * addr.h - what can be said about an IP address without asking anybody.
 *
 * Room: net (uses base). Threads: any; pure.
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "net/net.h"

/* The same IP, and the same IP and port. A v4 address and its IPv4-mapped form are different. */
bool net_addr_ip_eq(const struct net_addr *a, const struct net_addr *b);
bool net_addr_eq(const struct net_addr *a, const struct net_addr *b);

uint16_t net_addr_port(const struct net_addr *a);
void net_addr_port_set(struct net_addr *a, uint16_t port);

/* An IP address written bare: "127.0.0.1", "::1" (no brackets, no zone). -1: it is none. */
MUST_CHECK int net_addr_ip_parse(struct net_addr *ret, struct span text, uint16_t port);

/* Where an address leads. What is not public is named by the most harmful thing it could be. */
#define NET_ADDR_CLASSES(X)                                                                        \
    X(PUBLIC, "public")                                                                            \
    X(PRIVATE, "private") /* also reserved, documentation, carrier NAT */                          \
    X(LOOPBACK, "loopback")                                                                        \
    X(LINK_LOCAL, "link-local")                                                                    \
    X(METADATA, "metadata")       /* a cloud's service that hands out credentials */               \
    X(UNSPECIFIED, "unspecified") /* 0.0.0.0: to the kernel that is this machine */                \
    X(MULTICAST, "multicast")     /* and broadcast */

enum net_addr_class {
#define X(name, text) NET_ADDR_##name,
    NET_ADDR_CLASSES(X)
#undef X
};

/* Of a v6 address that carries a v4 one (mapped, NAT64, 6to4, Teredo, ISATAP ...): the class of
 * that one. */
enum net_addr_class net_addr_class(const struct net_addr *a);
const char *net_addr_class_name(enum net_addr_class c);

/* Are the first `bits` of the two IPs equal? False for different families. */
bool net_addr_ip_in(const struct net_addr *a, const struct net_addr *base, unsigned bits);

#endif
