/*
 * Goal: the page leaves no row out, and no cell breaks its table.
 * Method: what stands in the tables, looked for in the page; cells counted in each of its lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/docs.h"
#include "provider/errors.h"

static struct buf page;

static int write_page(void **state)
{
    UNUSED(state);
    buf_init(&page, (size_t)1 << 20);
    provider_write_docs(&page);
    assert_true(buf_ok(&page));
    return 0;
}

static int free_page(void **state)
{
    UNUSED(state);
    buf_fini(&page);
    return 0;
}

static void has(const char *before, const char *text, const char *behind)
{
    char want[256];
    int n = snprintf(want, sizeof(want), "%s%s%s", before, text, behind);

    assert_true(n > 0 && (size_t)n < sizeof(want));
    if (!span_contains(buf_span(&page), span_str(want)))
        fail_msg("not in the page: %s", want);
}

static void has_errors(const struct provider_error_row *rows)
{
    for (; rows->class_id != CLASS_NONE; rows++) {
        if (rows->type)
            has("`", rows->type, "` |");
        if (rows->text)
            has("`", rows->text, "` |");
    }
}

/* A path, or one for whole answers and one for streams. */
static void has_path(const char *paths)
{
    const char *stream = paths ? strchr(paths, '|') : NULL;
    char whole[256];

    if (!paths)
        return;
    UNUSED(snprintf(whole, sizeof(whole), "%.*s",
                    stream ? (int)(stream - paths) : (int)strlen(paths), paths));
    has(" `", whole, "`");
    if (stream)
        has(" (streams: `", stream + 1, "`)");
}

static void every_row_is_there(void **state)
{
    const struct provider *p;

    UNUSED(state);
    for (size_t i = 0; (p = provider_at(i)) != NULL; i++) {
        has("\n## ", p->name, "\n");
        has("| ", p->title, " |\n");
        if (p->base)
            has("| base URL | `", p->base, "` |");
        for (size_t k = 0; p->env_keys[k]; k++)
            has("`", p->env_keys[k], "`");
        for (size_t k = 0; p->models[k]; k++)
            has("`", p->models[k], "`");
        for (size_t op = 0; op < OPS; op++)
            has_path(p->paths[op]);
        has_errors(p->errors);
    }
    has_errors(errors_common);
    has_errors(errors_streamed);
    for (int i = CLASS_NONE + 1; i < CLASSES; i++)
        has("\n| ", class_row((enum class_id)i)->name, " | ");
}

static size_t cells(struct span line)
{
    size_t n = 0;

    for (size_t i = 0; i < line.n; i++)
        n += line.p[i] == '|';
    return n;
}

static void tables_are_whole(void **state)
{
    struct span rest = buf_span(&page), line;
    size_t want = 0, tables = 0;

    UNUSED(state);
    while (span_has(rest)) {
        line = span_cut(&rest, '\n');
        if (line.n == 0 || line.p[0] != '|') {
            want = 0;
            continue;
        }
        tables += want == 0;
        want = want ? want : cells(line);
        if (cells(line) != want || line.p[line.n - 1] != '|')
            fail_msg("a broken line of a table: %.*s", SPAN_FMT(line));
    }
    assert_true(tables > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_there),
        cmocka_unit_test(tables_are_whole),
    };

    return cmocka_run_group_tests(tests, write_page, free_page);
}
