// SPDX-License-Identifier: BSD-3-Clause
//
// Page tables: which frames are some, a copy of each, and whether the copies are what is in memory.

#pragma once
#include "log.h"

enum { P = 1, RW = 2, US = 4, A = 0x20, D = 0x40, PSE = 0x80 };

struct table {
    struct table *next_dead;
    uint32_t page, references;
    uint8_t level;
    bool dead, is_root, had_user;
    uint64_t copy[512];
    uint32_t child[512]; // the page number of the table each entry leads to, + 1
};

static uint64_t *ram; // guest memory
static uint64_t frames;
static struct table **live; // by frame
static struct table *dead;
static uint32_t pages;
static uint64_t stores; // since the last check

static bool in_force(const struct table *table)
{
    for (unsigned i = 0; i < vcpu_count; i++)
        if (vcpus[i].root == table)
            return true;
    return false;
}

static uint64_t frame_of(uint64_t value) { return value >> 12 & 0xFFFFFFFFFFULL; }

static bool leads_to_table(const struct table *table, uint64_t value)
{
    return value & P && table->level > 1 && !(value & PSE && table->level < 4) && frame_of(value) < frames;
}

// Return the guest-physical address, or all ones.
static uint64_t walk(uint64_t frame, uint64_t va)
{
    for (int level = 4; level >= 1; level--) {
        if (frame >= frames)
            return -1;
        uint64_t value = ram[frame * 512 + (va >> (3 + 9 * level) & 511)];
        if (!(value & P))
            return -1;
        frame = frame_of(value);
        if (level > 1 && level < 4 && value & PSE) {
            uint64_t inside = (1ULL << (9 * (level - 1))) - 1;
            frame = (frame & ~inside) | (va >> 12 & inside);
            break;
        }
    }
    return frame << 12 | (va & 4095);
}

static void unlink_table(struct table *table, uint64_t frame);

static void leave(struct table *table, int index)
{
    uint32_t child = table->child[index];
    uint64_t frame = frame_of(table->copy[index]);
    table->child[index] = 0;
    if (!child || !live[frame] || live[frame]->page != child - 1)
        return; // it leads to no table, or to one that died before
    if (--live[frame]->references == 0 && !live[frame]->is_root)
        unlink_table(live[frame], frame);
}

static void unlink_table(struct table *table, uint64_t frame)
{
    if (table->is_root && in_force(table))
        fail("a root of page tables ends while a vCPU uses it");
    live[frame] = NULL;
    table->dead = true;
    table->next_dead = dead;
    dead = table;
    if (table->is_root)
        put(ROOT_END, table->page, 4, 0, 0, 0, false);
    put(UNLINK, table->page, table->level, 0, 0, 0, false);
    for (int i = 0; i < 512; i++)
        if (table->child[i])
            leave(table, i);
}

static void bury(void)
{
    while (dead) {
        struct table *next = dead->next_dead;
        free(dead);
        dead = next;
    }
}

static void follow(struct table *table, int index);

// Begin to watch a table, and all it leads to.
static struct table *adopt(uint64_t frame, int level, uint32_t parent, int index)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        fail("no memory left");
    table->page = pages++;
    table->level = level;
    table->is_root = level == 4;
    live[frame] = table;
    memcpy(table->copy, ram + frame * 512, 4096);
    if (table->is_root)
        put(ROOT, table->page, 4, 0, 0, 0, false);
    put(LINK, table->page, level, index, frame, parent, false);
    for (int i = 0; i < 512; i++)
        if (table->copy[i])
            put(INIT, table->page, level, i, table->copy[i], 0, false);
    for (int i = 0; i < 512 && !table->dead; i++)
        follow(table, i);
    return table;
}

static void follow(struct table *table, int index)
{
    uint64_t value = table->copy[index], frame = frame_of(value);
    if (!leads_to_table(table, value))
        return;
    struct table *child = live[frame];
    if (child && child->level != table->level - 1) { // the frame has been recycled: what it was is no more
        unlink_table(child, frame);
        child = NULL;
    }
    if (table->dead)
        return;
    if (!child)
        child = adopt(frame, table->level - 1, table->page, index);
    child->references++;
    table->child[index] = child->page + 1;
}

