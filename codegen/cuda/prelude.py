"""The device functions that generated text may call: a table from name to text; a file holds those it uses."""

from __future__ import annotations

from functools import cache

_HEAD = "static __device__ __forceinline__"

_CONSTANTS = """
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#ifndef NAN
#define NAN __int_as_float(0x7fffffff)
#endif
"""

_EXTREMUM = """
// The {word} of two numbers; NaN where one of them is NaN.
{head} float {name}(float a, float b) {{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  float c;
  asm("{op}.NaN.f32 %0, %1, %2;" : "=f"(c) : "f"(a), "f"(b));
  return c;
#else
  return a {sign} b || a != a ? a : b;
#endif
}}
{head} double {name}(double a, double b) {{ return a {sign} b || a != a ? a : b; }}
"""

_FLOORDIV = """
// The quotient rounded towards minus infinity.
template <typename T> {head} T floordiv(T a, T b) {{
  T q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}}
"""
_FLOORMOD = """
// The remainder with the sign of b.
template <typename T> {head} T floormod(T a, T b) {{
  T r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}}
{head} float floormod(float a, float b) {{
  float r = fmodf(a, b);
  return r == 0 ? copysignf(0, b) : (r < 0) != (b < 0) ? r + b : r;
}}
{head} double floormod(double a, double b) {{
  double r = fmod(a, b);
  return r == 0 ? copysign(0.0, b) : (r < 0) != (b < 0) ? r + b : r;
}}
"""
_BITCAST = """
// The bits of x read as another type of the same width.
template <typename T, typename S> {head} T bitcast(S x) {{
  T out;
  memcpy(&out, &x, sizeof(T));
  return out;
}}
"""
_POWI = """
// x to the power y of integers, wrapping; truncated for a negative power.
template <typename T> {head} T powi(T x, T y) {{
  if (y < 0) return x == 1 ? 1 : x == T(-1) ? (y & 1 ? T(-1) : T(1)) : T(0);
  unsigned long long base = x, out = 1;
  for (; y > 0; y >>= 1, base *= base)
    if (y & 1) out *= base;
  return T(out);
}}
"""
_FP8 = """
// Rounded to nearest, ties to even, not saturated.
{head} {type} to_{name}({source} x) {{
  {type} out;
  out.__x = __nv_cvt_{source}_to_fp8(x, __NV_NOSAT, {kind});
  return out;
}}
"""
_WRAP4 = {
    "wrap_int4": "\n{head} signed char wrap_int4(int x) {{ return ((x & 15) ^ 8) - 8; }}\n",
    "wrap_uint4": "\n{head} unsigned char wrap_uint4(int x) {{ return x & 15; }}\n",
}


@cache
def table() -> dict[str, str]:
    """Every helper's text by name."""
    out = {"INFINITY": _CONSTANTS, "NAN": _CONSTANTS}
    for word, name, op, sign in (("greater", "max_nan", "max", ">"), ("less", "min_nan", "min", "<")):
        out[name] = _EXTREMUM.format(word=word, name=name, op=op, sign=sign, head=_HEAD)
    for name, text in {
        "floordiv": _FLOORDIV, "floormod": _FLOORMOD, "bitcast": _BITCAST, "powi": _POWI, **_WRAP4,
    }.items():  # fmt: skip
        out[name] = text.format(head=_HEAD)
    for name, type_, kind in (
        ("float8_e4m3fn", "__nv_fp8_e4m3", "__NV_E4M3"),
        ("float8_e5m2", "__nv_fp8_e5m2", "__NV_E5M2"),
    ):
        out[f"to_{name}"] = "".join(
            _FP8.format(head=_HEAD, name=name, type=type_, kind=kind, source=source) for source in ("float", "double")
        )
    return out
