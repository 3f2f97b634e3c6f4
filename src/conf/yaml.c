/*
 * yaml.c - libyaml's events to a tree. See yaml.h.
 *
 * Own work on top of libyaml: it lets duplicate keys and tabs pass and says what is wrong in the
 * words of its grammar ("did not find expected '-' indicator"); here every one of its texts has
 * a sentence that tells people what to look for.
 *
 * The stack of open lists and maps is explicit, so nesting costs no C stack. An anchor becomes
 * known when its node is complete: a node cannot contain itself.
 */
#include "conf/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "conf/text.h"

struct anchor {
    struct span name;
    struct yaml_node *node;
};

struct open {
    struct yaml_node *node;
    struct yaml_node *key; /* of a map: read, and waiting for its value */
    struct span anchor;
};

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct conf_report *report;
    struct open stack[YAML_DEPTH_MAX];
    size_t depth;
    struct yaml_node *root;
    struct anchor anchors[YAML_ANCHORS_MAX];
    size_t anchors_n;
    uint32_t nodes;
    bool ended, nomem, stop; /* stop: going on makes no sense */
};

/* What libyaml says, in words for people. at_context: the place to show is where the unfinished
 * thing began, not where the parser gave up. The first row that fits wins. */
static const struct {
    const char *context, *problem, *plain;
    bool at_context;
} words[] = {
    /* clang-format off */
    {"quoted scalar", "end of stream", "the quote that begins here is never closed", true},
    {"quoted scalar", "document indicator", "the quote that begins here is never closed", true},
    {"", "could not find expected ':'", "a ':' is missing behind this key (or the line before is not finished)", true},
    {"", "mapping values are not allowed", "a ':' where no key can stand; if it belongs to a text, put the text in quotes", false},
    {"", "block sequence entries are not allowed", "a '-' where no list item can begin", false},
    {"", "mapping keys are not allowed", "a key where none can stand", false},
    {"", "cannot start any token", "no value can begin with this character; put the text in quotes", false},
    {"", "expected '-' indicator", "this line is indented like the list above it, but does not begin with '- '", false},
    {"", "did not find expected key", "this line does not fit the indentation of the lines above it", false},
    {"", "expected ',' or ']'", "a list in [ ] is not closed, or misses a comma", true},
    {"", "expected ',' or '}'", "a map in { } is not closed, or misses a comma", true},
    {"", "expected node content", "a value is missing here", false},
    {"", "expected <document start>", "this does not belong to what stands above it; is the indentation right?", false},
    {"", "unknown escape character", "an unknown escape behind '\\' in a text with double quotes; use single quotes", false},
    {"", "decimal number", "an escape \\x, \\u or \\U lacks its digits", false},
    {"", "Unicode character escape", "an escape that is no character", false},
    {"", "found a tab character", "a tab character; use spaces", false},
    {"", "block scalar", "behind '|' or '>' nothing may follow on the line", false},
    {"block scalar", "", "behind '|' or '>' nothing may follow on the line", false},
    {"anchor", "", "a '&' must be followed by a name; if it belongs to a text, put the text in quotes", false},
    {"alias", "", "a '*' must be followed by a name; if it belongs to a text, put the text in quotes", false},
    {"tag", "", "a tag ('!'); if it belongs to a text, put the text in quotes", false},
    {"", "unexpected ':'", "a ':' inside { } or [ ] needs a space behind it, or quotes around the text", false},
    {"directive", "", "a line that begins with '%' is a directive, which is not read here", false},
    {"", "directive", "a directive that is not read here", false},
    {"", "incompatible YAML document", "a YAML version that is not read here", false},
    {"", "maximum", "nested too deep", false},
    /* clang-format on */
};

static struct conf_place place(const yaml_mark_t *from, const yaml_mark_t *to)
{
    struct conf_place at = {(uint32_t)from->line + 1, (uint32_t)from->column + 1, 1};

    if (to->line == from->line && to->column > from->column)
        at.width = (uint32_t)(to->column - from->column);
    return at;
}

