/*
 * banned.h - calls that the project does not use, made into build errors.
 *
 * They overflow (strcpy, sprintf), keep hidden state (strtok, gmtime), or swallow errors (atoi,
 * strtol). Instead: struct buf, span_* of base/span.h, snprintf with the size checked.
 *
 * Room: base.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* The headers that declare them come first, or the poison would hit the declarations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <wchar.h>

#pragma GCC poison strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof strtol strtoul strtoll strtoull strtod
#pragma GCC poison gmtime localtime ctime asctime

#endif
