"""How Python becomes machine code here. Read `jit.py` first.

`jit.py`        the two decorators: `jit` for what compiled code alone calls, `entry` for what Python calls
`kept.py`       machine code on disk
`link.py`       each function compiled once, the program linked once
`lean.py`       in as few steps as that takes
`reference.py`  a domain of arrays handed over by one pointer
`calls.py`      calling what is known by its address alone: the C library, a reader's own rule
`progress.py`   who is told what is being compiled

This is the only room that reaches into Numba beyond its decorators. What it relies on, and where:

* `jit.py`: what a dispatcher has as ``get_call_template`` and ``_cache``
* `kept.py`: what a cache of ``numba.core.caching`` is asked for; ``CompileResult._reduce`` and ``_rebuild``;
  ``numba.core.serialize.dumps``; ``magic_tuple`` of the code generator
* `link.py`: ``numba.core.codegen.JITCodeLibrary`` (``finalize``, ``_raise_if_finalized``, ``_finalized``,
  ``_linking_libraries``, ``_final_module``, ``_optimize_final_module``, ``_get_compiled_object``, ``_unserialize``,
  ``codegen``), ``numba.core.compiler.Compiler`` (``_compile_core``, ``define_pipelines``, ``state``) and the keyword
  ``pipeline_class``; ``numba.np.arrayobj.fix_integer_index``; symbols that begin with where a function is from
* `lean.py`: the steps of ``numba.core.untyped_passes`` and ``typed_passes``; ``types.Function.get_call_type``
* `reference.py`: ``numba.core`` (``cgutils``, ``types``, ``imputils``, ``typing.templates``), ``numba.extending`` and
  ``numba.np.arrayobj`` (``make_array``, ``populate_array``)
* `calls.py`: ``numba.extending.intrinsic``, ``numba.types.ExternalFunction``, ``numba.cfunc``
* `progress.py`: the events of ``numba.core.event``

A version of Numba that `link.py` was not tried with compiles in its own way, for minutes; that is said once.
"""

from __future__ import annotations

from .jit import entry as entry
from .jit import jit as jit
from .progress import Compiling as Compiling
from .reference import Referenced as Referenced
from .reference import writeable as writeable
