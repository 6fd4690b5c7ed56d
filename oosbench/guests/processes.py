"""Processes: made, copied, ended, and switched to."""

from __future__ import annotations

from ..compiled import jit
from ..x86 import RW, P, frame_of, guest_index
from .frames import give_table, read, store, take_page, take_table
from .instructions import enter_kernel, load_root
from .layout import MAX_REGIONS
from .regions import zap
from .state import MAX_PROCESSES, NONE
from .tables import TABLE, find_table, flush, free_tables, is_running, need_table, set_entry_of


class TooManyProcesses(Exception):
    """The guest has more processes than a model kernel keeps."""


@jit
def _kernel_half(g, v, root):
    """Give a new root the kernel's entries; and a self-map, if this kernel has one."""
    config, state = g.config[0], g.state[0]
    for i in range(1024 if config.levels == 2 else 512):
        entry = read(g, state.kernel_root, i)
        if entry != 0:
            store(g, v, root, i, entry)
    if config.levels == 3:
        for i in range(3):
            store(g, v, root, i, take_table(g, v) << 12 | P)
    if config.self_mapped:
        _map_itself(g, v, root)


@jit
def _map_itself(g, v, root):
    """Let a root show its own tables. With PAE that takes a table of level 2 of its own for the kernel's half."""
    config = g.config[0]
    if config.levels != 3:
        store(g, v, root, guest_index(config.self_map, config.levels, config.levels), root << 12 | TABLE)
        return
    shared = frame_of(read(g, root, 3))
    own = take_table(g, v)
    for i in range(512):
        entry = read(g, shared, i)
        if entry != 0:
            store(g, v, own, i, entry)
    store(g, v, root, 3, own << 12 | P)
    for i in range(4):
        table = frame_of(read(g, root, i))
        store(g, v, own, guest_index(config.self_map, 2, 3) + i, table << 12 | TABLE)


@jit
def _user_root(g, v, root):
    """Return a root for user code, which of the kernel maps the trampoline only."""
    config, state = g.config[0], g.state[0]
    user_root = take_table(g, v)
    index = guest_index(config.trampoline, config.levels, config.levels)
    if config.levels == 4:
        store(g, v, user_root, index, read(g, root, index))
        return user_root
    for i in range(3):
        store(g, v, user_root, i, read(g, root, i))
    upper = take_table(g, v)
    store(g, v, upper, guest_index(config.trampoline, 2, 3), state.entry_table << 12 | TABLE)
    store(g, v, user_root, 3, upper << 12 | P)
    return user_root


@jit
def spawn(g, v):
    """Make a process with nothing mapped; return its number."""
    for process in range(MAX_PROCESSES):
        record = g.processes[process]
        if not record.alive:
            record.alive = True
            record.root = take_table(g, v)
            _kernel_half(g, v, record.root)
            record.user_root = _user_root(g, v, record.root) if g.config[0].isolation else NONE
            return process
    raise TooManyProcesses


@jit
def switch(g, v, process):
    """Let a vCPU run a process, or none: then the kernel's own root is loaded."""
    enter_kernel(g, v)
    g.vcpus[v].process = process
    load_root(g, v, g.state[0].kernel_root if process == NONE else g.processes[process].root)


@jit
def begin(g):
    """Begin to run: the page of zeros is set aside, and every vCPU loads the kernel's root."""
    state = g.state[0]
    state.zero_page = take_page(g, 0)
    g.frames[state.zero_page].kept = 1
    state.booted = 1
    for v in range(g.config[0].vcpus):
        switch(g, v, NONE)


@jit
def run(g, v, process):
    """Let a vCPU run a process if it does not already."""
    if not is_running(g, v, process):
        switch(g, v, process)


@jit
def _copy_region(g, v, parent, child, i):
    """Share the pages of a region with a child; both must copy before they write. Returns how many lost RW."""
    levels = g.config[0].levels
    region = g.regions[parent, i]
    protected = 0
    table = NONE
    copy = NONE
    for page in range(region.start, region.start + region.pages):
        va = page * 4096
        index = guest_index(va, 1, levels)
        if index == 0 or page == region.start:
            table = find_table(g, g.processes[parent].root, va, 1)
            copy = NONE
        if table == NONE:
            continue
        entry = read(g, table, index)
        if entry & P == 0:
            continue
        if entry & RW:
            entry &= ~RW
            set_entry_of(g, v, parent, va, 1, table, entry)
            protected += 1
        if copy == NONE:
            copy = need_table(g, v, child, va)
        set_entry_of(g, v, child, va, 1, copy, entry)
        g.frames[frame_of(entry)].mapped += 1
    return protected


@jit
def fork(g, v, parent):
    """Copy a process; return the copy. File pages that are nobody's own it will find by itself."""
    child = spawn(g, v)
    protected = 0
    for i in range(MAX_REGIONS):
        region, copy = g.regions[parent, i], g.regions[child, i]
        copy.kind, copy.start, copy.pages, copy.writable = region.kind, region.start, region.pages, region.writable
        copy.cached, copy.private = region.cached, region.private
        if region.kind and region.private:
            protected += _copy_region(g, v, parent, child, i)
    if protected:
        flush(g, v, parent, 0, g.config[0].guest_pages)
    return child


@jit
def end(g, v, process):
    """End a process: its pages go, then its tables, and its root when no vCPU runs it any more."""
    for i in range(MAX_REGIONS):
        region = g.regions[process, i]
        if region.kind:
            zap(g, v, process, region.start, region.pages)
    flush(g, v, process, 0, g.config[0].guest_pages)
    for i in range(MAX_REGIONS):
        region = g.regions[process, i]
        if region.kind:
            free_tables(g, v, process, region.start, region.pages)
        region.kind = 0
    for w in range(g.config[0].vcpus):
        if is_running(g, w, process):
            switch(g, w, NONE)
    _free_root(g, process)


@jit
def _free_root(g, process):
    record = g.processes[process]
    if g.config[0].levels == 3:
        for i in range(4 if g.config[0].self_mapped else 3):
            give_table(g, frame_of(read(g, record.root, i)))
    if record.user_root != NONE:
        if g.config[0].levels == 3:
            give_table(g, frame_of(read(g, record.user_root, 3)))
        give_table(g, record.user_root)
    give_table(g, record.root)
    record.alive = False


@jit
def execute(g, v):
    """Let a vCPU's process become another program (execve): a new address space first, then the end of the old one."""
    old = g.vcpus[v].process
    new = spawn(g, v)
    switch(g, v, new)
    end(g, v, old)
    return new
