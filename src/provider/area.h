/*
 * area.h - in which part of the world a region is, as the clouds call them: "eu-west-1" (AWS),
 * "europe-west4" (Google) and "westeurope" (Azure) are all in Europe. For what is near; of laws it
 * says nothing (docs/walls.md).
 *
 * Room: provider. Pure.
 */
#ifndef PROVIDER_AREA_H
#define PROVIDER_AREA_H

#include "base/span.h"

/* "europe", "north-america", ...; absent: nobody knows. */
struct span provider_area(struct span region);

#endif
