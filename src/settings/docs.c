/*
 * docs.c - see docs.h.
 */
#include "settings/docs.h"

#include "base/mem.h"
#include "settings/build.h"
#include "settings/keys.h"
#include "settings/settings.h"
#include "settings/types.h"

#define SCRATCH_BYTES ((size_t)96 * 1024 * 1024)

void settings_write_schema(struct buf *out)
{
    conf_write_schema(out, &keys_table, "Lamplighter configuration");
}

static void reference_types(struct buf *out)
{
    static const struct conf_type *const types[] = {
        &conf_duration, &conf_size,     &conf_count,  &conf_string,  &conf_name,
        &conf_path,     &types_address, &types_url,   &types_secret, &types_hash,
        &types_date,    &types_target,  &types_model, &types_models, &conf_percent,
    };

    buf_add_str(out, "\n## How values are written\n\n| value | is |\n|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        buf_printf(out, "| %s | %s |\n", types[i]->name, types[i]->what);
}

static void reference_codes(struct buf *out)
{
    const char *code, *meaning;

    buf_add_str(out, "\n## Codes\n\n`lamplighter check` ends with status 3 when there is an error, "
                     "and with `--strict` also when there is a warning.\n\n"
                     "| code | meaning |\n|---|---|\n");
    for (size_t i = 0; (code = conf_code_at(i, &meaning)) != NULL; i++)
        buf_printf(out, "| %s | %s |\n", code, meaning);
}

void settings_write_reference(struct buf *out)
{
    buf_add_str(
        out,
        "# lamplighter.yaml\n"
        "\n"
        "Written by `lamplighter config reference` from the same table that reads the file; do not "
        "edit it. A complete example is in [sample/lamplighter.yaml](sample/lamplighter.yaml), a "
        "JSON Schema for editors in [lamplighter.schema.json](lamplighter.schema.json).\n"
        "\n"
        "The file is looked for as `-c FILE`, `$LAMPLIGHTER_CONFIG`, `./lamplighter.yaml`, "
        "`/etc/lamplighter/lamplighter.yaml`. Without a file the gateway serves what the "
        "environment offers (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY` and so on); `lamplighter config "
        "init` writes that down.\n"
        "\n"
        "The format is YAML without its traps. A value has the type of its key: `no`, `1.10` and "
        "`12:30` stay the text that they are. Unknown keys, duplicate keys, tabs and tags are "
        "errors. Anchors may be defined under top-level keys that begin with `x-`, which are "
        "otherwise ignored. JSON is valid input.\n");
    conf_write_reference(out, &keys_table);
    reference_types(out);
    reference_codes(out);
}

void settings_write_init(struct buf *out, const struct env *env, struct conf_report *report)
{
    struct conf_given given[2];
    struct buf found;
    size_t given_n = 0;
    struct span text, pass;

    buf_init(&found, out->max);
    settings_auto_text(&found, env, report);
    if (!buf_ok(&found)) {
        out->err = found.err;
        buf_fini(&found);
        return;
    }
    text = buf_span(&found);
    UNUSED(span_cut(&text, '\n')); /* the version, which the sample has itself */
    pass = span_of(text.p, 0);
    if (span_starts(text, SPAN_LIT("pass:"))) {
        UNUSED(span_cut(&text, '\n'));
        pass.n = (size_t)(text.p - pass.p);
        given[given_n++] = (struct conf_given){"pass", pass};
    }
    if (text.n)
        given[given_n++] = (struct conf_given){"providers", text};
    buf_add_str(out, "# yaml-language-server: "
                     "$schema=/usr/share/lamplighter/lamplighter.schema.json\n"
                     "# Check it with: lamplighter check -c FILE\n");
    conf_write_sample(out, &keys_table, given, given_n, false);
    buf_fini(&found);
}

int settings_write_values(struct buf *out, struct span text, struct span file,
                          struct conf_report *report, struct err *e)
{
    struct yaml_node *root = NULL;
    struct keys_config *keys;
    struct arena scratch;
    int rc = -1;

    arena_init(&scratch, SCRATCH_BYTES);
    conf_report_source(report, file, text);
    if (yaml_parse(&root, text, &scratch, report, e) < 0)
        goto out;
    keys = arena_zalloc(&scratch, sizeof(*keys));
    if (!keys) {
        err_set(e, ERR_NOMEM, "configuration: no memory");
        goto out;
    }
    if (conf_decode(&keys_table, root, keys, &scratch, report, e) < 0)
        goto out;
    if (report->errors > 0) {
        err_set(e, ERR_CONFIG, "%.*s: not valid", SPAN_FMT(file));
        goto out;
    }
    conf_write_values(out, &keys_table, keys);
    rc = 0;
out:
    arena_fini(&scratch);
    return rc;
}
