/*
 * version.h - which Lamplighter this is.
 *
 * Room: base.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* The version as "major.minor.patch". Static storage; never NULL. */
const char *version_text(void);

#endif
