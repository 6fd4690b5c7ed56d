#!/bin/sh
# Valgrind's lackey tells a repeated string instruction once for each repetition.
#
# Guess: one `rep stosb` over 4096 bytes is one instruction line ("I") followed by its stores.
# Seen: 4097 instruction lines of the one instruction, each but the last before the store of a single byte.
set -eu
version='1:3.19.0-1'
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet=2 "valgrind=$version" 2>download.log || { cat download.log >&2; exit 1; }
dpkg -x ./*.deb valgrind
cat >clears.c <<'SOURCE'
char cleared[4096] __attribute__((aligned(4096)));

int main(void)
{
    unsigned long count = sizeof cleared;
    char *at = cleared;

    __asm__ volatile("rep stosb" : "+c"(count), "+D"(at) : "a"(1) : "memory");
    return cleared[4095] != 1;
}
SOURCE
gcc -O1 -no-pie -static -o clears clears.c
VALGRIND_LIB=$folder/valgrind/usr/libexec/valgrind valgrind/usr/bin/valgrind \
    --tool=lackey --trace-mem=yes --log-file=trace ./clears
nm clears >symbols
python3 - <<'COUNT' | tee seen
import re
start = {name: int(at, 16) for at, _, name in (line.split() for line in open("symbols") if len(line.split()) == 3)}
instruction, stores, of = None, 0, {}
fetched = []
for line in open("trace"):
    if found := re.match(r"I  ([0-9a-f]+),", line):
        instruction = found[1]
        fetched.append(instruction)
    elif found := re.match(r" S ([0-9a-f]+),1$", line):
        if 0 <= int(found[1], 16) - start["cleared"] < 4096:
            stores += 1
            of[instruction] = of.get(instruction, 0) + 1
(at,) = of
print(f"{stores} stores of a byte by {len(of)} instruction, which has {fetched.count(at)} lines")
COUNT
echo '4096 stores of a byte by 1 instruction, which has 4097 lines' >expected
cmp seen expected && echo "as found, with valgrind $version"
