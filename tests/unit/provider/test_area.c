/* Goal: regions of three clouds are in the part of the world where they are; what nobody knows is
 * nowhere. Method: a table of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/area.h"

static void regions_are_where_they_are(void **state)
{
    static const struct {
        const char *region, *area; /* NULL: nobody knows */
    } rows[] = {
        {"eu", "europe"},
        {"eu-west-1", "europe"},
        {"eu-central-2", "europe"},
        {"europe-west4", "europe"},
        {"westeurope", "europe"},
        {"northeurope", "europe"},
        {"swedencentral", "europe"},
        {"germanywestcentral", "europe"},
        {"uksouth", "europe"},
        {"us", "north-america"},
        {"us-east-1", "north-america"},
        {"us-gov-west-1", "north-america"},
        {"us-central1", "north-america"},
        {"eastus2", "north-america"},
        {"westus3", "north-america"},
        {"northcentralus", "north-america"},
        {"ca-central-1", "north-america"},
        {"northamerica-northeast1", "north-america"},
        {"southamerica-east1", "south-america"},
        {"brazilsouth", "south-america"},
        {"ap-southeast-2", "australia"},
        {"australiaeast", "australia"},
        {"ap-southeast-1", "asia"},
        {"asia-northeast1", "asia"},
        {"southeastasia", "asia"},
        {"japaneast", "asia"},
        {"centralindia", "asia"},
        {"me-central-1", "middle-east"},
        {"uaenorth", "middle-east"},
        {"af-south-1", "africa"},
        {"southafricanorth", "africa"},
        {"", NULL},
        {"euro", NULL},
        {"rack-7", NULL},
        {"global", NULL},
        {"usa", NULL},
        {"EU-WEST-1", NULL},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span area = provider_area(span_str(rows[i].region));

        if (span_has(area) != (rows[i].area != NULL) ||
            (rows[i].area && !span_is(area, rows[i].area)))
            fail_msg("%s", rows[i].region);
    }
    assert_false(span_has(provider_area((struct span){NULL, 0})));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(regions_are_where_they_are)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
