// SPDX-License-Identifier: BSD-3-Clause
//
// A QEMU plugin that records what a 64-bit guest does to its page tables: every store to one, CR3 loads, INVLPG,
// page faults, and on request the first touch of every page since a TLB flush.
//
// It learns what is a page table from the guest's CR3 alone: a root is walked when it is first loaded, and from then on
// stores to upper-level entries say which frames become or cease to be tables. Of every table it keeps a copy, which it
// compares with guest memory now and then: a difference in anything but accessed and dirty bits is a store it missed.
//
// QEMU passes no stored values to a plugin. So guest memory is a file, mapped here too, and read after each store.
//
// Arguments: ram=FILE, pages=N, log=FILE, touches=FILE (optional), summary=FILE, deaf=on (ignore stores: a check of the
// check). API is the version of the plugin interface, which the compiler is told.

#define _GNU_SOURCE
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

// ---- what is used of QEMU's plugin interface, and of GLib ----

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

// ---- registers: numbers are those of the instruction set; the interface has no order of its own ----

enum { RAX = 0, RSP = 4, CR2 = 16, CR3, CR4, REGISTERS };
static byte_array *bytes;

#if API >= 2
typedef struct { struct reg_handle *handle; const char *name, *feature; } reg_descriptor;
typedef struct { reg_descriptor *data; unsigned length; } reg_array;
extern reg_array *qemu_plugin_get_registers(void);
extern int qemu_plugin_read_register(struct reg_handle *handle, byte_array *into);
static struct reg_handle *handles[REGISTERS];

static bool find_registers(void)
{
    static const char *const names[REGISTERS] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "cr2", "cr3", "cr4",
    };
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

static uint64_t reg(int number)
{
    uint64_t value = 0;
    g_byte_array_set_size(bytes, 0);
    qemu_plugin_read_register(handles[number], bytes);
    memcpy(&value, bytes->data, bytes->length < 8 ? bytes->length : 8);
    return value;
}
#else
// The first version of the interface reads no registers, but a QEMU with modules, as Debian's, exports what its debugger
// stub uses. General registers are current at the beginning of a block only.
extern void *qemu_get_cpu(int index);
static int (*read_register)(void *cpu, byte_array *into, int number);

static bool find_registers(void)
{
    read_register = dlsym(RTLD_DEFAULT, "x86_cpu_gdb_read_register");
    return read_register != NULL;
}

static uint64_t reg(int number)
{
    static const uint8_t debugger[REGISTERS] = {0, 2, 3, 1, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 28, 29, 30};
    uint64_t value = 0;
    g_byte_array_set_size(bytes, 0);
    read_register(qemu_get_cpu(0), bytes, debugger[number]);
    memcpy(&value, bytes->data, bytes->length < 8 ? bytes->length : 8);
    return value;
}
#endif

// ---- the log ----

enum { MARK = 1, LOAD_CR3, INVLPG, FLUSH_ALL, FAULT, WRITE, LINK, INIT, UNLINK, ROOT, ROOT_END, AD_UPDATE = 14 };

struct row { uint64_t when, value, va; uint32_t page; uint16_t index; uint8_t kind, level, vcpu, kernel; uint8_t pad[6]; };
struct touched { uint64_t row, page_and_kind; };

static FILE *log_file, *touch_file;
static const char *summary_name;
static uint64_t rows, now; // `now`: instructions before this block
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
    struct row row = {now, value, va, page, index, kind, level, 0, kernel, {0}};
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

// ---- page tables ----

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
static struct table *root;
static uint64_t root_frame;

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
        if (table->had_user && table != root)
            unlink_table(table, frame);
    } else {
        table->had_user = true;
    }
}

static void load_root(uint64_t frame)
{
    struct table *before = root;
    uint64_t before_frame = root_frame;
    if (frame >= frames)
        fail("CR3 points outside memory");
    if (live[frame] && !live[frame]->is_root) // a table of a lower level, of which the frame is no more
        unlink_table(live[frame], frame);
    put(LOAD_CR3, live[frame] ? live[frame]->page : pages, 4, 0, 0, 0, false);
    hold();
    root = live[frame] ? live[frame] : adopt(frame, 4, -1, 0);
    release();
    root_frame = frame;
    if (before && !before->dead && before != root)
        end_root_if_over(before, before_frame);
    end_root_if_over(root, frame);
}

