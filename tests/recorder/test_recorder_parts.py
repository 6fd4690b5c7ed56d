"""The recorder's parts, without a guest."""

from __future__ import annotations

import io
import json
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest

from oosbench import RecorderError, Recording, check, recordings
from oosbench.__main__ import main
from oosbench.panels import RecordPanel
from oosbench.recorder import Recorded, build, memory_size, needs, packages, record
from oosbench.recorder.contents import HOME, guest_tree
from oosbench.recorder.initramfs import Tree
from oosbench.recorder.log import ROW, TOUCHED, read_summary, rows_of, touches_of
from oosbench.recorder.qemu import command_line

from ..turns import taking_turns

ABOUT = dict.fromkeys(("checks", "compared", "missed", "kernel", "qemu", "initramfs", "plugin"), 0)
ABOUT |= {"command": ["ls"], "memory": "1G", "thp": "never", "pti": False}


def members(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Read an archive back: mode and content by name."""
    found, file = {}, io.BytesIO(archive)
    while True:
        head = file.read(110)
        assert head[:6] == b"070701"
        numbers = [int(head[6 + 8 * i : 14 + 8 * i], 16) for i in range(13)]
        mode, size, length = numbers[1], numbers[6], numbers[11]
        name = file.read(length)[:-1].decode()
        file.read(-file.tell() % 4)
        data = file.read(size)
        file.read(-file.tell() % 4)
        if name == "TRAILER!!!":
            return found
        found[name] = mode, data


def test_an_archive_holds_what_was_put_in_and_folders_first(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/tool").write_text("#!/bin/sh\n")
    (tmp_path / "real/tool").chmod(0o755)
    (tmp_path / "alias").symlink_to("real")
    tree = Tree()
    assert tree.host(tmp_path / "alias/tool") == str(tmp_path / "real/tool")
    tree.text("/deep/down/file", b"abc")
    tree.device("/dev/console", 5, 1)
    found = members(b"".join(tree.archive()))
    here = str(tmp_path).lstrip("/")
    assert found[f"{here}/alias"] == (stat.S_IFLNK | 0o777, b"real")
    assert found[f"{here}/real/tool"] == (stat.S_IFREG | 0o755, b"#!/bin/sh\n")
    assert found["deep/down/file"] == (stat.S_IFREG | 0o644, b"abc")
    assert stat.S_ISCHR(found["dev/console"][0])
    names = list(found)
    for name in names:
        parent = name.rpartition("/")[0]
        assert not parent or names.index(parent) < names.index(name)


def test_an_archive_is_the_same_whenever_it_is_written(tmp_path):
    (tmp_path / "file").write_text("x")
    trees = []
    for _ in range(2):
        tree = Tree()
        tree.host(tmp_path / "file")
        trees.append(b"".join(tree.archive()))
    assert trees[0] == trees[1]


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        Tree().host(tmp_path / "a")


@pytest.fixture
def box(tmp_path):
    """Return something that answers as busybox does."""
    path = tmp_path / "busybox"
    path.write_text("#!/bin/sh\necho sh\necho true\necho vi\n")
    path.chmod(0o755)
    return path


def test_a_command_brings_its_libraries_and_arguments_along(in_folder, box):
    Path("data.txt").write_text("seven")
    program = "print 1; " * 100  # too long for the name of a file
    tree = guest_tree(["cat", "data.txt", "no-such-file", program], [], box, box)
    words = tree.entries["/oosbench/command"].data().split(b"\0")
    assert words[1:] == [b"data.txt", b"no-such-file", program.encode(), b""]
    assert words[0].decode().endswith("/cat")
    assert tree.entries[f"{HOME}/data.txt"].data() == b"seven"
    assert any("libc.so" in path for path in tree.entries)
    assert tree.entries["/usr/bin/vi"].data() == b"busybox"
    assert "/init" in tree


def test_a_script_brings_its_interpreter_and_a_folder_all_that_is_in_it(in_folder, box):
    Path("more/inner").mkdir(parents=True)
    Path("more/inner/x.txt").write_text("x")
    Path("more/dangling").symlink_to("nowhere")
    Path("script").write_text("#!/usr/bin/env cat\n")
    tree = guest_tree(["./script"], ["more"], box, box)
    assert tree.entries["/oosbench/command"].data() == f"{HOME}/script\0".encode()
    assert any(path.endswith("/bin/env") for path in tree.entries)
    assert any(path.endswith("/bin/cat") for path in tree.entries)
    assert f"{in_folder}/more/inner/x.txt" in tree
    assert f"{in_folder}/more/dangling" not in tree


@pytest.mark.parametrize(
    ("command", "add", "told"),
    [
        (["no-such-program"], [], "no-such-program: there is no such program, neither on this machine nor in busybox"),
        (["./no-such-program"], [], "./no-such-program: there is no such program"),
        (["cat"], ["nowhere"], "--add nowhere: there is no such file"),
        (["cat", *["x"] * 5000], [], "the command has 5001 words"),
    ],
)
def test_what_cannot_go_into_the_guest_is_named(command, add, told, in_folder, box):
    with pytest.raises(RecorderError, match=told):
        guest_tree(command, add, box, box)


@pytest.mark.parametrize("text", ["1", "1T", "64M", "4G", "-1G", "257M", ""])
def test_memory_must_be_possible(text):
    with pytest.raises(RecorderError, match=f"memory is {text}, must be 256M to 2G"):
        memory_size(text)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["x.txt", "--", "true"], "must end in .npz"),
        (["x.touch.npz", "--", "true"], "not in .touch.npz"),
        (["no/where.npz", "--", "true"], "there is no folder"),
        (["x.npz", "--memory", "3G", "--", "true"], "memory is 3G, must be 256M to 2G"),
        (["x.npz", "--vcpus", "0", "--", "true"], "vcpus is 0, must be from 1 to 4"),
        (["x.npz", "--vcpus", "5", "--", "true"], "vcpus is 5, must be from 1 to 4"),
        (["x.npz", "--time-limit", "0", "--", "true"], "time limit is 0, must be above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_starts(words, told, in_folder, capsys):
    assert main(["record", *words]) == 2
    assert told in capsys.readouterr().err
    assert list(in_folder.iterdir()) == []


def test_what_is_missing_is_named_with_what_installs_it(in_folder, monkeypatch, capsys):
    monkeypatch.setattr(needs.shutil, "which", lambda name: None)
    assert main(["record", "x.npz", "--", "true"]) == 2
    told = capsys.readouterr().err
    assert "recording needs qemu-system-x86_64, gcc, ldd: apt-get install" in told
    assert "qemu-system-x86 gcc libc6-dev" in told


def test_without_a_kernel_package_it_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("OOSBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecorderError, match="apt-cache is missing; put Debian's package into"):
        packages.kernel()
    said = tmp_path / "apt-cache"
    said.write_text("#!/bin/sh\necho nothing\n")
    said.chmod(0o755)
    with pytest.raises(RecorderError, match="apt knows no linux-image-cloud-amd64"):
        packages.kernel()


def test_an_old_qemu_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        build.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, "QEMU emulator version 5.2.0 (X)")
    )
    with pytest.raises(RecorderError, match=r"QEMU is 5\.2\.0 \(X\), must be 7\.2 or newer"):
        build.qemu_version()


def test_the_command_line_of_qemu_has_what_was_asked_for():
    base = {"pti": False, "thp": "always", "accesses": False, "deaf": False}
    line = " ".join(command_line(Path("k"), Path("p,q.so"), 2**30, **base))
    assert "pti=off transparent_hugepage=always" in line
    assert "file=p,,q.so,ram=ram,pages=262144,log=log,summary=summary" in line
    assert "touches" not in line
    line = " ".join(command_line(Path("k"), Path("p"), 2**28, **base | {"pti": True, "accesses": True, "thp": "never"}))
    assert "pti=on transparent_hugepage=never" in line
    assert line.endswith("touches=touches")
    assert "-icount shift=0" in line
    assert "smp" not in line
    line = " ".join(command_line(Path("k"), Path("p"), 2**28, **base, vcpus=2))
    assert "tcg,thread=single" in line
    assert "-smp 2" in line
    assert "icount" not in line
    assert line.endswith("vcpus=2")


def test_a_python_caller_gets_the_same_refusals(tmp_path):
    with pytest.raises(RecorderError, match="there is no command"):
        record(tmp_path / "x.npz", [])
    with pytest.raises(RecorderError, match="thp is on, must be one of always, madvise, never"):
        record(tmp_path / "x.npz", ["true"], thp="on")


def test_the_log_becomes_columns(tmp_path):
    log = np.zeros(4, ROW)
    log["kind"] = [1, 2, 7, 8]
    log["when"] = [10, 10, 10, 2**40]
    log["value"] = [0, 0, 5, 7 << 12 | 0x67 | 1 << 63]
    log["va"] = [0, 0, 2**32 - 1, 0]
    log["level"] = [0, 4, 4, 4]
    log["vcpu"] = [0, 1, 1, 0]
    log.tofile(tmp_path / "log")
    rows = rows_of(tmp_path / "log", 4)
    assert rows["dt"].tolist() == [0, 0, 0, 2**32 - 1]
    assert rows["vcpu"].tolist() == [0, 1, 1, 0]
    assert (rows["flags"][3], rows["frame"][3]) == (0x1067, 7)
    assert (rows["page_pfn"].tolist(), rows["page_parent"].tolist()) == ([5], [-1])
    with pytest.raises(RecorderError, match="the log holds 4 rows, the plugin wrote 5"):
        rows_of(tmp_path / "log", 5)
    touched = np.array([(2, 9 << 8 | 16), (4, 3 << 8 | 1), (4, 1 << 56 | 9 << 8 | 1)], TOUCHED)
    touched.tofile(tmp_path / "touches")
    touches = touches_of(tmp_path / "touches")
    assert {name: column.tolist() for name, column in touches.items()} == {
        "pos": [2, 2, 0],
        "vpn": [1, 0, 1],
        "kind": [16, 1, 1],
        "vcpu": [0, 0, 1],
        "vpn_table": [3, 9],
    }


def test_what_the_plugin_gave_up_for_is_told(tmp_path):
    (tmp_path / "summary").write_text("error=the guest uses five-level page tables\n")
    with pytest.raises(RecorderError, match="five-level"):
        read_summary(tmp_path / "summary")


# ---- commands and panel ----


def test_what_made_a_recording_must_be_told_well(in_folder, capsys):
    old = recordings.load("sqlite")
    for text in ("no json", "[1]", '{"command": 3}'):
        Recording("mine", old.rows, about=text).write("mine.npz")
        assert main(["check", "./mine.npz"]) == 2
        assert "./mine.npz: what made it is not told" in capsys.readouterr().err


def test_what_made_a_recording_of_several_vcpus_does_not_make_it_again(in_folder, capsys):
    old, about = recordings.load("sqlite"), ABOUT
    for vcpus, told in (({}, "what reproduces it exactly"), ({"vcpus": 2}, "made it, though no two runs are the same")):
        Recording("mine", old.rows, about=json.dumps(about | vcpus)).write("mine.npz")
        assert main(["check", "./mine.npz"]) == 0
        assert told in (said := capsys.readouterr().out)
        assert ("2 vCPUs, memory 1G" in said) == bool(vcpus)


def test_the_command_tells_the_share_of_each_vcpu(in_folder, monkeypatch, capsys):
    two = taking_turns("sqlite")
    made = Recorded(two, check(two), ABOUT | {"vcpus": 2}, "")
    monkeypatch.setattr("oosbench.commands.record.record", lambda *words, **options: made)
    assert main(["record", "x.npz", "--vcpus", "2", "--accesses", "--", "ls"]) == 0
    faults, stores = (np.bincount(two.rows["vcpu"][two.rows["ev"] == kind]) for kind in (5, 6))
    told = f"by vCPU: {faults[0]} + {faults[1]} page faults, {stores[0]:,} + {stores[1]:,} stores"
    assert told in capsys.readouterr().err


def test_the_panel_says_what_to_install(monkeypatch):
    monkeypatch.setattr(needs.shutil, "which", lambda name: None)
    panel = RecordPanel()
    assert "apt-get install" in panel._needs.value
    panel.run.click()
    assert panel.wait(20)
    assert "recording needs qemu-system-x86_64" in panel.status.value


def test_the_panel_refuses_a_command_that_is_none():
    panel = RecordPanel(command="'unfinished")
    panel.run.click()
    assert panel.wait(20)
    assert "No closing quotation" in panel.status.value
