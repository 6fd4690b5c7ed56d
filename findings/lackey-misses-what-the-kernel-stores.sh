#!/bin/sh
# Valgrind's lackey does not show what the kernel stores for a program.
#
# Guess: a page that read(2) fills is stored to in the trace of memory accesses.
# Seen: no line has an address of the buffer, though 16 pages of it were filled; a program's own stores beside it are there.
set -eu
version='1:3.19.0-1'
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet=2 "valgrind=$version" 2>download.log || { cat download.log >&2; exit 1; }
dpkg -x ./*.deb valgrind
cat >reads.c <<'SOURCE'
#include <fcntl.h>
#include <unistd.h>

char filled[65536] __attribute__((aligned(4096))), touched[65536] __attribute__((aligned(4096)));

int main(void)
{
    int zeros = open("/dev/zero", O_RDONLY);

    for (int page = 0; page < 16; page++)
        ((volatile char *)touched)[4096 * page] = 1;
    return read(zeros, filled, sizeof filled) != sizeof filled;
}
SOURCE
gcc -O1 -no-pie -static -o reads reads.c
VALGRIND_LIB=$folder/valgrind/usr/libexec/valgrind valgrind/usr/bin/valgrind \
    --tool=lackey --trace-mem=yes --log-file=trace ./reads
nm reads >symbols
python3 - <<'COUNT' | tee seen
import re
start = {name: int(at, 16) for at, _, name in (line.split() for line in open("symbols") if len(line.split()) == 3)}
pages = {"filled": set(), "touched": set()}
for line in open("trace"):
    if found := re.match(r" [SLM] ([0-9a-f]+),", line):
        for name in pages:
            if 0 <= int(found[1], 16) - start[name] < 65536:
                pages[name].add((int(found[1], 16) - start[name]) // 4096)
for name, by in (("touched", "the program"), ("filled", "the kernel")):
    print(f"16 pages stored to by {by}: {len(pages[name])} are in the trace")
COUNT
cat >expected <<'EXPECTED'
16 pages stored to by the program: 16 are in the trace
16 pages stored to by the kernel: 0 are in the trace
EXPECTED
cmp seen expected && echo "as found, with valgrind $version"
