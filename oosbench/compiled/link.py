"""Compile each function once, and the program once.

Left alone, Numba makes a finished library of every compiled function, with copies of all that it calls, optimised
and turned into machine code each time: the shadow MMU's 150 functions then take two minutes. Only the entry
points are called from Python. So a function that compiled code alone calls (a `Part`) stops at LLVM's
intermediate code, and an entry point (a `Whole`) links all parts it reaches, once, before it is optimised. That
takes half a minute. The parts become private to the whole, so the compiler may drop arguments that nobody reads,
and carry constants into functions: the code is faster than Numba's own by a third.

The shadow MMU never counts an index from the end. In its functions the test for a negative index, which every access
to an array would make, is left out.

This reaches into Numba's internals, which `__init__.py` lists. `pipelines` gives nothing for a version it was not tried
with, and Numba's own way is used then: slower to compile, the same in every other respect.
"""

from __future__ import annotations

import numba

TRIED_WITH = ("0.65.", "0.66.", "0.67.", "0.68.")


def tried() -> bool:
    """Say whether this was tried with the version of Numba that is there."""
    return numba.__version__.startswith(TRIED_WITH)


def pipelines():
    """Return the keyword arguments of ``njit`` for a part and for a whole."""
    if numba.config.DISABLE_JIT or not tried():
        return {}, {}
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import Compiler

    from . import lean

    lean.remember_types()
    _leave_out_the_test_for_negative_indices()

    class NoEnvironment:
        """Stands for the code generator where a part would look up its Python environment: it needs none."""

        @staticmethod
        def set_env(name, environment):
            pass

    class Part(JITCodeLibrary):
        """A library that is only linked into others."""

        codegen = NoEnvironment

        def finalize(self):
            self._raise_if_finalized()
            self._finalized = True

        def get_pointer_to_function(self, name):
            return 0

    class Whole(JITCodeLibrary):
        """A library that has linked in everything it reaches."""

        def finalize(self):
            # Callers first: what nothing has asked for by the time its library is linked is left out.
            reached: dict[JITCodeLibrary, None] = {}

            def visit(library):
                for other in library._linking_libraries:
                    if other not in reached:
                        if isinstance(other, Part):
                            visit(other)
                        reached[other] = None

            visit(self)
            self._linking_libraries = list(reached)[::-1]
            self._own = {function.name for function in self._final_module.functions}
            super().finalize()

        def _optimize_final_module(self):
            for function in self._final_module.functions:
                if not function.is_declaration and function.name not in self._own:
                    # (Not "internal": the loader takes functions of one name for one, and other wholes have the same
                    # parts, cut to their own measure.)
                    function.linkage = "private"
            super()._optimize_final_module()

        def serialize_using_object_code(self):
            # Nothing is linked with a whole: of its intermediate code the names alone are needed.
            self._ensure_finalized()
            return self.name, "object", (self._get_compiled_object(), _names_of(self._final_module))

    def pipeline(library_class):
        class Pipeline(Compiler):
            def define_pipelines(self):
                return [lean.passes(self.state)]

            def _compile_core(self):
                state = self.state
                if state["library"] is None:
                    state["library"] = library_class(state.targetctx.codegen(), state.func_id.func_qualname)
                    state["library"].enable_object_caching()
                with lean.without_collecting():
                    return super()._compile_core()

        return {"pipeline_class": Pipeline}

    return pipeline(Part), pipeline(Whole)


def _names_of(module) -> bytes:
    """Return a module in bitcode that defines what `module` lets others see, and nothing more."""
    from llvmlite import binding

    seen = [
        f'define void @"{function.name}"() {{ unreachable }}'
        for function in module.functions
        if not function.is_declaration and function.linkage not in (binding.Linkage.private, binding.Linkage.internal)
    ]
    return binding.parse_assembly("\n".join(seen)).as_bitcode()


def _leave_out_the_test_for_negative_indices():
    """Let an index be taken as it is, in the functions of the shadow MMU alone."""
    from numba.core import types
    from numba.np import arrayobj

    with_test = arrayobj.fix_integer_index
    package = __package__.partition(".")[0]
    rooms = tuple(f"_ZN{len(package)}{package}{len(room)}{room}" for room in ("shadow", "x86"))

    def fix_integer_index(context, builder, index_type, index, length):
        if builder.function.name.startswith(rooms):  # names of functions begin with where they are from
            return context.cast(builder, index, index_type, types.intp if index_type.signed else types.uintp)
        return with_test(context, builder, index_type, index, length)

    arrayobj.fix_integer_index = fix_integer_index
