/* The memory work of deriving leaf entries anew, as pieces.py does it, for the C compiler of this machine. */
#include <stdint.h>

enum { P = 1, RW = 2, US = 4, A = 0x20, D = 0x40 };
#define FRAME(entry) (((entry) & 0x000ffffffffff000) >> 12)

static inline int64_t derive(int64_t entry, int64_t mfn, uint32_t flags)
{
    int64_t bits = entry & (P | RW | US | A);

    if (!(entry & A))
        bits &= ~P;
    if (!(entry & D) || flags)
        bits &= ~RW;
    return mfn << 12 | bits;
}

int64_t lookups(const int64_t *p2m, const int64_t *entries, int64_t n, int64_t times)
{
    int64_t found = 0;

    for (; times; times--)
        for (int64_t i = 0; i < n; i++) {
            int64_t mfn = p2m[FRAME(entries[i])];
            if (mfn >= 0)
                found += mfn;
        }
    return found;
}

int64_t derivations(const int64_t *p2m, const uint32_t *flags, const int64_t *entries, int64_t n, int64_t times)
{
    int64_t found = 0;

    for (; times; times--)
        for (int64_t i = 0; i < n; i++) {
            int64_t mfn = p2m[FRAME(entries[i])];
            if (mfn >= 0)
                found ^= derive(entries[i], mfn, flags[8 * mfn]);
        }
    return found;
}

int64_t validations(const int64_t *p2m, const uint32_t *flags, const int64_t *entries, int64_t *shadow, int64_t n, int64_t times)
{
    int64_t changed = 0;

    for (; times; times--)
        for (int64_t i = 0; i < n; i++) {
            int64_t mfn = p2m[FRAME(entries[i])], now = 0;
            if (mfn >= 0)
                now = derive(entries[i], mfn, flags[8 * mfn]);
            if (shadow[i] != now) {
                shadow[i] = now;
                changed++;
            }
        }
    return changed;
}
