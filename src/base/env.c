/*
 * env.c - see env.h. A linear table: it is asked a few dozen times at start and on a reload.
 *
 * Of a name that stands twice in the block the first counts, as getenv() has it; taking it wipes
 * them all.
 */
#include "base/env.h"

#include "base/arena.h"
#include "base/mem.h"

struct var {
    struct span name;
    char *value; /* in the block or, once taken, in the secret arena */
    size_t n;
    struct span label; /* "env:NAME" once taken, absent before */
};

struct env {
    struct var *vars;
    size_t n;
    char **copies; /* env_new_table(): the block that we own; NULL-terminated */
    struct arena *labels;
    struct secret_arena *secrets;
};

static int add_vars(struct env *env, char *const *block, struct err *e)
{
    size_t n = 0;
    char *eq;

    while (block[n])
        n++;
    if (n > ENV_VARS_MAX)
        return err_set(e, ERR_LIMIT, "environment: more than %d variables", ENV_VARS_MAX);
    env->vars = mem_zalloc(n, sizeof(*env->vars));
    if (!env->vars)
        return err_set(e, ERR_NOMEM, "environment: no memory");
    for (size_t i = 0; i < n; i++) {
        eq = strchr(block[i], '=');
        if (!eq || eq == block[i])
            continue; /* not a variable; execve() lets such strings through */
        env->vars[env->n++] = (struct var){
            .name = span_of(block[i], (size_t)(eq - block[i])),
            .value = eq + 1,
            .n = strlen(eq + 1),
        };
    }
    return 0;
}

static struct env *empty(struct err *e)
{
    struct env *env = mem_zalloc(1, sizeof(*env));

    if (env)
        env->labels = mem_alloc(sizeof(*env->labels));
    if (!env || !env->labels) {
        mem_free(env);
        err_set(e, ERR_NOMEM, "environment: no memory");
        return NULL;
    }
    arena_init(env->labels, ENV_SECRETS_MAX);
    if (secret_arena_new(&env->secrets, ENV_SECRETS_MAX, e) < 0)
        env_free(&env);
    return env;
}

int env_new(struct env **ret, char *const *block, struct err *e)
{
    struct env *env;
    int rc = -1;

    MUST(ret && block && e);
    env = empty(e);
    if (!env || add_vars(env, block, e) < 0)
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
    struct env *env;
    size_t n = 0;
    int rc = -1;

    MUST(ret && pairs && e);
    env = empty(e);
    if (!env)
        goto out;
    while (pairs[n])
        n++;
    env->copies = (char **)mem_zalloc(n + 1, sizeof(*env->copies));
    for (size_t i = 0; env->copies && i < n; i++) {
        env->copies[i] = mem_strndup(pairs[i], strlen(pairs[i]));
        if (!env->copies[i]) {
            err_set(e, ERR_NOMEM, "environment: no memory");
            goto out;
        }
    }
    if (!env->copies) {
        err_set(e, ERR_NOMEM, "environment: no memory");
        goto out;
    }
    if (add_vars(env, env->copies, e) < 0)
        goto out;
    *ret = env;
    env = NULL;
    rc = 0;
out:
    env_free(&env);
    return rc;
}

void env_free(struct env **env)
{
    struct env *v = *env;

    if (!v)
        return;
    secret_arena_free(&v->secrets);
    if (v->labels)
        arena_fini(v->labels);
    mem_free(v->labels);
    for (size_t i = 0; v->copies && v->copies[i]; i++) {
        secret_wipe(v->copies[i], strlen(v->copies[i]));
        mem_free(v->copies[i]);
    }
    mem_free((void *)v->copies);
    mem_free(v->vars);
    mem_free_ptr(env);
}

static struct var *find(const struct env *env, struct span name)
{
    for (size_t i = 0; i < env->n; i++)
        if (span_eq(env->vars[i].name, name))
            return &env->vars[i];
    return NULL;
}

struct span env_get(const struct env *env, struct span name)
{
    const struct var *v = find(env, name);

    return v ? span_of(v->value, v->n) : (struct span){NULL, 0};
}

struct span env_name_at(const struct env *env, size_t i)
{
    return i < env->n ? env->vars[i].name : (struct span){NULL, 0};
}

int env_take_secret(const struct env *env, struct span name, struct secret *ret, struct err *e)
{
    struct var *v = find(env, name);
    struct span label;
    struct secret s;

    if (!v) {
        *ret = (struct secret){0};
        return 0;
    }
    if (!span_has(v->label)) {
        label = arena_printf(env->labels, "env:%.*s", SPAN_FMT(name));
        if (!span_has(label))
            return err_set(e, ERR_NOMEM, "environment: no memory");
        if (secret_put(env->secrets, &s, span_of(v->value, v->n), label, e) < 0)
            return -1;
        for (struct var *w = v; w < env->vars + env->n; w++) {
            if (!span_eq(w->name, name))
                continue;
            secret_wipe(w->value, w->n);
            w->n = 0;
        }
        /* The arena is ours and writable; struct secret shows it as constant to its readers. */
        v->value = (char *)(uintptr_t)s.bytes.p;
        v->n = s.bytes.n;
        v->label = label;
    }
    *ret = (struct secret){span_of(v->value, v->n), v->label};
    return 0;
}
