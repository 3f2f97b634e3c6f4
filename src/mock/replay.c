/*
 * replay.c - loads recordings once, at the start; they live until the end.
 *
 * The mock is a program of its own, so it reads its files itself, here and in main.c only.
 * Headers that belong to the recorded transport are left out: the framing is chosen anew.
 */
#include "mock/replay.h"

#include <dirent.h>
#include <yyjson.h>
#include <zlib.h>

#include "base/mem.h"

#define LINE_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define READ_BYTES     ((size_t)64 * 1024)
#define FILES_MAX      1024

static const char *const hop_by_hop[] = {
    "content-length", "transfer-encoding", "content-encoding",
    "connection",     "content-type",      "keep-alive",
};

void mock_replay_init(struct mock_replay *r)
{
    *r = (struct mock_replay){0};
    arena_init(&r->arena, MOCK_REPLAY_BYTES_MAX);
}

void mock_replay_fini(struct mock_replay *r)
{
    arena_fini(&r->arena);
    mem_free_ptr(&r->list);
    r->n = r->cap = 0;
}

static struct span str_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? span_of(yyjson_get_str(v), yyjson_get_len(v))
                            : (struct span){NULL, 0};
}

static bool one_line(struct span s)
{
    return span_find(s, '\r') == SIZE_MAX && span_find(s, '\n') == SIZE_MAX;
}

static int read_headers(struct mock_recording *rec, yyjson_val *headers, struct arena *arena,
                        struct err *e)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(headers);
    yyjson_val *key;
    struct buf b;
    int rc;

    buf_init(&b, READ_BYTES);
    while ((key = yyjson_obj_iter_next(&it))) {
        struct span name = str_of(key), text = str_of(yyjson_obj_iter_get_val(key));
        bool skip = !span_has(text) || !one_line(text) || !one_line(name);

        for (size_t h = 0; h < ARRAY_LEN(hop_by_hop) && !skip; h++)
            skip = span_eq_nocase(name, span_str(hop_by_hop[h]));
        if (span_eq_nocase(name, SPAN_LIT("content-type")) && one_line(text))
            rec->type = arena_dup(arena, text);
        if (!skip)
            buf_printf(&b, "%.*s: %.*s\r\n", SPAN_FMT(name), SPAN_FMT(text));
    }
    rec->headers = arena_dup(arena, b.n ? buf_span(&b) : SPAN_LIT(""));
    rc = buf_finish(&b, "headers of a recording", e);
    if (rc == 0 && !span_has(rec->headers))
        rc = err_set(e, ERR_NOMEM, "no memory for recordings");
    buf_fini(&b);
    return rc;
}

static enum mock_framing framing_of(struct span type, struct span body)
{
    if (span_contains(type, SPAN_LIT("vnd.amazon.eventstream")))
        return MOCK_FRAMING_AWS;
    if (span_contains(type, SPAN_LIT("ndjson")))
        return MOCK_FRAMING_LINES;
    if (span_contains(type, SPAN_LIT("text/event-stream")) ||
        span_starts(body, SPAN_LIT("data: ")) || span_starts(body, SPAN_LIT("event: ")))
        return MOCK_FRAMING_SSE;
    return MOCK_FRAMING_WHOLE;
}

static int push(struct mock_replay *r, const struct mock_recording *rec, struct err *e)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        void *p = mem_realloc(r->list, cap * sizeof(*r->list));

        if (!p)
            return err_set(e, ERR_NOMEM, "no memory for recordings");
        r->list = p;
        r->cap = cap;
    }
    r->list[r->n++] = *rec;
    return 0;
}

static int read_recording(struct mock_replay *r, yyjson_val *root, struct err *e)
{
    struct span id = str_of(yyjson_obj_get(root, "id"));
    struct span text = str_of(yyjson_obj_get(root, "resp"));
    struct span b64 = str_of(yyjson_obj_get(root, "resp_b64"));
    uint64_t status = yyjson_get_uint(yyjson_obj_get(root, "status"));
    struct mock_recording rec = {.status = (unsigned)status};
    struct buf bytes;
    int rc = -1;

    buf_init(&bytes, LINE_BYTES_MAX);
    if (!span_has(id))
        goto bad;
    if (!span_has(text) && !span_has(b64)) {
        rc = 0;
        goto out;
    }
    if (status < 200 || status > 999)
        goto bad;
    if (span_has(b64)) {
        if (mock_base64_add(&bytes, b64) < 0 || !buf_ok(&bytes))
            goto bad;
        text = buf_span(&bytes);
    }
    rec.id = arena_dup(&r->arena, id);
    rec.body = arena_dup(&r->arena, text.n ? text : SPAN_LIT(""));
    if (!span_has(rec.id) || !span_has(rec.body)) {
        err_set(e, ERR_NOMEM, "no memory for recordings");
        goto out;
    }
    if (read_headers(&rec, yyjson_obj_get(root, "resp_headers"), &r->arena, e) < 0)
        goto out;
    rec.framing = framing_of(rec.type, rec.body);
    rc = push(r, &rec, e);
    goto out;
bad:
    err_set(e, ERR_PARSE, "a recording needs an id, a status and resp or resp_b64");
out:
    buf_fini(&bytes);
    return rc;
}

