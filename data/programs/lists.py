"""The program of the recordings `lists` and `lists-small`: lists, a dict, and 24 MiB touched by page."""

import gc
import json
import random

random.seed(1)
rows = [[random.random() for _ in range(8)] for _ in range(8000)]
text = json.dumps(rows)
rows = sorted(json.loads(text))
room = bytearray(24 << 20)
room[::4096] = bytes(len(room) // 4096)
names = {str(n): n for n in range(60_000)}
del rows, text
gc.collect()
more = [list(range(n % 50)) for n in range(20_000)]
