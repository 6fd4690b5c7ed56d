// SPDX-License-Identifier: BSD-3-Clause
//
// The log: a row for each event, and how the plugin gives up.

#pragma once
#include "vcpus.h"

enum { MARK = 1, LOAD_CR3, INVLPG, FLUSH_ALL, FAULT, WRITE, LINK, INIT, UNLINK, ROOT, ROOT_END, AD_UPDATE = 14 };

struct row { uint64_t when, value, va; uint32_t page; uint16_t index; uint8_t kind, level, vcpu, kernel; uint8_t pad[6]; };
struct touched { uint64_t row, what; }; // vCPU << 56 | page << 8 | kind

static FILE *log_file, *touch_file;
static const char *summary_name;
static uint64_t rows, now; // `now`: instructions of all vCPUs, before this block
static bool recording, deaf;

static void fail(const char *why)
{
    FILE *file = fopen(summary_name, "w");
    if (file) {
        fprintf(file, "error=%s\n", why);
        fclose(file);
    }
    _exit(3);
}

static void write_row(const struct row *row)
{
    if (fwrite(row, sizeof *row, 1, log_file) != 1)
        fail("the log cannot be written: no space left?");
    rows++;
}

// New tables are told right after the row that makes them reachable; tables that end meanwhile are told after them.
enum { MOST_HELD = 4096 };
static struct row held[MOST_HELD];
static int held_count;
static bool holding;

static void put(int kind, uint32_t page, int level, int index, uint64_t value, uint64_t va, bool kernel)
{
    struct row row = {now, value, va, page, index, kind, level, acting - vcpus, kernel, {0}};
    if (!holding || (kind != UNLINK && kind != ROOT_END))
        write_row(&row);
    else if (held_count < MOST_HELD)
        held[held_count++] = row;
    else
        fail("too many page tables end at once");
}

static void hold(void) { holding = true; }

static void release(void)
{
    holding = false;
    for (int i = 0; i < held_count; i++)
        write_row(&held[i]);
    held_count = 0;
}
