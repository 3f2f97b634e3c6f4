/*
 * hosts.h - which provider row serves a recorded host.
 */
#ifndef CONFORMANCE_HOSTS_H
#define CONFORMANCE_HOSTS_H

#include "provider/provider.h"

/* The row for a host and path as recorded; NULL where the host's API is of another kind, or where
 * *known is false: nobody has decided about this host. */
const struct provider *hosts_find(struct span host, struct span path, bool *known);

/* Does the row call this path (without query) of this host? */
bool hosts_path_fits(const struct provider *p, enum provider_op op, bool stream, struct span host,
                     struct span path);

#endif