static void explain(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *context = p->context ? p->context : "", *problem = p->problem ? p->problem : "";
    const yaml_mark_t *mark = &p->problem_mark;

    if (p->error == YAML_MEMORY_ERROR) {
        r->nomem = true;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!strstr(context, words[i].context) || !strstr(problem, words[i].problem))
            continue;
        if (words[i].at_context && p->context)
            mark = &p->context_mark;
        conf_report_add(r->report, CONF_ERROR, "E004", place(mark, mark), "%s", words[i].plain);
        return;
    }
    conf_report_add(r->report, CONF_ERROR, "E004", place(mark, mark), "not YAML: %s", problem);
}

/* Is what is being read below a top-level key x-...? */
static bool in_x_block(const struct reader *r)
{
    return r->depth > 0 && r->stack[0].key && span_starts(r->stack[0].key->text, SPAN_LIT("x-"));
}

static int by_text(const void *a, const void *b)
{
    const struct yaml_node *x = *(struct yaml_node *const *)a;
    const struct yaml_node *y = *(struct yaml_node *const *)b;
    int c = memcmp(x->text.p, y->text.p, MIN(x->text.n, y->text.n));

    if (c != 0)
        return c;
    if (x->text.n != y->text.n)
        return x->text.n < y->text.n ? -1 : 1;
    if (x->at.line != y->at.line)
        return x->at.line < y->at.line ? -1 : 1;
    return x->at.col < y->at.col ? -1 : x->at.col > y->at.col;
}

/* A map is complete: complain about keys that stand in it twice. */
static void check_keys(struct reader *r, const struct yaml_node *map)
{
    const struct yaml_node **keys;
    size_t n = 0;

    if (map->n < 2)
        return;
    keys = (const struct yaml_node **)arena_alloc(r->arena, map->n * sizeof(struct yaml_node *));
    if (!keys) {
        r->nomem = true;
        return;
    }
    for (const struct yaml_node *v = map->first; v; v = v->next)
        keys[n++] = v->key;
    qsort((void *)keys, n, sizeof(*keys), by_text);
    for (size_t i = 1; i < n; i++) {
        if (!span_eq(keys[i]->text, keys[i - 1]->text))
            continue;
        conf_report_add(r->report, CONF_ERROR, "E005", keys[i]->at,
                        "key '%.*s' stands twice; it is already on line %u",
                        SPAN_FMT(keys[i]->text), keys[i - 1]->at.line);
    }
}

static void note_anchor(struct reader *r, struct span name, struct yaml_node *node)
{
    if (!span_has(name) || !in_x_block(r))
        return; /* complained about where it began */
    for (size_t i = 0; i < r->anchors_n; i++) {
        if (span_eq(r->anchors[i].name, name)) {
            conf_report_add(r->report, CONF_ERROR, "E007", node->at,
                            "anchor '&%.*s' is defined twice", SPAN_FMT(name));
            return;
        }
    }
    if (r->anchors_n == YAML_ANCHORS_MAX) {
        conf_report_add(r->report, CONF_ERROR, "E007", node->at, "more than %d anchors",
                        YAML_ANCHORS_MAX);
        return;
    }
    r->anchors[r->anchors_n++] = (struct anchor){name, node};
}

/* Put a node where it belongs: as key or value of the map, as item of the list, as root. */
static void place_node(struct reader *r, struct yaml_node *node)
{
    struct open *o = r->depth ? &r->stack[r->depth - 1] : NULL;
    struct yaml_node *in;

    if (!o) {
        r->root = node;
        return;
    }
    in = o->node;
    in->weight += node->weight;
    if (in->kind == YAML_MAP && !o->key) {
        o->key = node;
        if (node->kind != YAML_SCALAR) {
            conf_report_add(r->report, CONF_ERROR, "E010", node->at,
                            "%s cannot be a key; a key is one word", yaml_kind_name(node->kind));
            node->text = SPAN_LIT("?");
        }
        return;
    }
    node->key = o->key;
    if (in->last)
        in->last->next = node;
    else
        in->first = node;
    in->last = node;
    in->n++;
    in->height = MAX(in->height, node->height + 1);
}

/* The value that waited behind a key has come: the next scalar is a key again. */
static void settle_key(struct reader *r, const struct yaml_node *node)
{
    struct open *o = r->depth ? &r->stack[r->depth - 1] : NULL;

    if (o && o->key != node)
        o->key = NULL;
}

static struct yaml_node *new_node(struct reader *r, enum yaml_kind kind, const yaml_event_t *ev)
{
    struct yaml_node *node = arena_zalloc(r->arena, sizeof(*node));

