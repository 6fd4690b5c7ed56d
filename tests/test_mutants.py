"""The list of mutants is not stale. Running them is a command of its own: ``make mutants``."""

from __future__ import annotations

import ast
import shutil

import pytest

from .mutants import MUTANTS, PACKAGE, ROOT, mutate


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_mutant_is_a_program_and_not_the_same(mutant, tmp_path):
    (tmp_path / PACKAGE / mutant.file).parent.mkdir(parents=True)
    shutil.copy(ROOT / PACKAGE / mutant.file, tmp_path / PACKAGE / mutant.file)
    mutate(mutant, tmp_path)
    before, after = ((root / PACKAGE / mutant.file).read_text() for root in (ROOT, tmp_path))
    assert ast.dump(ast.parse(before)) != ast.dump(ast.parse(after))


def test_a_stale_mutant_is_told(tmp_path):
    shutil.copytree(ROOT / PACKAGE / "shadow", tmp_path / PACKAGE / "shadow")
    with pytest.raises(ValueError, match=r"found 0 times in shadow/guest\.py"):
        mutate(MUTANTS[0]._replace(old="no such line"), tmp_path)
