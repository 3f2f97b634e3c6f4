/*
 * version.c - the one place that turns the build's version into bytes, so that a new version
 * number compiles one file's text and not every caller's.
 */
#include "base/version.h"

const char *version_text(void)
{
    return LAMPLIGHTER_VERSION;
}
