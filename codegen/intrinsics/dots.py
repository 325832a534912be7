"""Texts of dot products by the lane: what `C[i] += sum(A[k] * B[i, k])` over a few k says, and how it is written.

The layout is that of TVM's intrinsics: `A` holds the few factors that all lanes share, `B` one row for each lane.
"""

from __future__ import annotations

from typing import NamedTuple

from ...tir.dtype import dtype

_HEAD = """
@T.prim_func
def {name}(
    A: T.Buffer(({k},), "{a}", offset_factor=1),
    B: T.Buffer(({n}, {k}), "{b}", offset_factor=1),
    C: T.Buffer(({n},), "{c}", offset_factor=1),
):
    with T.block("root"):
        T.reads(C[0:{n}], A[0:{k}], B[0:{n}, 0:{k}])
        T.writes(C[0:{n}])
"""

_LOOPS = """\
        for i, k in T.grid({n}, {k}):
            with T.block("update"):
                vi, vk = T.axis.remap("SR", [i, k])
                C[vi] = C[vi] + T.Cast("{c}", A[vk]) * T.Cast("{c}", B[vi, vk])
"""

# The factors of `A` are read as one word and spread over the lanes, which is one broadcast from memory.
_CALL = """\
        C[0:{n}] = T.call_llvm_pure_intrin(
            "{c}x{n}",
            "{instruction}",
            C[0:{n}],
            T.reinterpret("{a}x{total}", T.Broadcast(T.reinterpret("{word}", A[0:{k}]), {n})),
            B.vload([0, 0], "{b}x{total}"),
        )
"""


class Dot(NamedTuple):
    """One such intrinsic.

    Attributes
    ----------
    a, b, c: the element types. n: lanes. k: products added to each.
    instruction: LLVM's name of the instruction.
    """

    a: str
    b: str
    c: str
    n: int
    k: int
    instruction: str

    def texts(self, name: str) -> tuple[str, str]:
        """The description and the implementation."""
        word = f"int{dtype(self.a).bits * self.k}"
        fields = {"name": name, "word": word, "total": self.n * self.k, **self._asdict()}
        return (_HEAD + _LOOPS).format(**fields), (_HEAD + _CALL).format(**fields)