int mock_replay_line(struct mock_replay *r, struct span line, struct err *e)
{
    yyjson_doc *doc = yyjson_read(line.p, line.n, YYJSON_READ_ALLOW_INVALID_UNICODE);
    int rc;

    if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
        rc = err_set(e, ERR_PARSE, "not a JSON object");
    else
        rc = read_recording(r, yyjson_doc_get_root(doc), e);
    yyjson_doc_free(doc);
    return rc;
}

/* Cut what the buffer has into lines; with `last` its rest is one too. */
static int take_lines(struct mock_replay *r, struct buf *b, uint64_t *line, bool last,
                      const char *path, struct err *e)
{
    size_t at = 0;

    while (at < b->n) {
        struct span rest = span_of(b->p + at, b->n - at);
        size_t lf = span_find(rest, '\n');

        if (lf == SIZE_MAX && !last)
            break;
        rest.n = MIN(lf, rest.n);
        at += MIN(rest.n + 1, b->n - at);
        ++*line;
        if (span_trim(rest).n && mock_replay_line(r, rest, e) < 0)
            return err_prefix(e, "%s:%llu", path, (unsigned long long)*line);
    }
    buf_consume(b, at);
    return 0;
}

/* zlib reads plain files as they are. */
static int load_file(struct mock_replay *r, const char *path, struct err *e)
{
    gzFile f = gzopen(path, "rb");
    uint64_t line = 0;
    struct buf b;
    int rc = -1, n;

    buf_init(&b, LINE_BYTES_MAX);
    if (!f) {
        err_set(e, ERR_SYS, "%s: cannot be opened", path);
        goto out;
    }
    do {
        char *to = buf_reserve(&b, READ_BYTES);

        n = to ? gzread(f, to, (unsigned)READ_BYTES) : -1;
        if (n < 0) {
            err_set(e, ERR_SYS, "%s: cannot be read, or a line is over 64 MiB", path);
            goto out;
        }
        buf_commit(&b, (size_t)n);
        if (take_lines(r, &b, &line, n == 0, path, e) < 0)
            goto out;
    } while (n > 0);
    rc = 0;
out:
    if (f)
        (void)gzclose(f);
    buf_fini(&b);
    return rc;
}

static int load_dir(struct mock_replay *r, DIR *dir, const char *path, struct err *e)
{
    const struct dirent *entry;
    unsigned files = 0;
    char full[4096];

    while ((entry = readdir(dir))) {
        struct span name = span_str(entry->d_name);

        if (!span_ends(name, SPAN_LIT(".jsonl")) && !span_ends(name, SPAN_LIT(".jsonl.gz")))
            continue;
        if (++files > FILES_MAX)
            return err_set(e, ERR_LIMIT, "%s: more than %d files", path, FILES_MAX);
        if (snprintf(full, sizeof(full), "%s/%s", path, name.p) >= (int)sizeof(full))
            return err_set(e, ERR_LIMIT, "%s/%s: the name is too long", path, name.p);
        if (load_file(r, full, e) < 0)
            return -1;
    }
    return 0;
}

int mock_replay_load(struct mock_replay *r, const char *path, struct err *e)
{
    DIR *dir = opendir(path);
    int rc;

    if (!dir)
        return load_file(r, path, e);
    rc = load_dir(r, dir, path, e);
    (void)closedir(dir);
    return rc;
}

const struct mock_recording *mock_replay_find(const struct mock_replay *r, struct span id)
{
    for (size_t i = 0; i < r->n; i++)
        if (span_eq(r->list[i].id, id))
            return &r->list[i];
    return NULL;
}