static bool user_half_is_empty(const struct table *table)
{
    for (int i = 0; i < 256; i++)
        if (table->copy[i])
            return false;
    return true;
}

// A root whose process is gone is no table any more; nothing else tells so before its frame is used again.
static void end_root_if_over(struct table *table, uint64_t frame)
{
    if (user_half_is_empty(table)) {
        if (table->had_user && !in_force(table))
            unlink_table(table, frame);
    } else {
        table->had_user = true;
    }
}

static void load_root(uint64_t frame)
{
    struct table *before = acting->root;
    uint64_t before_frame = acting->root_frame;
    if (frame >= frames)
        fail("CR3 points outside memory");
    if (live[frame] && !live[frame]->is_root) // a table of a lower level, of which the frame is no more
        unlink_table(live[frame], frame);
    put(LOAD_CR3, live[frame] ? live[frame]->page : pages, 4, 0, 0, 0, false);
    hold();
    acting->root = live[frame] ? live[frame] : adopt(frame, 4, -1, 0);
    release();
    acting->root_frame = frame;
    if (before && !before->dead && before != acting->root)
        end_root_if_over(before, before_frame);
    end_root_if_over(acting->root, frame);
}

static void stored(struct table *table, uint64_t frame, int index)
{
    uint64_t before = table->copy[index], value = ram[frame * 512 + index];
    uint32_t led_to = table->child[index];
    stores++;
    bury();
    put(WRITE, table->page, table->level, index, value, 0, false);
    if (table->level == 1) {
        table->copy[index] = value;
        return;
    }
    bool same = leads_to_table(table, before) && leads_to_table(table, value) && frame_of(before) == frame_of(value);
    if (same && led_to && live[frame_of(value)] && live[frame_of(value)]->page == led_to - 1) {
        table->copy[index] = value;
        return;
    }
    table->copy[index] = value;
    table->child[index] = 0;
    hold();
    follow(table, index);
    release();
    if (led_to && frame_of(before) < frames) {
        struct table *old = live[frame_of(before)];
        if (old && old->page == led_to - 1 && --old->references == 0)
            unlink_table(old, frame_of(before));
    }
    if (table->is_root && index < 256 && !table->dead)
        end_root_if_over(table, frame);
}

// Are the copies what is in memory?
enum { LOADS_BETWEEN_CHECKS = 32, STORES_BETWEEN_CHECKS = 2048 };
static uint64_t checks, compared, missed, loads;

static void compare_with_memory(void)
{
    checks++;
    loads = stores = 0;
    for (uint64_t frame = 0; frame < frames; frame++) {
        struct table *table = live[frame];
        if (!table)
            continue;
        compared++;
        if (memcmp(table->copy, ram + frame * 512, 4096) == 0)
            continue;
        for (int i = 0; i < 512; i++) {
            uint64_t value = ram[frame * 512 + i], changed = table->copy[i] ^ value;
            if (changed & ~(uint64_t)(A | D))
                missed++;
            else if (changed) {
                put(AD_UPDATE, table->page, table->level, i, value, 0, false);
                table->copy[i] = value;
            }
        }
    }
}

// What virtual pages outside the direct map translate to, until the next flush.
static uint64_t direct_map;

static uint64_t frame_at(uint64_t va)
{
    uint64_t offset = va - direct_map;
    if (offset >> 12 < frames)
        return offset >> 12;
    uint64_t page = va >> 12, slot = page & (ALIASES - 1);
    if (acting->aliases[slot].page != page || acting->aliases[slot].epoch != acting->epoch) {
        acting->aliases[slot].page = page;
        acting->aliases[slot].epoch = acting->epoch;
        acting->aliases[slot].frame = walk(acting->root_frame, va) >> 12;
    }
    return acting->aliases[slot].frame;
}
