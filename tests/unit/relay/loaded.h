/*
 * loaded.h - a snapshot of a text that must be right, for tests that need no network.
 */
#ifndef TESTS_RELAY_LOADED_H
#define TESTS_RELAY_LOADED_H

#include "settings/settings.h"

/* env: "NAME=value", NULL behind the last. prices: of a price file; NULL: there is none. */
struct settings *loaded(const char *config, const char *prices, const char *const *env);

#endif
