/*
 * prom.h - a strict reader of Prometheus text 0.0.4, for tests.
 */
#ifndef TESTS_UNIT_OPS_PROM_H
#define TESTS_UNIT_OPS_PROM_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ops/metrics.h"

/* Fail the test unless the text keeps every rule: HELP, TYPE, then the samples of one family
 * together; names and label names; escapes; no sample twice; cumulative buckets that end with
 * +Inf, which equals _count; valid UTF-8; a newline at the end. Returns how many samples. */
size_t prom_check(struct span text);

/* The value behind exactly this sample ("name{a=\"b\"}"), or NAN. */
double prom_value(struct span text, const char *sample);

/* The registry as text, checked; the caller frees it. */
char *prom_text(const struct metrics *m);

#endif
