/* The items that can be measured; each prints its members into the object that is open. */
#pragma once

#include "limits/measure.h"

void limits_loopback(const struct setting *setting);
void limits_memory(const struct setting *setting);
void limits_disk(const struct setting *setting);
void limits_hash(const struct setting *setting);
