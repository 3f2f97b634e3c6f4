/* Goal: what is not known of a target, or is worse than a class of data demands, is a wall; what
 * just meets it is none.
 * Method: each demand by itself, at its bound and past it, and all of them together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/wall.h"

static const struct span eu[] = {SPAN_LIT("eu")}, us[] = {SPAN_LIT("us")},
                         both[] = {SPAN_LIT("eu"), SPAN_LIT("uk")},
                         mixed[] = {SPAN_LIT("eu"), SPAN_LIT("us")}, dpa[] = {SPAN_LIT("dpa")},
                         all[] = {SPAN_LIT("baa"), SPAN_LIT("dpa")};

#define WORDS(list) {list, ARRAY_LEN(list)}
#define KEEPS(ms)   .retention_known = true, .retention_ms = (ms)
#define ANY         .retention_most_ms = ROUTE_ANY_TIME
#define NOTHING     .trains = ROUTE_UNKNOWN
#define DAY         UINT64_C(86400000)

static void every_demand_is_a_wall_of_its_own(void **state)
{
    static const struct {
        struct route_class demand;
        struct route_facts facts;
        enum route_wall wall;
    } rows[] = {
        {{ANY}, {NOTHING}, ROUTE_WALL_NONE},
        /* where */
        {{ANY, .jurisdictions = WORDS(eu)}, {.jurisdictions = WORDS(eu)}, ROUTE_WALL_NONE},
        {{ANY, .jurisdictions = WORDS(both)}, {.jurisdictions = WORDS(eu)}, ROUTE_WALL_NONE},
        {{ANY, .jurisdictions = WORDS(both)}, {.jurisdictions = WORDS(both)}, ROUTE_WALL_NONE},
        {{ANY, .jurisdictions = WORDS(eu)}, {.jurisdictions = WORDS(us)}, ROUTE_WALL_JURISDICTION},
        {{ANY, .jurisdictions = WORDS(eu)}, {NOTHING}, ROUTE_WALL_JURISDICTION},
        /* it may be worked on anywhere of these, so all of them have to do */
        {{ANY, .jurisdictions = WORDS(both)},
         {.jurisdictions = WORDS(mixed)},
         ROUTE_WALL_JURISDICTION},
        /* for how long */
        {{.retention_most_ms = 0}, {KEEPS(0)}, ROUTE_WALL_NONE},
        {{.retention_most_ms = 0}, {KEEPS(1)}, ROUTE_WALL_RETENTION},
        {{.retention_most_ms = 0}, {NOTHING}, ROUTE_WALL_RETENTION},
        {{.retention_most_ms = 30 * DAY}, {KEEPS(30 * DAY)}, ROUTE_WALL_NONE},
        {{.retention_most_ms = 30 * DAY}, {KEEPS(30 * DAY + 1)}, ROUTE_WALL_RETENTION},
        {{ANY}, {KEEPS(UINT64_MAX)}, ROUTE_WALL_NONE},
        /* what becomes of it */
        {{ANY, .no_training = true}, {.trains = ROUTE_NO}, ROUTE_WALL_NONE},
        {{ANY, .no_training = true}, {.trains = ROUTE_YES}, ROUTE_WALL_TRAINING},
        {{ANY, .no_training = true}, {NOTHING}, ROUTE_WALL_TRAINING},
        {{ANY}, {.trains = ROUTE_YES}, ROUTE_WALL_NONE},
        /* what is agreed */
        {{ANY, .contracts = WORDS(dpa)}, {.contracts = WORDS(dpa)}, ROUTE_WALL_NONE},
        {{ANY, .contracts = WORDS(dpa)}, {.contracts = WORDS(all)}, ROUTE_WALL_NONE},
        {{ANY, .contracts = WORDS(all)}, {.contracts = WORDS(dpa)}, ROUTE_WALL_CONTRACT},
        {{ANY, .contracts = WORDS(dpa)}, {NOTHING}, ROUTE_WALL_CONTRACT},
        /* all of it */
        {{.jurisdictions = WORDS(eu), .contracts = WORDS(all), .no_training = true},
         {.jurisdictions = WORDS(eu), .contracts = WORDS(all), .trains = ROUTE_NO, KEEPS(0)},
         ROUTE_WALL_NONE},
        {{.jurisdictions = WORDS(eu), .contracts = WORDS(all), .no_training = true},
         {.jurisdictions = WORDS(eu), .contracts = WORDS(dpa), .trains = ROUTE_NO, KEEPS(0)},
         ROUTE_WALL_CONTRACT},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum route_wall wall = route_wall(&rows[i].facts, &rows[i].demand);

        if (wall != rows[i].wall)
            fail_msg("row %zu: %s, not %s", i, route_wall_word(wall),
                     route_wall_word(rows[i].wall));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_demand_is_a_wall_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
