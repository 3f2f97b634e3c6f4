/*
 * env.h - the environment, read once.
 *
 * A struct env is made at the start of the process from environ (or, in tests, from a table) and
 * handed to whoever needs it; nothing of ours asks the C library. Any variable may be a key that
 * only a later configuration names, so all of them move into locked memory at once and the block
 * that they came in is overwritten in place: /proc/PID/environ shows nothing, from the start on.
 * Libraries go on asking getenv(); they get copies of the few variables that are theirs.
 *
 * Room: base. Threads: one owner; read-only once it is made.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include "base/secret.h"

/* Most bytes of a block, all strings with their NULs: more than the kernel gives any program
 * (6 MiB). A block beyond is refused. */
#define ENV_BYTES_MAX ((size_t)8 * 1024 * 1024)

struct env;

/* Take a block of writable "NAME=value" strings that ends with NULL, as environ is: read it,
 * overwrite it with zeros, and put in its place (*block) what libraries may ask for, which lives
 * as long as the env. On failure the block is as it was. */
MUST_CHECK int env_take(struct env **ret, char ***block, struct err *e);

/* The same from constant strings, which stay as they are: for tests and tools. */
MUST_CHECK int env_new_table(struct env **ret, const char *const *pairs, struct err *e);

/* Wipe and free; the block that env_take() put in place becomes NULL. NULL is fine. */
void env_free(struct env **env);

/* The value, or the absent span when the variable is not set. Set and empty is an empty span. It
 * ends with NUL and lives, in locked memory, as long as the env. */
struct span env_get(const struct env *env, struct span name);

/* Is all of it kept out of swap? */
bool env_locked(const struct env *env);

/* Walk: the i-th variable's name, absent behind the last. */
struct span env_name_at(const struct env *env, size_t i);

#endif
