/*
 * log.c - one line, one write: two readers never see half a line. Credentials are logged in
 * full: they are a test's, and the test wants to see which one arrived.
 */
#include "mock/log.h"

#include "mock/text.h"

#define ULL(x)         ((unsigned long long)(x))
#define LINE_BYTES_MAX ((size_t)448 * 1024 * 1024) /* a 64 MiB body, every byte escaped */

int mock_log_open(struct mock_log *l, const char *path, struct err *e)
{
    l->file = fopen(path, "ae");
    return l->file ? 0 : err_set(e, ERR_SYS, "%s: cannot be written", path);
}

void mock_log_close(struct mock_log *l)
{
    if (l->file)
        (void)fclose(l->file); /* every line has been flushed */
    l->file = NULL;
}

/* All of them: that something does not arrive can only be shown by a log that leaves nothing out.
 */
static void put_headers(struct buf *b, const struct mock_req *r)
{
    buf_add_str(b, ",\"headers\":{");
    for (size_t i = 0; i < r->fields_n; i++) {
        const struct mock_field *f = &r->fields[i];

        if (i)
            buf_add_char(b, ',');
        mock_quote(b, span_of(r->head.p + f->name, f->name_n));
        buf_add_char(b, ':');
        mock_quote(b, span_of(r->head.p + f->value, f->value_n));
    }
    buf_add_char(b, '}');
}

static void put_line(struct mock_log *l, struct buf *b)
{
    buf_add_str(b, "}\n");
    if (buf_ok(b))
        (void)fwrite(b->p, 1, b->n, l->file);
    (void)fflush(l->file);
}

void mock_log_request(struct mock_log *l, uint64_t n, uint64_t conn, uint64_t at_ms,
                      const struct mock_req *r, const struct mock_facts *f, const char *fault)
{
    char sum[65];
    struct buf b;

    if (!l->file)
        return;
    buf_init(&b, LINE_BYTES_MAX);
    buf_printf(&b,
               "{\"ev\":\"request\",\"n\":%llu,\"conn\":%llu,\"at_ms\":%llu,\"method\":", ULL(n),
               ULL(conn), ULL(at_ms));
    mock_quote(&b, mock_req_method(r));
    buf_add_str(&b, ",\"path\":");
    mock_quote(&b, mock_req_target(r));
    buf_add_str(&b, ",\"model\":");
    mock_quote(&b, f->model);
    buf_printf(&b, ",\"stream\":%s,\"fault\":\"%s\",\"last_user\":", f->stream ? "true" : "false",
               fault);
    mock_quote(&b, span_of(f->last_user.p, MIN(f->last_user.n, 200U)));
    put_headers(&b, r);
    mock_sha256(r->body.p, r->body.n, sum);
    buf_printf(&b, ",\"fields\":%zu,\"body_bytes\":%zu,\"body_sha256\":\"%s\"", r->fields_n,
               r->body.n, sum);
    if (l->bodies) {
        buf_add_str(&b, ",\"body\":");
        mock_quote(&b, buf_span(&r->body));
    }
    put_line(l, &b);
    buf_fini(&b);
}

void mock_log_end(struct mock_log *l, const struct mock_log_end *end)
{
    struct buf b;

    if (!l->file)
        return;
    buf_init(&b, LINE_BYTES_MAX);
    buf_printf(&b,
               "{\"ev\":\"end\",\"n\":%llu,\"conn\":%llu,\"at_ms\":%llu,\"how\":\"%s\","
               "\"status\":%u,\"body_bytes\":%llu,\"ms\":%llu,\"ms_since_last_byte\":%llu",
               ULL(end->n), ULL(end->conn), ULL(end->at_ms), end->how, end->status,
               ULL(end->body_bytes), ULL(end->ms), ULL(end->idle_ms));
    put_line(l, &b);
    buf_fini(&b);
}

void mock_log_bad(struct mock_log *l, uint64_t conn, uint64_t at_ms, const char *what,
                  const char *why)
{
    struct buf b;

    if (!l->file)
        return;
    buf_init(&b, LINE_BYTES_MAX);
    buf_printf(&b, "{\"ev\":\"%s\",\"conn\":%llu,\"at_ms\":%llu,\"why\":", what, ULL(conn),
               ULL(at_ms));
    mock_quote(&b, span_str(why));
    put_line(l, &b);
    buf_fini(&b);
}
