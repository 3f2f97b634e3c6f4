#include "bed.h"

#include <stdlib.h>

#include "health/budget.h"
#include "health/slow.h"

int bed_set_up(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));

    if (!b)
        return -1;
    b->table = standing_new();
    b->rules = (struct policy_rules){.attempts = 3, .same_target = 1, .breaker = true};
    *state = b;
    return b->table ? 0 : -1;
}

int bed_tear_down(void **state)
{
    struct bed *b = *state;

    standing_free(&b->table);
    free(b);
    return 0;
}

struct board_standing *bed_target(struct bed *b, uint32_t i)
{
    return standing_find(b->table, b->c[i].target, NOW);
}

struct board_standing *bed_credential(struct bed *b, uint32_t i)
{
    return standing_find(b->table, b->c[i].credential, NOW);
}

static void sick(struct board_standing *t, uint64_t until_us)
{
    for (unsigned i = 0; i < 5; i++)
        evidence_result(t, false, false, NOW, 0);
    assert_true(evidence_is_open(t, NOW));
    board_set(&t->until_us, until_us);
}

static void stand(struct bed *b, uint32_t i, char letter)
{
    struct board_standing *t = bed_target(b, i), *c = bed_credential(b, i);

    switch (letter) {
    case 'f':
        evidence_result(t, false, false, NOW, 0);
        break;
    case 'S':
        sick(t, NOW + 4 * SECOND);
        break;
    case 's':
        sick(t, NOW + 3 * SECOND);
        break;
    case 'P':
        board_set(&t->probe_us, NOW + 1);
        sick(t, NOW);
        break;
    case 'D':
        sick(t, NOW);
        break;
    case 'L':
        board_set(&t->not_before_us, NOW + 2 * SECOND);
        break;
    case 'l':
        board_set(&t->not_before_us, NOW);
        break;
    case 'B':
        board_set(&c->not_before_us, NOW + 600 * SECOND);
        break;
    case 'K':
        board_set(&c->until_us, NOW + 60 * SECOND);
        break;
    case 'W':
        for (unsigned n = 0; n < SLOW_ROW; n++)
            evidence_pace(t, true, NOW);
        break;
    default:
        assert_int_equal(letter, 'F');
    }
}

void bed_stand(struct bed *b, const char *letters)
{
    standing_free(&b->table);
    b->table = standing_new();
    assert_non_null(b->table);
    b->n = (uint32_t)strlen(letters);
    assert_in_range(b->n, 1, POLICY_TARGETS_MAX);
    for (uint32_t i = 0; i < b->n; i++) {
        b->c[i] = (struct policy_candidate){
            .target = 1000 + i, .credential = 100 + i, .provider = 10 + i};
        stand(b, i, letters[i]);
    }
}

struct policy_request bed_request(struct bed *b)
{
    return (struct policy_request){
        .table = b->table, .rules = &b->rules, .candidates = b->c, .n = b->n};
}

double bed_tokens(struct bed *b, uint32_t i, uint64_t now_us)
{
    return budget_tokens(board_get(&bed_target(b, i)->budget), now_us);
}

void bed_spend_all(struct bed *b, uint32_t i, uint64_t now_us)
{
    while (evidence_spend(bed_target(b, i), now_us))
        ;
}
