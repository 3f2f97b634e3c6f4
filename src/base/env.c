/*
 * env.c - see env.h. A linear table: it is asked a few dozen times at start and on a reload.
 *
 * Why one arena of the block's own size, for keys and for the rest alike: which variable is a key
 * is known only to configurations, also to those that are yet to be written. Where the limit of
 * locked memory is lower than a very large environment, that arena works unlocked
 * (base/secret.h), and the arenas of the snapshots still have the limit to themselves.
 *
 * Of a name that stands twice in the block the first counts, as getenv() has it.
 */
#include "base/env.h"

#include "base/mem.h"

/* What the libraries that we link (and, in test builds, the sanitizers) look up for themselves at
 * any time. None is a secret. What the C library reads before main() needs no copy. */
static const char *const library_vars[] = {
    "ASAN_*",      "CARES_HOSTS", "HOSTALIASES", "LANG",        "LANGUAGE",   "LC_*",
    "LOCALDOMAIN", "LSAN_*",      "OPENSSL_*",   "RES_OPTIONS", "SSL_CERT_*", "TMPDIR",
    "TSAN_*",      "TZ",          "TZDIR",       "UBSAN_*",     "UV_*",
};

struct var {
    struct span name, value; /* in the arena */
};

struct env {
    struct secret_arena *secrets;
    struct var *vars;
    size_t n;
    char **copies; /* for libraries; NULL-terminated */
    char ***block; /* where they were put; NULL: nowhere */
};

static int measure(char *const *block, size_t *ret_n, size_t *ret_bytes, struct err *e)
{
    size_t n = 0, bytes = 0;

    for (; block[n] && bytes <= ENV_BYTES_MAX; n++)
        bytes += strlen(block[n]) + 1;
    if (bytes > ENV_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "environment: more than %zu bytes", ENV_BYTES_MAX);
    *ret_n = n;
    *ret_bytes = bytes;
    return 0;
}

static int add_vars(struct env *env, char *const *block, struct err *e)
{
    struct secret kept;

    for (size_t i = 0; block[i]; i++) {
        const char *eq = strchr(block[i], '=');
        size_t name_n = eq ? (size_t)(eq - block[i]) : 0, n = strlen(block[i]);

        if (name_n == 0)
            continue; /* not a variable; execve() lets such strings through */
        if (secret_put(env->secrets, &kept, span_of(block[i], n + 1), SPAN_LIT("environment"), e) <
            0)
            return -1;
        env->vars[env->n++] = (struct var){
            .name = span_of(kept.bytes.p, name_n),
            .value = span_of(kept.bytes.p + name_n + 1, n - name_n - 1),
        };
    }
    return 0;
}

static int env_new(struct env **ret, char *const *block, struct err *e)
{
    struct env *env = NULL;
    size_t n = 0, bytes = 0;
    int rc = -1;

    if (measure(block, &n, &bytes, e) < 0)
        return -1;
    env = mem_zalloc(1, sizeof(*env));
    if (env)
        env->vars = mem_zalloc(n, sizeof(*env->vars));
    if (!env || !env->vars) {
        err_set(e, ERR_NOMEM, "environment: no memory");
        goto out;
    }
    if (secret_arena_new(&env->secrets, MAX(bytes, (size_t)1), e) < 0 ||
        add_vars(env, block, e) < 0)
        goto out;
    *ret = env;
    env = NULL;
    rc = 0;
out:
    env_free(&env);
    return rc;
}

int env_new_table(struct env **ret, const char *const *pairs, struct err *e)
{
    MUST(ret && pairs && e);
    return env_new(ret, (char *const *)(uintptr_t)pairs, e); /* which only reads them */
}

static bool for_libraries(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(library_vars); i++)
        if (span_glob(span_str(library_vars[i]), name))
            return true;
    return false;
}

static int copy_for_libraries(struct env *env, struct err *e)
{
    size_t n = 0;

    env->copies = (char **)mem_zalloc(env->n + 1, sizeof(*env->copies));
    for (size_t i = 0; env->copies && i < env->n; i++) {
        const struct var *v = &env->vars[i];

        if (!for_libraries(v->name))
            continue;
        env->copies[n] = mem_strndup(v->name.p, v->name.n + 1 + v->value.n);
        if (!env->copies[n++])
            return err_set(e, ERR_NOMEM, "environment: no memory");
    }
    return env->copies ? 0 : err_set(e, ERR_NOMEM, "environment: no memory");
}

int env_take(struct env **ret, char ***block, struct err *e)
{
    struct env *env = NULL;

    MUST(ret && block && *block && e);
    if (env_new(&env, *block, e) < 0)
        return -1;
    if (copy_for_libraries(env, e) < 0) {
        env_free(&env);
        return -1;
    }
    for (size_t i = 0; (*block)[i]; i++)
        secret_wipe((*block)[i], strlen((*block)[i]));
    env->block = block;
    *block = env->copies;
    *ret = env;
    return 0;
}

void env_free(struct env **env)
{
    struct env *v = *env;

    if (!v)
        return;
    if (v->block)
        *v->block = NULL;
    for (size_t i = 0; v->copies && v->copies[i]; i++)
        mem_free(v->copies[i]);
    mem_free((void *)v->copies);
    mem_free(v->vars);
    secret_arena_free(&v->secrets);
    mem_free_ptr(env);
}

struct span env_get(const struct env *env, struct span name)
{
    for (size_t i = 0; i < env->n; i++)
        if (span_eq(env->vars[i].name, name))
            return env->vars[i].value;
    return (struct span){NULL, 0};
}

bool env_locked(const struct env *env)
{
    return secret_arena_locked(env->secrets);
}

struct span env_name_at(const struct env *env, size_t i)
{
    return i < env->n ? env->vars[i].name : (struct span){NULL, 0};
}
