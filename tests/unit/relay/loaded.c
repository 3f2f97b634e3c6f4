#include "loaded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "conf/report.h"

struct settings *loaded(const char *config, const char *prices, const char *const *table)
{
    struct conf_report *report = mem_zalloc(1, sizeof(*report));
    struct settings *ret = NULL;
    struct env *env = NULL;
    struct err e;

    assert_non_null(report);
    conf_report_init(report);
    assert_int_equal(env_new_table(&env, table, &e), 0);
    if (settings_load_with(&ret, span_str(config), SPAN_LIT("test.yaml"), span_str(prices), env,
                           report, &e) < 0)
        fail_msg("%s: %.*s", e.text, SPAN_FMT(report->diags[0].text));
    conf_report_fini(report);
    mem_free(report);
    env_free(&env);
    return ret;
}
