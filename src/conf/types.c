/*
 * types.c - the scalar types that every configuration has: text with a unit to a number.
 *
 * Numbers are read as decimal fixed point, exactly: 1.5s is 1500, and 0.0001s is refused rather
 * than rounded to nothing.
 */
#include "conf/keys.h"

#define TEXT_MAX       4096
#define NAME_MAX_BYTES 64

struct unit {
    const char *name;
    uint64_t times;
};

/* digits[.digits]unit */
static int read_scaled(struct span text, const struct unit *units, size_t n, uint64_t *ret)
{
    uint64_t whole = 0, part = 0, scale = 1, v;
    struct span digits, fraction = {NULL, 0};
    const struct unit *u = NULL;
    size_t i = 0;

    while (i < text.n && ((text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == '.'))
        i++;
    digits = span_of(text.p, i);
    for (size_t k = 0; k < n && !u; k++)
        if (span_is(span_of(text.p + i, text.n - i), units[k].name))
            u = &units[k];
    if (!u)
        return -1;
    if (span_find(digits, '.') != SIZE_MAX) {
        fraction = digits;
        digits = span_cut(&fraction, '.');
        if (fraction.n > 6 || span_u64(fraction, &part) < 0)
            return -1;
    }
    if (span_u64(digits, &whole) < 0)
        return -1;
    for (i = 0; i < fraction.n; i++)
        scale *= 10;
    if (__builtin_mul_overflow(whole, u->times, &v) ||
        __builtin_mul_overflow(part, u->times, &part) || part % scale != 0 ||
        __builtin_add_overflow(v, part / scale, &v))
        return -1;
    *ret = v;
    return 0;
}

static bool bare_number(struct span text)
{
    uint64_t v;

    return span_u64(text, &v) == 0;
}

static int read_duration(struct span text, uint64_t *ret, struct err *e)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };

    if (bare_number(text))
        return err_set(e, ERR_PARSE, "needs a unit: %.*sms, %.*ss, %.*sm", SPAN_FMT(text),
                       SPAN_FMT(text), SPAN_FMT(text));
    return read_scaled(text, units, ARRAY_LEN(units), ret);
}

static int read_size(struct span text, uint64_t *ret, struct err *e)
{
    static const struct unit units[] = {
        {"B", 1},          {"K", 1ULL << 10},   {"KiB", 1ULL << 10}, {"KB", 1000},
        {"kB", 1000},      {"M", 1ULL << 20},   {"MiB", 1ULL << 20}, {"MB", 1000000},
        {"G", 1ULL << 30}, {"GiB", 1ULL << 30}, {"GB", 1000000000},
    };

    if (bare_number(text))
        return err_set(e, ERR_PARSE, "needs a unit: %.*sB, %.*sKiB, %.*sMiB", SPAN_FMT(text),
                       SPAN_FMT(text), SPAN_FMT(text));
    return read_scaled(text, units, ARRAY_LEN(units), ret);
}

static int read_percent(struct span text, uint64_t *ret, struct err *e)
{
    static const struct unit units[] = {{"%", 10000}};

    if (bare_number(text))
        return err_set(e, ERR_PARSE, "needs its sign: %.*s%%", SPAN_FMT(text));
    return read_scaled(text, units, ARRAY_LEN(units), ret);
}

static int read_count(struct span text, uint64_t *ret, struct err *e)
{
    static const struct unit units[] = {
        {"", 1}, {"k", 1000}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000},
    };

    UNUSED(e);
    return read_scaled(text, units, ARRAY_LEN(units), ret);
}

static int read_decimal(struct span text, uint64_t *ret, struct err *e)
{
    static const struct unit units[] = {{"", 1000000}};

    UNUSED(e);
    return read_scaled(text, units, ARRAY_LEN(units), ret);
}

static int read_string(struct span text, uint64_t *ret, struct err *e)
{
    *ret = 0;
    if (text.n == 0)
        return err_set(e, ERR_PARSE, "is empty");
    if (text.n > TEXT_MAX)
        return err_set(e, ERR_PARSE, "is longer than %d bytes", TEXT_MAX);
    if (span_find(text, '\0') != SIZE_MAX || span_find(text, '\n') != SIZE_MAX)
        return err_set(e, ERR_PARSE, "holds a line break or a NUL byte");
    return 0;
}

