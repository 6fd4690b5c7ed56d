// SPDX-License-Identifier: BSD-3-Clause
//
// Which instructions matter.

#pragma once
#include "qemu.h"

enum { TO_CR3 = 1, TO_CR0_OR_CR4, INVALIDATE, MARKER };
enum { AT_FAULTS = '1', AT_DIRECT_MAP, AT_START, AT_END }; // what the guest's init says by its marker instructions

// An instruction that matters. Its effect is looked at when the next block begins: each of them ends a block, and only
// there are the registers current.
struct special { uint8_t kind, marker; int8_t base, index; uint8_t scale; int64_t offset; };

// Fill in the address that the operand at `code`, a ModRM byte, stands for.
static void operand(struct special *special, const uint8_t *code, int rex, uint64_t next)
{
    int mod = code[0] >> 6, rm = code[0] & 7;
    int32_t wide = 0;
    special->base = rm | (rex & 1) << 3;
    special->index = -1;
    code++;
    bool scaled = rm == 4;
    if (scaled) {
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
        if (!scaled)
            special->offset += next; // relative to the instruction pointer
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
