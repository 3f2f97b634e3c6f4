/*
 * convert_docs.c - see convert_docs.h. Everything but the sentences at the top comes from the
 * tables that the translators go by.
 */
#include "dialect/convert_docs.h"

#include "dialect/convert.h"

static const char head[] =
    "# Dialects\n"
    "\n"
    "Written by `lamplighter config dialects` from the tables in `src/chat/features.def` and\n"
    "`src/dialect/`; do not edit it.\n"
    "\n"
    "A client and a target of one dialect: the body passes as it is, whatever stands in it. When "
    "the\n"
    "target speaks another dialect the request is translated, and so is the answer, also while it\n"
    "streams. What a dialect cannot say stands here, with the page of its API that shows it.\n"
    "\n"
    "- *yes*: it is carried.\n"
    "- *nearly*: it is said in other words; the notes tell which. Where this depends on the value "
    "or on\n"
    "  the model, only a request whose meaning was changed is told so: in the header\n"
    "  `x-lamplighter-approximated` and in the log.\n"
    "- *dropped*: it is left out, and named in the header `x-lamplighter-dropped` and in the log.\n"
    "- *skipped*: a target of this dialect is not asked for it; if no other is left, the request "
    "is\n"
    "  refused with 400 and the reason `cannot-say`.\n"
    "- *no*: it does not reach a client of this dialect, or a target of it does not say it.\n"
    "- *-*: no client speaks this dialect; it is one of targets.\n"
    "\n"
    "Keys that are in none of the rows are dropped, and named by their place.\n"
    "\n"
    "Thinking that one family of models has signed comes back to it alone. A client holds it "
    "under\n"
    "the gateway's mark; a target of another family gets the request without it, also one of the\n"
    "client's own dialect, which would refuse the whole request for it.\n"
    "\n"
    "JSON schemas are written anew where the API's pages name the part that it takes. Ollama's "
    "name\n"
    "none: it gets them whole, and holds to what it knows of them. Tools that are not strict go "
    "whole\n"
    "to everybody.\n"
    "\n";

/* What is about answers alone, in a dialect that no client speaks. */
static bool is_nothing(const struct convert *c, enum chat_feature f)
{
    return !convert_client(c->dialect) && chat_feature_row(f)->need == CHAT_ANSWER;
}

static const char *word(const struct convert *c, const struct convert_loss_row *row)
{
    static const char *const lost[] = {
        [CHAT_NEED] = "skipped", [CHAT_DROP] = "dropped", [CHAT_ANSWER] = "no"};

    if (is_nothing(c, row->feature))
        return "-";
    if (row->loss == CARRIED)
        return "yes";
    if (row->loss == APPROXIMATE || row->loss == PARTLY)
        return "nearly";
    return lost[chat_feature_row(row->feature)->need];
}

static void table(struct buf *out)
{
    buf_add_str(out, "| |");
    for (size_t i = 0; i < CONVERTS; i++)
        buf_printf(out, " %s%s |", convert_row(i)->name,
                   convert_serves(convert_row(i)) ? "" : " (only targets)");
    buf_add_str(out, "\n|---|");
    for (size_t i = 0; i < CONVERTS; i++)
        buf_add_str(out, "---|");
    buf_add_str(out, "\n");
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
        const struct chat_feature_row *row = chat_feature_row(f);

        buf_printf(out, "| `%s` %s |", row->word, row->sentence);
        for (size_t i = 0; i < CONVERTS; i++)
            buf_printf(out, " %s |", word(convert_row(i), &convert_row(i)->loss[f]));
        buf_add_str(out, "\n");
    }
}

/* Why something is not carried, or how it is. */
static void notes(struct buf *out, const struct convert *c)
{
    buf_printf(out, "\n## %s\n\n", c->name);
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
        const struct convert_loss_row *row = &c->loss[f];

        if (row->loss == CARRIED || is_nothing(c, f))
            continue;
        buf_printf(out, "- `%s` %s", chat_feature_row(f)->word, word(c, row));
        if (row->how)
            buf_printf(out, ": %s", row->how);
        buf_printf(out, " ([API](%s))\n", row->page);
    }
}

void convert_docs(struct buf *out)
{
    buf_add_str(out, head);
    table(out);
    for (size_t i = 0; i < CONVERTS; i++)
        notes(out, convert_row(i));
}
