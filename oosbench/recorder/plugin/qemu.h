// SPDX-License-Identifier: BSD-3-Clause
//
// What is used of QEMU's plugin interface, and of GLib; and the guest's registers.

#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

struct block_handle;
struct insn_handle;
typedef void (*exec_cb)(unsigned vcpu, void *data);
typedef void (*mem_cb)(unsigned vcpu, uint32_t info, uint64_t address, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*cb)(uint64_t id, struct block_handle *block));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct block_handle *block, exec_cb cb, int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct insn_handle *insn, exec_cb cb, int flags, void *data);
extern void qemu_plugin_register_vcpu_mem_cb(struct insn_handle *insn, mem_cb cb, int flags, int rw, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct block_handle *block);
extern uint64_t qemu_plugin_tb_vaddr(const struct block_handle *block);
extern struct insn_handle *qemu_plugin_tb_get_insn(const struct block_handle *block, size_t index);
extern size_t qemu_plugin_insn_size(const struct insn_handle *insn);
extern uint64_t qemu_plugin_insn_vaddr(const struct insn_handle *insn);
extern unsigned qemu_plugin_mem_size_shift(uint32_t info);
extern bool qemu_plugin_mem_is_store(uint32_t info);
#if API >= 3
extern size_t qemu_plugin_insn_data(const struct insn_handle *insn, void *into, size_t size);
#else
extern const void *qemu_plugin_insn_data(const struct insn_handle *insn);
#endif

typedef struct { uint8_t *data; unsigned length; } byte_array;
extern byte_array *g_byte_array_new(void);
extern byte_array *g_byte_array_set_size(byte_array *array, unsigned length);

enum { NO_REGISTERS, READS_REGISTERS };
enum { READS = 1, WRITES = 2 };
__attribute__((visibility("default"))) int qemu_plugin_version = API;

// Registers, by the numbers of the instruction set; the interface has no order of its own.
enum { RAX = 0, RSP = 4, CR2 = 16, CR3, CR4, RIP, REGISTERS };
static byte_array *bytes;

// The first version of the interface reads no registers, and none reads those of a vCPU at rest. But a QEMU with
// modules, as Debian's, exports what its debugger stub uses. General registers are current between blocks only.
static void *(*find_cpu)(int index);
static int (*read_register)(void *cpu, byte_array *into, int number);
static void **current_cpu; // of the thread that all vCPUs share, which is the one that translates

static bool find_debugger(void)
{
    find_cpu = dlsym(RTLD_DEFAULT, "qemu_get_cpu");
    read_register = dlsym(RTLD_DEFAULT, "x86_cpu_gdb_read_register");
    current_cpu = dlsym(RTLD_DEFAULT, "current_cpu");
    return find_cpu && read_register && current_cpu;
}

#if API >= 2
typedef struct { struct reg_handle *handle; const char *name, *feature; } reg_descriptor;
typedef struct { reg_descriptor *data; unsigned length; } reg_array;
extern reg_array *qemu_plugin_get_registers(void);
extern int qemu_plugin_read_register(struct reg_handle *handle, byte_array *into);
static struct reg_handle *handles[REGISTERS];

static bool find_registers(bool several)
{
    static const char *const names[REGISTERS] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "cr2", "cr3", "cr4", "rip",
    };
    if (several)
        return find_debugger();
    reg_array *all = qemu_plugin_get_registers();
    int found = 0;
    for (int r = 0; r < REGISTERS; r++)
        for (unsigned i = 0; i < all->length && !handles[r]; i++)
            if (strcmp(all->data[i].name, names[r]) == 0) {
                handles[r] = all->data[i].handle;
                found++;
            }
    return found == REGISTERS;
}
#else
static bool find_registers(bool several)
{
    (void)several;
    return find_debugger();
}
#endif

static uint64_t reg_of(int vcpu, int number)
{
    static const uint8_t debugger[REGISTERS] = {0, 2, 3, 1, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 28, 29, 30, 16};
    uint64_t value = 0;
    g_byte_array_set_size(bytes, 0);
    if (read_register)
        read_register(find_cpu(vcpu), bytes, debugger[number]);
#if API >= 2
    else
        qemu_plugin_read_register(handles[number], bytes);
#endif
    memcpy(&value, bytes->data, bytes->length < 8 ? bytes->length : 8);
    return value;
}
