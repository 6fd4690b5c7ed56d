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
// Arguments: ram=FILE, pages=N, log=FILE, touches=FILE (optional), summary=FILE, vcpus=N (else 1), deaf=on (ignore
// stores: a check of the check). API is the version of the plugin interface, which the compiler is told.

#define _GNU_SOURCE
#include "instructions.h"
#include "tables.h"
#include "touches.h"

struct block { uint64_t va, last; uint32_t length; };

static uint64_t fault_handler;

// What is in force on the vCPU that acts, for the first time.
static void meet(void)
{
    load_root(frame_of(reg(CR3)));
    acting->epoch++;
}

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
    meet();
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
            memset(seen_page(va << 16 >> 28)->epoch, 0, sizeof acting->seen->epoch);
        acting->aliases[va >> 12 & (ALIASES - 1)].epoch = 0;
        if (recording)
            put(INVLPG, acting->root->page, 0, 0, 0, va, false);
        return;
    }
    acting->epoch++;
    if (!recording)
        return;
    if (special->kind == TO_CR0_OR_CR4) {
        put(FLUSH_ALL, acting->root->page, 0, 0, 0, 0, false);
        return;
    }
    bury();
    loads++;
    load_root(frame_of(reg(CR3)));
}

static void page_fault(void)
{
    uint64_t stack = walk(acting->root_frame, reg(RSP));
    if (stack >> 12 >= frames)
        fail("the stack of a page fault is not mapped");
    uint64_t *frame = ram + (stack >> 3); // error code, RIP, as the processor pushed them
    put(FAULT, acting->root->page, frame[0] & 0xFF, 0, 0, reg(CR2), frame[1] >> 63);
}

// The block of the vCPU that acts is over, and it goes on at `at`: what that block left behind takes place.
static void settle(uint64_t at)
{
    now += acting->length;
    acting->length = 0;
    if (acting->pending) {
        const struct special *special = acting->pending;
        acting->pending = NULL;
        done(special);
    }
    if (!recording)
        return;
    if (loads >= LOADS_BETWEEN_CHECKS || stores >= STORES_BETWEEN_CHECKS) // no store is half done here
        compare_with_memory();
    if (at == fault_handler && !acting->fault_told) {
        page_fault();
        acting->fault_told = true;
    }
}

// The one that acted before may have met a page fault, of which the handler has not begun yet: it is told now, before
// this one changes the tables that explain it.
static void act(void)
{
    struct vcpu *next = running();
    if (acting == next)
        return;
    settle(reg(RIP));
    acting = next;
    if (recording && !acting->root)
        meet();
}

static void on_block(unsigned vcpu, void *data)
{
    const struct block *block = data;
    (void)vcpu;
    act();
    settle(block->va);
    acting->fault_told = false;
    acting->length = block->length;
    if (recording && touch_file) {
        touch(block->va, 2, !(block->va >> 63));
        if ((block->va ^ block->last) >> 12)
            touch(block->last, 2, !(block->va >> 63));
    }
}

static void on_special(unsigned vcpu, void *data)
{
    (void)vcpu;
    act();
    acting->pending = data;
}

// `data` is not NULL for instructions of user code.
static void on_access(unsigned vcpu, uint32_t info, uint64_t va, void *data)
{
    (void)vcpu;
    act();
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

// Translation: what is to be called, and where.
static void on_translation(uint64_t id, struct block_handle *handle)
{
    static bool found;
    (void)id;
    if (!found && !(found = find_registers(vcpu_count > 1)))
        fail(vcpu_count > 1 ? "this QEMU gives a plugin no registers of several vCPUs"
                            : "this QEMU gives a plugin no registers");
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
        else if (!strcmp(words[i], "vcpus"))
            vcpu_count = strtoul(value, NULL, 10);
        else if (!strcmp(words[i], "deaf"))
            deaf = !strcmp(value, "on");
        else
            return -1;
    }
    int file = open(ram_name, O_RDWR);
    ram = file < 0 ? MAP_FAILED : mmap(NULL, frames * 4096, PROT_READ, MAP_SHARED, file, 0);
    live = calloc(frames, sizeof *live);
    if (ram == MAP_FAILED || !live || !log_file || !summary_name || !vcpu_count || vcpu_count > MOST_VCPUS)
        return -1;
    summary_name = strdup(summary_name);
    bytes = g_byte_array_new();
    for (unsigned i = 0; i < vcpu_count; i++) {
        acting = &vcpus[i];
        acting->epoch = 1;
        resize_seen(1 << 16);
    }
    acting = vcpus;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
