/*
 * drop.c - see drop.h. Groups first: without root they cannot be changed any more.
 */
#include "proc/drop.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

int drop_root(const char *user, struct err *e)
{
    const struct passwd *p;

    errno = 0;
    p = getpwnam(user);
    if (!p)
        return err_set(e, ERR_CONFIG, "server.user: no user '%s' on this host%s%s", user,
                       errno ? ": " : "", errno ? strerror(errno) : "");
    if (geteuid() == p->pw_uid && getuid() == p->pw_uid && geteuid() != 0)
        return 0;
    if (geteuid() != 0)
        return err_set(e, ERR_CONFIG,
                       "server.user: only root can become '%s'; start the gateway as root or as "
                       "this user",
                       user);
    if (p->pw_uid == 0)
        return err_set(e, ERR_CONFIG, "server.user: '%s' is root itself", user);
    if (initgroups(user, p->pw_gid) != 0 || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) != 0 ||
        setresuid(p->pw_uid, p->pw_uid, p->pw_uid) != 0)
        return err_set(e, ERR_SYS, "server.user: cannot become '%s': %s", user, strerror(errno));
    if (setresuid(0, 0, 0) == 0)
        return err_set(e, ERR_SYS, "server.user: root is not gone after becoming '%s'", user);
    return 0;
}
