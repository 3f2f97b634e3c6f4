/*
 * script.c - finds out what the next answer shall do. Later carriers win: script, model, header.
 */
#include "mock/script.h"

static const char *const keys[] = {"model", "path", "key", "user-agent"};

void mock_script_init(struct mock_script *s)
{
    memset(s, 0, sizeof(*s));
    arena_init(&s->arena, 2 * MOCK_SCRIPT_BYTES_MAX);
}

void mock_script_fini(struct mock_script *s)
{
    arena_fini(&s->arena);
    s->lines_n = s->models_n = 0;
}

/* The next word of *rest; absent at the end. */
static struct span next_word(struct span *rest)
{
    struct span word;

    *rest = span_trim(*rest);
    if (rest->n == 0)
        return (struct span){NULL, 0};
    word = span_of(rest->p, MIN(MIN(span_find(*rest, ' '), span_find(*rest, '\t')), rest->n));
    *rest = span_of(rest->p + word.n, rest->n - word.n);
    return word;
}

/* Split "key=glob" or "glob"; -1 for an unknown key. */
static int split_word(struct span word, size_t *key, struct span *glob)
{
    struct span rest = word, name = span_cut(&rest, '=');

    *key = 0;
    *glob = word;
    if (!span_has(rest) || span_find(name, ';') != SIZE_MAX)
        return 0; /* a model, maybe with a list in its name */
    *glob = rest;
    for (*key = 0; *key < ARRAY_LEN(keys); ++*key)
        if (span_is(name, keys[*key]))
            return 0;
    return -1;
}

static int read_line(struct mock_script *s, struct span line, struct err *e)
{
    static const char arrow[] = "=>";
    const char *hit = memmem(line.p, line.n, arrow, 2);
    struct span match, list, rest, word, glob;
    struct mock_how probe;
    size_t key;

    if (!hit)
        return err_set(e, ERR_CONFIG, "not MATCH => LIST");
    match = span_trim(span_of(line.p, (size_t)(hit - line.p)));
    list = span_trim(span_of(hit + 2, (size_t)(line.p + line.n - hit) - 2));
    if (match.n == 0)
        return err_set(e, ERR_CONFIG, "nothing before =>");
    for (rest = match; span_has(word = next_word(&rest));)
        if (split_word(word, &key, &glob) < 0)
            return err_set(e, ERR_CONFIG,
                           "'%.*s': requests are matched by model, path, key or "
                           "user-agent",
                           SPAN_FMT(word));
    mock_how_init(&probe);
    if (mock_how_apply(&probe, list, 1, 0, e) < 0)
        return err_prefix(e, "after =>");
    if (s->lines_n == MOCK_SCRIPT_LINES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d lines", MOCK_SCRIPT_LINES_MAX);
    s->lines[s->lines_n++] = (struct mock_script_line){match, list};
    return 0;
}

int mock_script_read(struct mock_script *s, struct span text, struct err *e)
{
    struct span rest = arena_dup(&s->arena, text.n ? text : SPAN_LIT("\n"));
    unsigned number = 0;

    if (!span_has(rest))
        return err_set(e, ERR_NOMEM, "script: too large");
    while (span_has(rest)) {
        struct span line = span_cut(&rest, '\n');

        number++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        line = span_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (read_line(s, line, e) < 0)
            return err_prefix(e, "line %u", number);
    }
    return 0;
}

/* Which request of this model is it, from 1? Only with `keep` is it counted. */
static uint64_t count(struct mock_script *s, struct span model, bool keep)
{
    size_t i = 0;

    while (i < s->models_n && !span_eq(s->models[i], model))
        i++;
    if (!keep)
        return i < s->models_n ? s->counts[i] + 1 : 1;
    if (i == s->models_n && i < MOCK_MODELS_MAX) {
        struct span copy = arena_dup(&s->arena, model.n ? model : SPAN_LIT("-"));

        if (span_has(copy))
            s->models[s->models_n++] = span_of(copy.p, model.n);
        else
            i = MOCK_MODELS_MAX;
    }
    return ++s->counts[i];
}

static bool matches(struct span match, const struct mock_facts *f, const struct mock_req *r)
{
    struct span credential = mock_req_field(r, "authorization"), word, glob;
    struct span values[ARRAY_LEN(keys)];
    size_t key;

    if (!span_has(credential))
        credential = mock_req_field(r, "x-api-key");
    values[0] = f->model;
    values[1] = f->path;
    values[2] = credential;
    values[3] = mock_req_field(r, "user-agent");
    while (span_has(word = next_word(&match)))
        if (split_word(word, &key, &glob) < 0 || !span_glob(glob, values[key]))
            return false;
    return true;
}

int mock_script_decide(struct mock_script *s, const struct mock_facts *f, const struct mock_req *r,
                       uint64_t draw, bool keep, struct mock_how *ret, struct err *e)
{
    uint64_t seen = count(s, f->model, keep);
    struct span replay = mock_req_field(r, "x-mock-replay");

    mock_how_init(ret);
    for (size_t i = 0; i < s->lines_n; i++)
        if (matches(s->lines[i].match, f, r) &&
            mock_how_apply(ret, s->lines[i].list, seen, draw, e) < 0)
            return err_prefix(e, "script");
    if (mock_how_apply(ret, mock_model_list(f->model), seen, draw, e) < 0)
        return err_prefix(e, "model name");
    if (mock_how_apply(ret, mock_req_field(r, "x-mock"), seen, draw, e) < 0)
        return err_prefix(e, "x-mock header");
    if (replay.n)
        (void)snprintf(ret->replay, sizeof(ret->replay), "%.*s", SPAN_FMT(replay));
    return 0;
}
