/*
 * route_read.c - see route_read.h.
 */
#include "cmd/route_read.h"

#define DOC(path, kind, member) DOC_MEMBER(path, DOC_##kind, struct route_doc, member)
static const struct doc_member doc_members[] = {
    DOC("model", TEXT, model),
    DOC("path", TEXT, path),
    DOC("op", TEXT, op),
    DOC("config", TEXT, config),
    DOC("running", YES, running),
    DOC("attempts_most", NUMBER, attempts_most),
    DOC("refused.status", NUMBER, status),
    DOC("refused.reason", TEXT, reason),
    DOC("refused.text", TEXT, text),
    DOC("refused.hint", TEXT, hint),
    DOC("hedge.onto", TEXT, hedge_onto),
    DOC("hedge.after_s", NUMBER, hedge_after_s),
    DOC("hedge.reason", TEXT, hedge_reason),
    DOC("hedge.text", TEXT, hedge_text),
};

#define TARGET(path, kind, member)                                                                 \
    DOC_MEMBER("targets[]." path, DOC_##kind, struct route_target, member)
static const struct doc_member target_members[] = {
    TARGET("target", TEXT, target),
    TARGET("provider", TEXT, provider),
    TARGET("asked", YES, asked),
    TARGET("turn", NUMBER, turn),
    TARGET("probe", YES, probe),
    TARGET("last_resort", YES, last_resort),
    TARGET("key", NUMBER, key),
    TARGET("endpoint", NUMBER, endpoint),
    TARGET("engine", TEXT, engine),
    TARGET("reason", TEXT, reason),
    TARGET("detail", TEXT, detail),
    TARGET("for_s", NUMBER, for_s),
    TARGET("text", TEXT, text),
    TARGET("sits", YES, sits),
    TARGET("weighed_by_hand", YES, weighed_by_hand),
    TARGET("weight", NUMBER, weight),
    TARGET("shares", TEXT, shares),
    TARGET("shares_with", NUMBER, shares_with),
};

int route_read(struct route_doc *doc, struct span text, struct err *e)
{
    struct doc_rows one = DOC_ROWS(doc_members, doc, 1);
    struct doc_rows targets = DOC_ROWS(target_members, doc->targets, ROUTE_TARGETS);

    if (doc_read(&one, text) < 0 || doc_read(&targets, text) < 0)
        return err_set(e, ERR_PARSE, "what answers there is no admin port: not JSON");
    doc->targets_n = targets.n;
    return 0;
}
