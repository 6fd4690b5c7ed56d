// SPDX-License-Identifier: BSD-3-Clause
//
// First touches: for each vCPU a hash table of pages, each with the epoch of its last touch of each kind.

#pragma once
#include "log.h"

struct seen { uint64_t page; uint32_t epoch[6]; };

static struct seen *seen_page(uint64_t page)
{
    struct seen *seen = acting->seen;
    uint64_t last = acting->seen_size - 1, at = page * 0x9E3779B97F4A7C15ULL >> 32 & last;
    while (seen[at].page != page && seen[at].page != UINT64_MAX)
        at = (at + 1) & last;
    return &seen[at];
}

static void resize_seen(uint64_t size)
{
    struct seen *old = acting->seen;
    uint64_t old_size = acting->seen_size;
    acting->seen = malloc(size * sizeof *old);
    if (!acting->seen)
        fail("no memory left");
    acting->seen_size = size;
    for (uint64_t i = 0; i < size; i++)
        acting->seen[i] = (struct seen){UINT64_MAX, {0}};
    for (uint64_t i = 0; i < old_size; i++)
        if (old[i].page != UINT64_MAX)
            *seen_page(old[i].page) = old[i];
    free(old);
}

static void touch(uint64_t va, int kind, bool user)
{
    uint64_t page = va << 16 >> 28;
    struct seen *at = seen_page(page);
    int which = kind + 3 * user;
    if (at->page == page && at->epoch[which] == acting->epoch)
        return;
    if (at->page != page) {
        at->page = page;
        if (++acting->seen_count * 2 > acting->seen_size) {
            resize_seen(2 * acting->seen_size);
            at = seen_page(page);
        }
    }
    at->epoch[which] = acting->epoch;
    uint64_t vcpu = acting - vcpus;
    struct touched record = {rows, vcpu << 56 | page << 8 | kind | (user ? 16 : 0)};
    if (fwrite(&record, sizeof record, 1, touch_file) != 1)
        fail("the touches cannot be written: no space left?");
}
