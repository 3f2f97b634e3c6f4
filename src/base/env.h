/*
 * env.h - the environment, read once.
 *
 * A struct env is made at the start of the process from environ (or, in tests, from a table) and
 * handed to whoever needs it; nothing else asks the C library. Names and values are borrowed from
 * the block until env_take_secret() moves a value: then the bytes live in locked memory and the
 * block is overwritten in place, so that /proc/PID/environ no longer shows them.
 *
 * Room: base. Threads: one owner.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include "base/secret.h"

#define ENV_VARS_MAX    8192            /* variables read; a block with more is refused */
#define ENV_SECRETS_MAX ((size_t)65536) /* bytes of all secrets taken */

struct env;

/* Read a block of "NAME=value" strings that ends with NULL. The block must stay, writable, as
 * long as the env. */
MUST_CHECK int env_new(struct env **ret, char *const *block, struct err *e);

/* The same from constant strings, which are copied: for tests and tools. */
MUST_CHECK int env_new_table(struct env **ret, const char *const *pairs, struct err *e);

/* Wipe what was taken, free the rest. NULL is fine. */
void env_free(struct env **env);

/* The value, or the absent span when the variable is not set. Set and empty is an empty span.
 * The span is good until the value is taken as a secret. */
struct span env_get(const struct env *env, struct span name);

/* The value as a secret whose bytes live as long as the env; its name is "env:" and the variable's
 * name, owned by the env. The first call moves the bytes out of the block, later ones give the
 * same bytes (env is const because what it says does not change). Not set: 0, and ret->bytes is
 * absent. */
MUST_CHECK int env_take_secret(const struct env *env, struct span name, struct secret *ret,
                               struct err *e);

/* Walk: the i-th variable's name, absent behind the last. */
struct span env_name_at(const struct env *env, size_t i);

#endif
