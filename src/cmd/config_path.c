/*
 * config_path.c - where the configuration is looked for; one rule for all commands.
 */
#include <unistd.h>

#include "cmd/config.h"

struct span config_path(const char *given, const struct env *env)
{
    static const char *const places[] = {"lamplighter.yaml", "/etc/lamplighter/lamplighter.yaml"};
    struct span named = env_get(env, SPAN_LIT("LAMPLIGHTER_CONFIG"));

    if (given)
        return span_str(given);
    if (named.n > 0)
        return named; /* NUL-terminated: a value of the environment */
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (access(places[i], F_OK) == 0)
            return span_str(places[i]);
    return (struct span){NULL, 0};
}
