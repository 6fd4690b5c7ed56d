"""Commands that are ended while they write: nothing is half-written, and the next run is right."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from oosbench import Store

_TOML = "workloads = [{ family = 'fork_exec', events = 4000 }]\n[axes]\noos_slots = [2, 3, 4, 5, 6, 7, 8, 9]\n"
_COMMANDS = {
    "compare": ("compare", "sqlite", "--presets", "emulate,oos-snapshot", "--out", "out"),
    "generate": ("generate", "fork_exec", "made.trace.gz", "--events", "60000"),
    "export": ("export", "sqlite", "made.npz"),
    "replay": ("replay", "sqlite", "--results", "results.txt", "--counters", "counters.json"),
    "sweep": ("sweep", "./design.toml", "--store", "points.sqlite", "--jobs", "1", "--csv", "points.csv"),
}


def _begin(words: tuple[str, ...], folder: Path, limit=None) -> subprocess.Popen:
    (folder / "design.toml").write_text(_TOML)
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from oosbench.__main__ import main; print('ready', flush=True); sys.exit(main())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


def _files(folder: Path) -> dict[str, bytes]:
    """Return the files that a command made, but for those that no two runs have alike."""
    kept = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(("points", "design", ".")) and "/." not in name:
            kept[name] = path.read_bytes()
    return kept


@cache
def _right(name: str) -> tuple[dict[str, bytes], float]:
    """Return what a command makes when nobody ends it, and how long it takes."""
    with tempfile.TemporaryDirectory() as folder:
        process = _begin(_COMMANDS[name], Path(folder))
        process.stdout.readline()
        began = time.monotonic()
        _, told = process.communicate()
        assert process.returncode == 0, told
        return _files(Path(folder)), time.monotonic() - began


def kill(draw: random.Random) -> str:
    """Begin a command, end it one way or other, look at what is there, and begin it again."""
    name = draw.choice(list(_COMMANDS))
    right, takes = _right(name)
    how = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM, "files", "memory"))
    limits = {
        "files": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (draw.choice((0, 4096, 50_000)),) * 2),
        "memory": lambda: resource.setrlimit(resource.RLIMIT_AS, (draw.choice((1, 2, 3)) * 2**30,) * 2),
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        process = _begin(_COMMANDS[name], folder, limits.get(how))
        process.stdout.readline()
        if not isinstance(how, str):
            time.sleep(draw.uniform(0, 1.1 * takes))
            process.send_signal(how)
        _, told = process.communicate(timeout=120)
        if isinstance(how, str) or how == signal.SIGINT:
            assert "Traceback" not in told or "libgomp" in told, f"{name} {how}: {told[-400:]}"
        for file, data in _files(folder).items():
            assert data == right[file], f"{name} {how}: {file} is half-written"
        if (folder / "points.sqlite").exists() and (folder / "points.sqlite").stat().st_size:
            with Store(folder / "points.sqlite") as store:
                store.frame()
            assert sqlite3.connect(folder / "points.sqlite").execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        again = _begin(_COMMANDS[name], folder)
        _, told = again.communicate(timeout=300)
        assert again.returncode == 0, f"{name} after {how}: {told[-400:]}"
        assert _files(folder) == right, f"{name} after {how}: other files"
    return "right"
