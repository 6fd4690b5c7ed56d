// SPDX-License-Identifier: BSD-3-Clause
//
// The vCPUs: what belongs to each, and which of them acts. QEMU runs all of them in one thread, taking turns between
// blocks, so one acts at a time and the others are at rest.

#pragma once
#include "qemu.h"

struct special;
struct table;
struct seen;

enum { MOST_VCPUS = 4, ALIASES = 4096 };

struct vcpu {
    const struct special *pending; // took place in the block that runs
    uint32_t length;               // of the block that runs
    uint32_t epoch;                // one more with every flush of the TLB
    bool fault_told;               // before the first block of the handler began
    struct table *root;            // in force; NULL before it first acts
    uint64_t root_frame;
    struct seen *seen;
    uint64_t seen_size, seen_count;
    struct { uint64_t page, frame; uint32_t epoch; } aliases[ALIASES];
};

static struct vcpu vcpus[MOST_VCPUS], *acting = vcpus;
static unsigned vcpu_count = 1;

// Which vCPU runs. What callbacks are told is no good where vCPUs share a thread: some versions tell the vCPU that a
// block was translated for.
static struct vcpu *running(void)
{
    static void *cpus[MOST_VCPUS];
    if (vcpu_count == 1)
        return vcpus;
    for (unsigned i = 0; i < vcpu_count; i++) {
        cpus[i] = cpus[i] ? cpus[i] : find_cpu(i);
        if (cpus[i] == *current_cpu)
            return vcpus + i;
    }
    return acting;
}

static uint64_t reg(int number) { return reg_of(acting - vcpus, number); }
