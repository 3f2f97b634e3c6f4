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

#endif