    if (!node) {
        r->nomem = true;
        return NULL;
    }
    node->kind = kind;
    node->at = place(&ev->start_mark, &ev->end_mark);
    if (kind != YAML_SCALAR)
        node->at.width = 1;
    node->weight = 1;
    node->height = 1;
    return node;
}

/* Count nodes against the bound. */
static bool spend(struct reader *r, uint32_t n, struct conf_place at)
{
    if (n <= YAML_NODES_MAX - r->nodes) {
        r->nodes += n;
        return true;
    }
    conf_report_add(r->report, CONF_ERROR, "E009", at, "more than %d values", YAML_NODES_MAX);
    r->stop = true;
    return false;
}

static bool shallow(struct reader *r, size_t height, struct conf_place at)
{
    if (r->depth + height <= YAML_DEPTH_MAX)
        return true;
    conf_report_add(r->report, CONF_ERROR, "E009", at, "nested deeper than %d levels",
                    YAML_DEPTH_MAX);
    r->stop = true;
    return false;
}

/* A copy of what libyaml holds in its event; absent stays absent. */
static struct span copy(struct reader *r, const yaml_char_t *p, size_t n)
{
    struct span s;

    if (!p)
        return (struct span){NULL, 0};
    s = arena_dup(r->arena, span_of((const char *)p, n));
    if (!span_has(s))
        r->nomem = true;
    return s;
}

static struct span copy_str(struct reader *r, const yaml_char_t *p)
{
    return copy(r, p, p ? strlen((const char *)p) : 0);
}

/* Tags and anchors, on whatever they stand. Gives the anchor's name. */
static struct span check_marks(struct reader *r, const yaml_char_t *tag, const yaml_char_t *anchor,
                               struct conf_place at)
{
    if (tag)
        conf_report_add(r->report, CONF_ERROR, "E006", at,
                        "a tag ('!...') is not read here; the key decides what a value is");
    if (anchor && !in_x_block(r))
        conf_report_add(r->report, CONF_ERROR, "E007", at,
                        "anchor '&%s' outside a top-level x- block", (const char *)anchor);
    return copy_str(r, anchor);
}

static void on_scalar(struct reader *r, const yaml_event_t *ev)
{
    struct yaml_node *node = new_node(r, YAML_SCALAR, ev);
    struct span anchor;

    if (!node || !spend(r, 1, node->at) || !shallow(r, 1, node->at))
        return;
    anchor = check_marks(r, ev->data.scalar.tag, ev->data.scalar.anchor, node->at);
    node->text = copy(r, ev->data.scalar.value, ev->data.scalar.length);
    node->null = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                 (node->text.n == 0 || span_is(node->text, "~") ||
                  span_eq_nocase(node->text, SPAN_LIT("null")));
    note_anchor(r, anchor, node);
    place_node(r, node);
    settle_key(r, node);
}

static void on_begin(struct reader *r, enum yaml_kind kind, const yaml_event_t *ev)
{
    const yaml_char_t *tag, *anchor;
    struct yaml_node *node = new_node(r, kind, ev);

    if (!node || !spend(r, 1, node->at) || !shallow(r, 1, node->at))
        return;
    tag = kind == YAML_MAP ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;
    anchor = kind == YAML_MAP ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;
    r->stack[r->depth] = (struct open){
        .node = node,
        .anchor = check_marks(r, tag, anchor, node->at),
    };
    r->depth++;
}

static void on_end(struct reader *r)
{
    struct open o;

    MUST(r->depth > 0); /* libyaml's events nest */
    o = r->stack[--r->depth];
    if (o.node->kind == YAML_MAP)
        check_keys(r, o.node);
    note_anchor(r, o.anchor, o.node);
    place_node(r, o.node);
    settle_key(r, o.node);
}

