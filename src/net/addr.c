/*
 * addr.c - see addr.h.
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