static void stored(struct table *table, uint64_t frame, int index)
{
    uint64_t before = table->copy[index], value = ram[frame * 512 + index];
    uint32_t led_to = table->child[index];
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

// ---- the check: are the copies what is in memory? ----

enum { LOADS_BETWEEN_CHECKS = 32 };
static uint64_t checks, compared, missed, loads;

static void compare_with_memory(void)
{
    checks++;
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

// ---- first touches: a hash table of pages, each with the epoch of its last touch of each kind ----

struct seen { uint64_t page; uint32_t epoch[6]; };
static struct seen *seen;
static uint64_t seen_size, seen_count;
static uint32_t epoch = 1;

static struct seen *seen_page(uint64_t page)
{
    uint64_t at = page * 0x9E3779B97F4A7C15ULL >> 32 & (seen_size - 1);
    while (seen[at].page != page && seen[at].page != UINT64_MAX)
        at = (at + 1) & (seen_size - 1);
    return &seen[at];
}

static void resize_seen(uint64_t size)
{
    struct seen *old = seen;
    uint64_t old_size = seen_size;
    seen = malloc(size * sizeof *seen);
    if (!seen)
        fail("no memory left");
    seen_size = size;
    for (uint64_t i = 0; i < size; i++)
        seen[i] = (struct seen){UINT64_MAX, {0}};
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
    if (at->page == page && at->epoch[which] == epoch)
        return;
    if (at->page != page) {
        at->page = page;
        if (++seen_count * 2 > seen_size) {
            resize_seen(2 * seen_size);
            at = seen_page(page);
        }
    }
    at->epoch[which] = epoch;
    struct touched record = {rows, page << 8 | kind | (user ? 16 : 0)};
    if (fwrite(&record, sizeof record, 1, touch_file) != 1)
        fail("the touches cannot be written: no space left?");
}

// ---- what virtual pages outside the direct map translate to, until the next flush ----

enum { ALIASES = 4096 };
static struct { uint64_t page, frame; uint32_t epoch; } aliases[ALIASES];
static uint64_t direct_map;

static uint64_t frame_at(uint64_t va)
{
    uint64_t offset = va - direct_map;
    if (offset >> 12 < frames)
        return offset >> 12;
    uint64_t page = va >> 12, slot = page & (ALIASES - 1);
    if (aliases[slot].page != page || aliases[slot].epoch != epoch) {
        aliases[slot].page = page;
        aliases[slot].epoch = epoch;
        aliases[slot].frame = walk(root_frame, va) >> 12;
    }
    return aliases[slot].frame;
}

// ---- events ----

enum { TO_CR3 = 1, TO_CR0_OR_CR4, INVALIDATE, MARKER };
enum { AT_FAULTS = '1', AT_DIRECT_MAP, AT_START, AT_END }; // what the guest's init says by its marker instructions

// An instruction that matters. Its effect is looked at when the next block begins: each of them ends a block, and only
// there are the registers current.
struct special { uint8_t kind, marker; int8_t base, index; uint8_t scale; int64_t offset; };
struct block { uint64_t va, last; uint32_t length; };

static const struct special *pending;
static uint64_t fault_handler;
static uint32_t last_length;

static void begin(void)
{
    if (reg(CR4) & 1 << 12)
        fail("the guest uses five-level page tables");
    if (reg(CR4) & 1 << 17)
        fail("the guest uses process-context identifiers");
    if (!fault_handler || !direct_map)
        fail("the guest's kernel does not tell where asm_exc_page_fault and page_offset_base are");
    recording = true;
    put(MARK, 0, 0, 1, 0, 0, false);
    load_root(frame_of(reg(CR3)));
    epoch++;
    fflush(log_file);
}

static void end(uint64_t status)
{
    compare_with_memory();
    put(MARK, 0, 0, 0, 0, 0, false);
    recording = false;
    if (fflush(log_file) || (touch_file && fflush(touch_file)))
        fail("the log cannot be written: no space left?");
    FILE *file = fopen(summary_name, "w");
    if (!file)
        return;
    fprintf(file, "status=%lu\ndirect_map=%lu\nrows=%lu\ninstructions=%lu\n", status, direct_map, rows, now);
    fprintf(file, "checks=%lu\ncompared=%lu\nmissed=%lu\n", checks, compared, missed);
    fclose(file);
}

static void marked(const struct special *special)
{
    uint64_t value = reg(RAX);
    if (special->marker == AT_FAULTS)
        fault_handler = value;
    if (special->marker == AT_DIRECT_MAP) {
        uint64_t at = walk(frame_of(reg(CR3)), value);
        if (at >> 12 >= frames) // page-table isolation: the kernel's root is the even one of two
            at = walk(frame_of(reg(CR3)) & ~1ULL, value);
        direct_map = at >> 12 < frames ? ram[at >> 3] : 0;
    }
    if (special->marker == AT_START && !recording)
        begin();
    if (special->marker == AT_END && recording)
        end(value);
}

static void done(const struct special *special)
{
    if (special->kind == MARKER) {
        marked(special);
        return;
    }
    if (special->kind == INVALIDATE) {
        uint64_t va = special->offset + (special->base < 0 ? 0 : reg(special->base));
        va += special->index < 0 ? 0 : reg(special->index) << special->scale;
        if (touch_file && seen_page(va << 16 >> 28)->page == va << 16 >> 28)
            memset(seen_page(va << 16 >> 28)->epoch, 0, sizeof seen->epoch);
        aliases[va >> 12 & (ALIASES - 1)].epoch = 0;
        if (recording)
            put(INVLPG, root->page, 0, 0, 0, va, false);
        return;
    }
    epoch++;
    if (!recording)
        return;
    if (special->kind == TO_CR0_OR_CR4) {
        put(FLUSH_ALL, root->page, 0, 0, 0, 0, false);
        return;
    }
    bury();
    if (++loads % LOADS_BETWEEN_CHECKS == 0)
        compare_with_memory();
    load_root(frame_of(reg(CR3)));
}

static void page_fault(void)
{
    uint64_t stack = walk(root_frame, reg(RSP));
    if (stack >> 12 >= frames)
        fail("the stack of a page fault is not mapped");
    uint64_t *frame = ram + (stack >> 3); // error code, RIP, as the processor pushed them
    put(FAULT, root->page, frame[0] & 0xFF, 0, 0, reg(CR2), frame[1] >> 63);
}

static void on_block(unsigned vcpu, void *data)
{
    const struct block *block = data;
    (void)vcpu;
    now += last_length;
    last_length = block->length;
    if (pending) {
        const struct special *special = pending;
        pending = NULL;
        done(special);
    }
    if (!recording)
        return;
    if (block->va == fault_handler)
        page_fault();
    if (touch_file) {
        touch(block->va, 2, !(block->va >> 63));
        if ((block->va ^ block->last) >> 12)
            touch(block->last, 2, !(block->va >> 63));
    }
}

static void on_special(unsigned vcpu, void *data)
{
    (void)vcpu;
    pending = data;
}

// `data` is not NULL for instructions of user code.
static void on_access(unsigned vcpu, uint32_t info, uint64_t va, void *data)
{
    (void)vcpu;
    if (!recording)
        return;
    bool store = qemu_plugin_mem_is_store(info); // some versions report loads to those who ask for stores alone
    uint64_t last = va + (1ULL << qemu_plugin_mem_size_shift(info)) - 1;
    if (touch_file) {
        touch(va, store, data != NULL);
        if ((va ^ last) >> 12)
            touch(last, store, data != NULL);
    }
    if (!store || !(va >> 63) || deaf)
        return;
    uint64_t frame = frame_at(va);
    for (uint64_t at = va & ~7ULL; at <= last; at += 8) {
        if (at > va && !(at & 4095))
            frame = frame_at(at);
        if (frame < frames && live[frame])
            stored(live[frame], frame, at >> 3 & 511);
    }
}

// ---- translation: which instructions matter ----

// Fill in the address that the operand at `code`, a ModRM byte, stands for.
static void operand(struct special *special, const uint8_t *code, int rex, uint64_t next)
{
    int mod = code[0] >> 6, rm = code[0] & 7;
    int32_t wide = 0;
    special->base = rm | (rex & 1) << 3;
    special->index = -1;
    code++;
    if (rm == 4) {
        int sib = *code++, index = (sib >> 3 & 7) | (rex & 2) << 2;
        special->base = (sib & 7) | (rex & 1) << 3;
        special->index = index == 4 ? -1 : index;
        special->scale = sib >> 6;
        rm = (sib & 7) == 5 ? 5 : 4;
    }
    if (mod == 1)
        special->offset = (int8_t)*code;
    if (mod == 2 || (mod == 0 && rm == 5)) {
        memcpy(&wide, code, 4);
        special->offset = wide;
    }
    if (mod == 0 && rm == 5) {
        special->base = -1;
        if ((code[-1] & 7) == 5 && special->index < 0)
            special->offset += next;
    }
}

static bool is_special(struct special *special, const uint8_t *code, size_t size, uint64_t next)
{
    static const uint8_t marker[] = {0x0F, 0x1F, 0x84, 0x00, 'O', 'O', 'S'}; // a long NOP; the last byte says which
    uint8_t padded[24] = {0};
    int rex = 0;
    memcpy(padded, code, size < 16 ? size : 16);
    code = padded;
    if (size == 8 && memcmp(code, marker, sizeof marker) == 0) {
        special->kind = MARKER;
        special->marker = code[7];
        return true;
    }
    while (*code == 0x66 || *code == 0xF2 || *code == 0xF3 || (*code & 0xF0) == 0x40 || *code == 0x3E || *code == 0x2E) {
        rex = (*code & 0xF0) == 0x40 ? *code : 0;
        code++;
    }
    if (code[0] != 0x0F)
        return false;
    int reg_field = (code[2] >> 3 & 7) | (rex & 4) << 1;
    if (code[1] == 0x22) { // mov to a control register
        special->kind = reg_field == 3 ? TO_CR3 : reg_field == 0 || reg_field == 4 ? TO_CR0_OR_CR4 : 0;
    } else if (code[1] == 0x01 && (reg_field & 7) == 7 && code[2] >> 6 != 3) {
        special->kind = INVALIDATE;
        operand(special, code + 2, rex, next);
    }
    return special->kind != 0;
}

static void on_translation(uint64_t id, struct block_handle *handle)
{
    static bool found;
    (void)id;
    if (!found && !(found = find_registers()))
        fail("this QEMU gives a plugin no registers");
    size_t count = qemu_plugin_tb_n_insns(handle);
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        fail("no memory left");
    block->va = block->last = qemu_plugin_tb_vaddr(handle);
    block->length = count;
    qemu_plugin_register_vcpu_tb_exec_cb(handle, on_block, READS_REGISTERS, block);
    for (size_t i = 0; i < count; i++) {
        struct insn_handle *insn = qemu_plugin_tb_get_insn(handle, i);
        uint64_t va = qemu_plugin_insn_vaddr(insn);
        size_t size = qemu_plugin_insn_size(insn);
        struct special special = {0};
        bool user = !(va >> 63);
        block->last = va + size - 1;
#if API >= 3
        uint8_t code[16] = {0};
        size = qemu_plugin_insn_data(insn, code, sizeof code);
#else
        const uint8_t *code = qemu_plugin_insn_data(insn);
#endif
        if (is_special(&special, code, size, va + size) && (special.kind == MARKER || !user)) {
            struct special *kept = malloc(sizeof *kept);
            if (!kept)
                fail("no memory left");
            *kept = special;
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_special, NO_REGISTERS, kept);
        }
        if (touch_file || !user)
            qemu_plugin_register_vcpu_mem_cb(insn, on_access, READS_REGISTERS, touch_file ? READS | WRITES : WRITES,
                                             user ? block : NULL);
    }
}

static FILE *created(const char *name)
{
    FILE *file = fopen(name, "wb");
    if (file)
        setvbuf(file, NULL, _IOFBF, 1 << 20);
    return file;
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info, int count, char **words)
{
    const char *ram_name = "";
    (void)info;
    prctl(PR_SET_PDEATHSIG, SIGKILL); // whoever started this is waiting; without it nobody reads the log
    for (int i = 0; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (!value)
            return -1;
        *value++ = 0;
        if (!strcmp(words[i], "ram"))
            ram_name = value;
        else if (!strcmp(words[i], "pages"))
            frames = strtoull(value, NULL, 10);
        else if (!strcmp(words[i], "summary"))
            summary_name = value;
        else if (!strcmp(words[i], "log"))
            log_file = created(value);
        else if (!strcmp(words[i], "touches"))
            touch_file = created(value);
        else if (!strcmp(words[i], "deaf"))
            deaf = !strcmp(value, "on");
        else
            return -1;
    }
    int file = open(ram_name, O_RDWR);
    ram = file < 0 ? MAP_FAILED : mmap(NULL, frames * 4096, PROT_READ, MAP_SHARED, file, 0);
    live = calloc(frames, sizeof *live);
    if (ram == MAP_FAILED || !live || !log_file || !summary_name)
        return -1;
    summary_name = strdup(summary_name);
    bytes = g_byte_array_new();
    resize_seen(1 << 16);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
