/*
 * status_read.c - what answers `lamplighter status` and the other commands that ask the admin port:
 * any bytes as an answer, and as its documents.
 *
 * Must hold: an answer is taken if it is whole, and then its body is its end; a text is a document
 * if it is JSON; rows stay within their tables, and no text holds a byte that steers a terminal.
 */
#include "base/mem.h"
#include "cmd/admin_call.h"
#include "cmd/doc_read.h"
#include "cmd/requests_read.h"
#include "cmd/route_read.h"
#include "cmd/status_read.h"
#include "codec/json_tree.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const char *p, size_t cap, bool newlines)
{
    const unsigned char *at = (const unsigned char *)p, *end = memchr(p, '\0', cap);

    MUST(end);
    while (at < end) {
        size_t n = utf8_len(at, end);

        MUST(n > 0 && *at != 0x7f);
        MUST(*at >= 0x20 || (newlines && *at == '\n'));
        MUST(n != 2 || at[0] != 0xC2 || at[1] >= 0xA0);
        at += n;
    }
}

#define CHECK(text) check_text((text), sizeof(text), false)

static void check_number(double v)
{
    MUST(v >= -1 && v <= DOC_NUMBER_MAX);
}

static void check_rows(const struct status_doc *d)
{
    check_number(d->uptime_s);
    for (size_t i = 0; i < d->workers_n; i++) {
        CHECK(d->workers[i].state);
        check_number(d->workers[i].slot);
    }
    for (size_t i = 0; i < d->engines_n; i++) {
        CHECK(d->engines[i].provider);
        CHECK(d->engines[i].state);
    }
    for (size_t i = 0; i < d->creds_n; i++) {
        CHECK(d->creds[i].provider);
        CHECK(d->creds[i].source);
        CHECK(d->creds[i].state);
        CHECK(d->creds[i].until);
        CHECK(d->creds[i].why);
    }
    for (size_t i = 0; i < d->models_n; i++) {
        CHECK(d->models[i].model);
        MUST(d->models[i].served_by_n <= STATUS_SERVERS);
        for (size_t k = 0; k < d->models[i].served_by_n; k++)
            CHECK(d->models[i].served_by[k].target);
    }
    for (size_t i = 0; i < d->targets_n; i++) {
        CHECK(d->targets[i].target);
        CHECK(d->targets[i].state);
    }
}

/* What the document says at its root, as a tree has it: the last of several members counts. */
static void against_tree(const struct status_doc *d, yyjson_val *root)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    yyjson_val *k, *live = NULL;

    while ((k = yyjson_obj_iter_next(&it)) != NULL)
        if (span_is(json_text(k), "live"))
            live = yyjson_obj_iter_get_val(k);
    MUST(d->is_live == yyjson_is_true(live));
}

static void read_document(struct span text)
{
    struct status_doc *d = mem_zalloc(1, sizeof(*d));
    char *reply = mem_alloc(STATUS_REPLY);
    struct json_tree t = {0};
    struct err e = {0}, why = {0};
    int rc, read;

    MUST(d && reply);
    rc = status_read(d, text, &e);
    read = json_tree_read(&t, text, &why);
    MUST(rc == read || (rc < 0 ? read == 0 : why.code != ERR_PROTOCOL)); /* one is less deep */
    if (rc == 0) {
        MUST(d->workers_n <= STATUS_WORKERS && d->engines_n <= STATUS_ENGINES);
        MUST(d->creds_n <= STATUS_CREDS && d->models_n <= STATUS_MODELS);
        MUST(d->targets_n <= STATUS_TARGETS);
        CHECK(d->version);
        CHECK(d->config_id);
        CHECK(d->config_source);
        CHECK(d->reloaded);
        check_rows(d);
    }
    if (rc == 0 && read == 0 && span_find(text, '\\') == SIZE_MAX)
        against_tree(d, t.root);
    json_tree_fini(&t);
    rc = status_read_reply(reply, text, &e);
    MUST(rc == 0 || reply[0] == '\0' || rc == -1);
    check_text(reply, STATUS_REPLY, true);
    mem_free(reply);
    mem_free(d);
}

static void check_row(const struct request_row *r)
{
    CHECK(r->time);
    CHECK(r->id);
    CHECK(r->model);
    CHECK(r->key);
    CHECK(r->target);
    CHECK(r->outcome);
    CHECK(r->reason);
    check_number(r->duration_ms);
    check_number(r->cost);
}

static void read_requests(struct span text)
{
    struct requests_doc *list = mem_zalloc(1, sizeof(*list));
    struct request_doc *one = mem_zalloc(1, sizeof(*one));
    struct err e;
    int rc;

    MUST(list && one);
    rc = requests_read(list, text, &e);
    MUST(request_read(one, text, &e) == rc);
    MUST(list->requests_n <= REQUESTS_ROWS && one->events_n <= REQUESTS_EVENTS);
    CHECK(list->since);
    for (size_t i = 0; i < list->requests_n; i++)
        check_row(&list->requests[i]);
    check_row(&one->request);
    for (size_t i = 0; i < one->events_n; i++) {
        CHECK(one->events[i].event);
        CHECK(one->events[i].target);
        CHECK(one->events[i].reason);
        CHECK(one->events[i].detail);
        CHECK(one->events[i].class_name);
        CHECK(one->events[i].text);
        check_number(one->events[i].at_ms);
    }
    mem_free(list);
    mem_free(one);
}

static void read_route(struct span text)
{
    struct route_doc *d = mem_zalloc(1, sizeof(*d));
    struct err e;

    MUST(d);
    MUST(route_read(d, text, &e) <= 0);
    MUST(d->targets_n <= ROUTE_TARGETS);
    CHECK(d->model);
    CHECK(d->path);
    CHECK(d->config);
    CHECK(d->text);
    CHECK(d->hint);
    for (size_t i = 0; i < d->targets_n; i++) {
        CHECK(d->targets[i].target);
        CHECK(d->targets[i].reason);
        CHECK(d->targets[i].detail);
        CHECK(d->targets[i].text);
        CHECK(d->targets[i].shares);
        check_number(d->targets[i].turn);
        check_number(d->targets[i].for_s);
    }
    mem_free(d);
}

static void read_answer(struct span all)
{
    struct buf body;
    uint16_t status;
    struct err e;

    buf_init(&body, ADMIN_BYTES_MAX);
    if (admin_read_answer(&body, &status, all, &e) == 0) {
        MUST(status <= 999 && span_ends(all, buf_span(&body)));
        MUST(span_ends(span_of(all.p, all.n - body.n), SPAN_LIT("\r\n\r\n")));
        read_document(buf_span(&body));
        MUST(admin_read_answer(&body, &status, span_of(all.p, all.n - 1), &e) < 0);
    }
    buf_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text = span_of((const char *)data, len);

    if (len > ADMIN_BYTES_MAX)
        return 0;
    read_answer(text);
    read_document(text);
    read_requests(text);
    read_route(text);
    return 0;
}
