/*
 * area.c - see area.h. Where the names stand:
 *   https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
 *   https://cloud.google.com/compute/docs/regions-zones
 *   https://learn.microsoft.com/azure/reliability/regions-list
 */
#include "provider/area.h"

static const struct {
    const char *names, *area; /* a glob; the first that matches */
} rows[] = {
    {"eu", "europe"},
    {"eu-*", "europe"},
    {"eusc-*", "europe"},
    {"europe", "europe"},
    {"europe-*", "europe"},
    {"westeurope", "europe"},
    {"northeurope", "europe"},
    {"france*", "europe"},
    {"germany*", "europe"},
    {"sweden*", "europe"},
    {"norway*", "europe"},
    {"switzerland*", "europe"},
    {"italy*", "europe"},
    {"spain*", "europe"},
    {"poland*", "europe"},
    {"austria*", "europe"},
    {"belgium*", "europe"},
    {"denmark*", "europe"},
    {"uk", "europe"},
    {"uksouth", "europe"},
    {"ukwest", "europe"},
    {"us", "north-america"},
    {"us-*", "north-america"},
    {"usgov*", "north-america"},
    {"eastus*", "north-america"},
    {"westus*", "north-america"},
    {"centralus*", "north-america"},
    {"northcentralus*", "north-america"},
    {"southcentralus*", "north-america"},
    {"westcentralus*", "north-america"},
    {"ca", "north-america"},
    {"ca-*", "north-america"},
    {"canada*", "north-america"},
    {"mexico*", "north-america"},
    {"mx-*", "north-america"},
    {"northamerica-*", "north-america"},
    {"sa-*", "south-america"},
    {"southamerica-*", "south-america"},
    {"brazil*", "south-america"},
    {"chile*", "south-america"},
    {"ap-southeast-2", "australia"}, /* Sydney, Melbourne, Auckland */
    {"ap-southeast-4", "australia"},
    {"ap-southeast-6", "australia"},
    {"au", "australia"},
    {"australia*", "australia"},
    {"newzealand*", "australia"},
    {"ap-*", "asia"},
    {"asia-*", "asia"},
    {"eastasia", "asia"},
    {"southeastasia", "asia"},
    {"japan*", "asia"},
    {"korea*", "asia"},
    {"*india", "asia"},
    {"india*", "asia"},
    {"indonesia*", "asia"},
    {"malaysia*", "asia"},
    {"taiwan*", "asia"},
    {"cn-*", "asia"},
    {"china*", "asia"},
    {"me-*", "middle-east"},
    {"il-*", "middle-east"},
    {"uae*", "middle-east"},
    {"qatar*", "middle-east"},
    {"israel*", "middle-east"},
    {"af-*", "africa"},
    {"africa-*", "africa"},
    {"southafrica*", "africa"},
};

struct span provider_area(struct span region)
{
    for (size_t i = 0; span_has(region) && i < ARRAY_LEN(rows); i++)
        if (span_glob(span_str(rows[i].names), region))
            return span_str(rows[i].area);
    return (struct span){NULL, 0};
}
