/*
 * commands.c - see commands.h.
 */
#include "cmd/commands.h"

#include <errno.h>
#include <sys/stat.h>

#define ARENA_BUDGET ((size_t)4 * 1024 * 1024)
#define ENV_MOST     256

/* What an engine may see of our environment. */
static const char *const allowed[] = {
    "PATH",   "HOME",    "USER",    "LANG",
    "LC_*",   "TMPDIR",  "TZ",      "LD_LIBRARY_PATH",
    "CUDA_*", "HIP_*",   "ROCR_*",  "NVIDIA_*",
    "GGML_*", "LLAMA_*", "VLLM_*",  "SGLANG_*",
    "OMP_*",  "XDG_*",   "HF_HOME", "HF_HUB_OFFLINE",
};

static bool is_allowed(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (span_glob(span_str(allowed[i]), name))
            return true;
    return false;
}

static char *pair(struct arena *a, struct span name, struct span value)
{
    struct span s = arena_printf(a, "%.*s=%.*s", SPAN_FMT(name), SPAN_FMT(value));
    char *copy = s.p ? arena_alloc(a, s.n + 1) : NULL;

    return copy ? memcpy(copy, s.p, s.n + 1) : NULL;
}

static char **make_env(struct arena *a, const struct env *env)
{
    char **ret = arena_zalloc(a, (ENV_MOST + 1) * sizeof(*ret));
    struct span name;
    size_t n = 0;

    for (size_t i = 0; ret && n < ENV_MOST; i++) {
        name = env_name_at(env, i);
        if (!span_has(name))
            break;
        if (!is_allowed(name))
            continue;
        ret[n] = pair(a, name, env_get(env, name));
        if (!ret[n++])
            return NULL;
    }
    return ret;
}

static char **make_argv(struct arena *a, const struct settings_engine *g)
{
    char **ret = arena_zalloc(a, (g->argv_n + 1) * sizeof(*ret));

    for (size_t i = 0; ret && i < g->argv_n; i++) {
        char *copy = arena_alloc(a, g->argv[i].n + 1);

        if (!copy)
            return NULL;
        memcpy(copy, g->argv[i].p, g->argv[i].n);
        copy[g->argv[i].n] = '\0';
        ret[i] = copy;
    }
    return ret;
}

/* ~/.local/state/lamplighter/engine-NAME.log; NULL where that cannot be. */
static const char *log_file(struct arena *a, const struct env *env, struct span name)
{
    struct span state = env_get(env, SPAN_LIT("XDG_STATE_HOME"));
    struct span home = env_get(env, SPAN_LIT("HOME"));
    struct span steps[3];

    if (state.n) {
        steps[0] = steps[1] = arena_dup(a, state);
    } else if (home.n) {
        steps[0] = arena_printf(a, "%.*s/.local", SPAN_FMT(home));
        steps[1] = arena_printf(a, "%.*s/.local/state", SPAN_FMT(home));
    } else {
        return NULL;
    }
    steps[2] = arena_printf(a, "%.*s/lamplighter", SPAN_FMT(steps[1]));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (!steps[i].p || (mkdir(steps[i].p, 0700) != 0 && errno != EEXIST))
            return NULL;
    return arena_printf(a, "%.*s/engine-%.*s.log", SPAN_FMT(steps[2]), SPAN_FMT(name)).p;
}

int run_commands_make(struct run_commands *ret, const struct run *run, const struct settings *s,
                      struct err *e)
{
    char **env;

    _Static_assert(SETTINGS_ENGINES_MAX <= BOARD_ENGINES, "each engine has a place on the board");
    *ret = (struct run_commands){.n = s->engines_n};
    arena_init(&ret->arena, ARENA_BUDGET);
    env = make_env(&ret->arena, run->env);
    ret->commands = arena_zalloc(&ret->arena, (ret->n + 1) * sizeof(*ret->commands));
    for (size_t i = 0; env && ret->commands && i < ret->n; i++) {
        struct span name = arena_dup(&ret->arena, s->engines[i].provider->name);
        char **argv = make_argv(&ret->arena, &s->engines[i]);

        if (!name.p || !argv)
            goto fail;
        ret->commands[i] = (struct proc_command){
            .name = name.p,
            .argv = argv,
            .envp = env,
            .log_file = log_file(&ret->arena, run->env, name),
        };
    }
    if (env && ret->commands)
        return 0;
fail:
    run_commands_free(ret);
    return err_set(e, ERR_NOMEM, "no memory for the engines' commands");
}

void run_commands_free(struct run_commands *c)
{
    arena_fini(&c->arena);
    c->commands = NULL;
    c->n = 0;
}