static int read_name(struct span text, uint64_t *ret, struct err *e)
{
    char c;

    *ret = 0;
    if (text.n == 0 || text.n > NAME_MAX_BYTES)
        return err_set(e, ERR_PARSE, "must have 1 to %d characters", NAME_MAX_BYTES);
    for (size_t i = 0; i < text.n; i++) {
        c = text.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            continue;
        if (i == 0 || !strchr("._-", c) || c == '\0')
            return err_set(e, ERR_PARSE,
                           "may hold letters, digits, '.', '_' and '-', and begins with a "
                           "letter or digit");
    }
    return 0;
}

static int read_path(struct span text, uint64_t *ret, struct err *e)
{
    if (read_string(text, ret, e) < 0)
        return -1;
    if (text.p[0] != '/')
        return err_set(e, ERR_PARSE, "must be an absolute path, which begins with '/'");
    return 0;
}

static const char *bool_word(size_t i)
{
    static const char *const words[] = {"false", "true"};

    return i < ARRAY_LEN(words) ? words[i] : NULL;
}

const struct conf_type conf_duration = {
    .name = "duration",
    .what = "a duration such as 500ms, 2s, 10m",
    .schema = "{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]+)?(ms|s|m|h|d)$\"}",
    .parse = read_duration,
};
const struct conf_type conf_size = {
    .name = "size",
    .what = "a size such as 32KiB, 64MiB, 1GiB",
    .schema = "{\"type\":\"string\",\"pattern\":"
              "\"^[0-9]+(\\\\.[0-9]+)?(B|K|KiB|KB|kB|M|MiB|MB|G|GiB|GB)$\"}",
    .parse = read_size,
};
const struct conf_type conf_percent = {
    .name = "percentage",
    .what = "a percentage such as 5% or 99.9%",
    .schema = "{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]+)?%$\"}",
    .parse = read_percent,
};
const struct conf_type conf_count = {
    .name = "count",
    .what = "a count such as 100, 5k, 2M",
    .schema = "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},"
              "{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]+)?[kKMG]?$\"}]}",
    .parse = read_count,
};
const struct conf_type conf_decimal = {
    .name = "decimal number",
    .what = "a number such as 3 or 0.25, of at most six decimals",
    .schema = "{\"anyOf\":[{\"type\":\"number\",\"minimum\":0},"
              "{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]{1,6})?$\"}]}",
    .parse = read_decimal,
};
const struct conf_type conf_bool = {
    .name = "true or false",
    .what = "true or false",
    .schema = "{\"type\":\"boolean\"}",
    .word = bool_word,
};
const struct conf_type conf_string = {
    .name = "text",
    .what = "a text",
    .schema = "{\"type\":\"string\",\"minLength\":1,\"maxLength\":4096}",
    .parse = read_string,
};
const struct conf_type conf_name = {
    .name = "name",
    .what = "a name of letters, digits, '.', '_' and '-', at most 64 characters",
    .schema = "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$\"}",
    .parse = read_name,
};
const struct conf_type conf_path = {
    .name = "path",
    .what = "an absolute path",
    .schema = "{\"type\":\"string\",\"pattern\":\"^/\"}",
    .parse = read_path,
};

static void scaled_text(struct buf *out, uint64_t v, const struct unit *units, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        if (i > 0 && (v == 0 || v % units[i].times != 0))
            continue;
        buf_add_u64(out, v / units[i].times);
        buf_add_str(out, units[i].name);
        return;
    }
}

void conf_duration_text(struct buf *out, uint64_t ms)
{
    static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

    scaled_text(out, ms, units, ARRAY_LEN(units));
}

void conf_size_text(struct buf *out, uint64_t bytes)
{
    static const struct unit units[] = {
        {"B", 1},
        {"KiB", 1ULL << 10},
        {"MiB", 1ULL << 20},
        {"GiB", 1ULL << 30},
    };

    scaled_text(out, bytes, units, ARRAY_LEN(units));
}
