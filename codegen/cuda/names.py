"""What no variable of generated CUDA text may be called."""

from __future__ import annotations

from .types import CARRIERS, SCALARS

_WORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl
concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do
double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace
new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires return
short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef
typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq
half half2 nv_bfloat16 nv_bfloat162 __half __nv_bfloat16 dim3 threadIdx blockIdx blockDim gridDim warpSize clock clock64
min max abs exp log sin cos tan sqrt rsqrt pow floor ceil round rint trunc fma fmod erf tanh sinh cosh isnan isinf
isfinite signbit printf assert malloc free memcpy memset std cuda nvcuda wmma cg main unix linux INFINITY NAN lane
floordiv floormod max_nan min_nan bitcast y0 y1 yn j0 j1 jn gamma norm normcdf
"""

_INTEGERS = ("char", "short", "int", "long", "longlong")
_VECTORS = {
    f"{base}{n}"
    for base in (*(f"{u}{t}" for u in ("", "u") for t in _INTEGERS), "float", "double", "half")
    for n in (1, 2, 3, 4, 8)
}

RESERVED = frozenset({*_WORDS.split(), *_VECTORS, *SCALARS.values(), *CARRIERS.values()})