static void on_alias(struct reader *r, const yaml_event_t *ev)
{
    struct span name = span_str((const char *)ev->data.alias.anchor);
    struct yaml_node *node = new_node(r, YAML_SCALAR, ev);
    const struct yaml_node *to = NULL;
    struct conf_place at;

    if (!node)
        return;
    at = node->at;
    for (size_t i = 0; i < r->anchors_n; i++)
        if (span_eq(r->anchors[i].name, name))
            to = r->anchors[i].node;
    if (!to) {
        conf_report_add(r->report, CONF_ERROR, "E007", at,
                        "alias '*%.*s' has no anchor '&%.*s' in a top-level x- block above it",
                        SPAN_FMT(name), SPAN_FMT(name));
        node->null = true;
        node->text = SPAN_LIT("");
        if (!spend(r, 1, at))
            return;
    } else {
        if (!spend(r, to->weight, at) || !shallow(r, to->height, at))
            return;
        *node = *to; /* shares the children, which nobody changes any more */
        node->at = at;
        node->key = NULL;
        node->next = NULL;
    }
    place_node(r, node);
    settle_key(r, node);
}

static void on_event(struct reader *r, const yaml_event_t *ev)
{
    struct conf_place at = place(&ev->start_mark, &ev->start_mark);

    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(r, ev);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_begin(r, YAML_LIST, ev);
        break;
    case YAML_MAPPING_START_EVENT:
        on_begin(r, YAML_MAP, ev);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_end(r);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(r, ev);
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (r->root) {
            conf_report_add(r->report, CONF_ERROR, "E008", at,
                            "a second document begins here; a configuration is one document");
            r->stop = true;
        }
        break;
    case YAML_STREAM_END_EVENT:
        r->ended = true;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

static void read_events(struct reader *r)
{
    yaml_event_t ev;

    while (!r->ended && !r->stop && !r->nomem) {
        if (!yaml_parser_parse(&r->parser, &ev)) {
            explain(r);
            return;
        }
        on_event(r, &ev);
        yaml_event_delete(&ev);
    }
}

/* The root of a text that holds nothing but comments. */
static struct yaml_node *empty_map(struct reader *r)
{
    struct yaml_node *node = arena_zalloc(r->arena, sizeof(*node));

    if (!node) {
        r->nomem = true;
        return NULL;
    }
    node->kind = YAML_MAP;
    node->at = (struct conf_place){1, 1, 1};
    node->weight = 1;
    node->height = 1;
    return node;
}

static int read_text(struct reader *r, struct span text, struct err *e)
{
    size_t errors = r->report->errors;

    if (!yaml_parser_initialize(&r->parser))
        return err_set(e, ERR_NOMEM, "configuration: no memory");
    if (span_starts(text, SPAN_LIT("\xEF\xBB\xBF")))
        text = span_of(text.p + 3, text.n - 3);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    read_events(r);
    yaml_parser_delete(&r->parser);
    if (!r->nomem && r->report->errors == errors && (!r->root || r->root->null))
        r->root = empty_map(r);
    if (r->nomem)
        return err_set(e, ERR_NOMEM, "configuration: no memory");
    return 0;
}

int yaml_parse(struct yaml_node **ret, struct span text, struct arena *a,
               struct conf_report *report, struct err *e)
{
    size_t errors = report->errors;
    struct reader *r;

    MUST(ret && a && e);
    if (text.n > YAML_BYTES_MAX) {
        conf_report_add(report, CONF_ERROR, "E001", (struct conf_place){0, 0, 0},
                        "larger than %zu bytes", YAML_BYTES_MAX);
        return err_set(e, ERR_CONFIG, "configuration: larger than %zu bytes", YAML_BYTES_MAX);
    }
    if (text_check(text, report) < 0)
        return err_set(e, ERR_CONFIG, "configuration: not readable as text");
    r = arena_zalloc(a, sizeof(*r));
    if (!r)
        return err_set(e, ERR_NOMEM, "configuration: no memory");
    r->arena = a;
    r->report = report;
    if (read_text(r, text, e) < 0)
        return -1;
    if (report->errors == errors && r->root->kind != YAML_MAP)
        conf_report_add(report, CONF_ERROR, "E010", r->root->at,
                        "a configuration is a map of keys, this is %s",
                        yaml_kind_name(r->root->kind));
    if (report->errors != errors) {
        /* A duplicate key or a tag does not hide the rest: hand the tree out to be checked. */
        if (r->ended && r->root && r->root->kind == YAML_MAP)
            *ret = r->root;
        return err_set(e, ERR_CONFIG, "configuration: not valid YAML");
    }
    *ret = r->root;
    return 0;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
    switch (kind) {
    case YAML_LIST:
        return "a list";
    case YAML_MAP:
        return "a map";
    case YAML_SCALAR:
        break;
    }
    return "a single value";
}
