"""The C functions that generated text may call: a table from name to text; a file holds those it uses.

Narrow floats round to nearest, ties to even; beyond the range those that have no infinities give NaN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from ...tir.dtype import dtype
from ...tir.float_formats import FORMATS, FloatFormat

_INTEGERS = [f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)]

_BITS = """
static inline uint32_t bits_of(float x) { uint32_t b; memcpy(&b, &x, sizeof b); return b; }
static inline float float_of(uint32_t b) { float x; memcpy(&x, &b, sizeof x); return x; }
"""

_ODD = """
/* The float next to x, rounded to odd where inexact: rounding it once more to a narrower type is right. */
static inline float odd_float(double x) {
    float near = (float)x;
    uint32_t b = bits_of(near);
    if (x != x || near == x || isinf(x)) return near;
    if (fabs((double)near) > fabs(x)) --b;
    return float_of(b | 1);
}
"""

_FEW_DIGITS = """
/* An integer of at most 53 digits that rounds to any narrow float as x does. */
static inline double few_digits_int64(int64_t x) {
    if (x < INT64_C(-9007199254740992) || x > INT64_C(9007199254740992))
        x = (x & ~INT64_C(0xFFF)) | ((x & 0xFFF) ? 0x800 : 0);
    return (double)x;
}
static inline double few_digits_uint64(uint64_t x) {
    if (x > UINT64_C(9007199254740992)) x = (x & ~UINT64_C(0xFFF)) | ((x & 0xFFF) ? 0x800 : 0);
    return (double)x;
}
"""

_BFLOAT16 = """
static inline uint16_t pack_bfloat16(float x) {
    uint32_t b = bits_of(x);
    return x != x ? (b >> 16 & 0x8000) | 0x7FC0 : (b + 0x7FFF + (b >> 16 & 1)) >> 16;
}
static inline float unpack_bfloat16(uint16_t b) { return float_of((uint32_t)b << 16); }
"""

# Scaled by a power of two, the value's bits are the packed ones with a longer mantissa; small ones are rounded by
# adding 2^23 units of the least subnormal.
_SMALL = """
static inline uint{bits}_t pack_{name}(float x) {{
    uint32_t b = bits_of(x), sign = b >> 31 << {top}, m = b & 0x7FFFFFFF, packed;
    if (x != x) return {beyond}{nan};
    if (m < bits_of({least}f)) packed = bits_of(float_of(m) + {shift}f) - bits_of({shift}f);
    else packed = (m - (({rebias}u) << 23) + ((1u << {drop1}) - 1) + (m >> {drop} & 1)) >> {drop};
{unsigned}    return packed > {greatest} ? {beyond}{overflow} : sign | packed;
}}
static inline float unpack_{name}(uint{bits}_t bits) {{
    uint32_t sign = (uint32_t)(bits >> {top}) << 31, m = bits & {mask};
    float x = {special} ? {infinite} : float_of(m << {drop}) * {scale}f;
    return float_of(sign | bits_of(x));
}}
"""


def _small(name: str, form: FloatFormat) -> str:
    return _SMALL.format(
        bits=form.width,
        name=name,
        top=form.width - 1,
        nan=hex(form.nan),
        least=form.least_normal.hex(),
        shift=(2.0**form.dropped * form.least_normal).hex(),
        rebias=127 - form.bias,
        drop=form.dropped,
        drop1=form.dropped - 1,
        greatest=hex(form.last),
        overflow=hex(form.overflow),
        unsigned="    if (!packed) sign = 0;\n" if form.fnuz else "",
        beyond="" if form.fnuz else "sign | ",
        mask=hex(form.magnitude),
        special=f"m >= {form.top:#x}" if form.infinite else f"{'bits' if form.fnuz else 'm'} == {form.nan:#x}",
        infinite=f"m == {form.top:#x} ? INFINITY : NAN" if form.infinite else "NAN",
        scale=(2.0 ** (127 - form.bias)).hex(),
    )


_ROUND = """
static inline float round_{t}(float x) {{ return unpack_{t}(pack_{t}(x)); }}
"""
_ROUND_DOUBLE = """
static inline float round_double_{t}(double x) {{ return round_{t}(odd_float(x)); }}
"""
_NEXTAFTER = """
static inline float nextafter_{t}(float x, float y) {{
    if (x != x || y != y) return x + y;
    if (x == y) return y;
    if (x == 0) return unpack_{t}(x < y ? 1 : 1u << {top} | 1);
{last}    return unpack_{t}((x < y) == (x > 0) ? pack_{t}(x) + 1 : pack_{t}(x) - 1);
}}
"""
_LAST = """    if (x < y && x == unpack_{t}(0x81)) return 0;
"""
_FMA = """
static inline float fma_{t}(float x, float y, float z) {{ return round_double_{t}(fma_odd(x, y, z)); }}
"""

_FMA_ODD = """
/* x * y + z rounded to odd: the product is exact in double, the sum's error says where it lies. */
static inline double fma_odd(float x, float y, float z) {
    double p = (double)x * y, s = p + z, part = s - p, error = (p - (s - part)) + (z - part);
    int64_t b;
    if (!(error != 0) || isinf(s) || s != s || error != error) return s;
    memcpy(&b, &s, sizeof b);
    if (!(b & 1)) b += (error > 0) == (s > 0) ? 1 : -1;
    memcpy(&s, &b, sizeof s);
    return s;
}
"""

_DIVIDE = """
static inline {c} div_{t}({c} a, {c} b) {{ return b == -1 ? ({c})(0 - (u{c})a) : ({c})(a / b); }}
static inline {c} mod_{t}({c} a, {c} b) {{ return b == -1 ? 0 : ({c})(a % b); }}
"""
_FLOOR_DIVIDE = """
static inline {c} floordiv_{t}({c} a, {c} b) {{
    if (b == -1) return ({c})(0 - (u{c})a);
    return ({c})(a / b - (a % b != 0 && (a ^ b) < 0));
}}
static inline {c} floormod_{t}({c} a, {c} b) {{
    {c} r = b == -1 ? 0 : ({c})(a % b);
    return ({c})(r != 0 && (r ^ b) < 0 ? r + b : r);
}}
"""
_FLOORMOD = """
/* The remainder with the sign of b, as Python has it. */
static inline {c} floormod_{t}({c} a, {c} b) {{
    {c} r = fmod{f}(a, b);
    if (r == 0) return copysign{f}(0, b);
    return (r < 0) != (b < 0) ? r + b : r;
}}
"""
_EXTREMUM = """
static inline {c} min_{t}({c} a, {c} b) {{ return a < b{nan} ? a : b; }}
static inline {c} max_{t}({c} a, {c} b) {{ return a > b{nan} ? a : b; }}
"""
_FROM_FLOAT = """
/* Truncated and saturated; 0 for NaN. */
static inline {c} {t}_from_double(double x) {{
    return x != x ? 0 : x <= (double){low} ? {low} : x >= (double){high} ? {high} : ({c})x;
}}
"""
_POW = """
static inline {c} pow_{t}({c} base, {c} power) {{
    {u} b = ({u})base, out = 1;
{negative}    for ({u} left = ({u})power; left; left >>= 1, b = ({u})((uint64_t)b * b))
        if (left & 1) out = ({u})((uint64_t)out * b);
    return ({c})out;
}}
"""
_NEGATIVE = """    if (power < 0) return base == 1 || base == -1 ? (power % 2 ? base : 1) : 0;
"""

_FIXED = {
    "bits_of float_of": _BITS,
    "odd_float": _ODD,
    "few_digits_int64 few_digits_uint64": _FEW_DIGITS,
    "fma_odd": _FMA_ODD,
    "pack_bfloat16 unpack_bfloat16": _BFLOAT16,
    "wrap_int4": "\nstatic inline int8_t wrap_int4(int x) { return (int8_t)((x & 15) ^ 8) - 8; }\n",
    "wrap_uint4": "\nstatic inline uint8_t wrap_uint4(int x) { return x & 15; }\n",
    "tir_failed": """
static inline int32_t tir_failed(const int32_t *error) {
    int32_t code;
#pragma omp atomic read
    code = *error;
    return code;
}
""",
    "tir_fail": """
static inline void tir_fail(int32_t *error, int32_t code) {
#pragma omp atomic write
    *error = code;
}
""",
    "tir_stream tir_fence": """
#ifdef __x86_64__
#include <immintrin.h>
#endif
/* Store a vector past the caches, in pieces of at most `align` bytes, of which the address is a multiple. */
static inline void tir_stream(void *to, const void *from, size_t bytes, size_t align) {
    char *t = to;
    const char *f = from, *end = f + bytes;
#ifdef __AVX512F__
    for (; align >= 64 && f < end; f += 64, t += 64) _mm512_stream_si512((void *)t, _mm512_loadu_si512(f));
#endif
#ifdef __AVX__
    for (; align >= 32 && f < end; f += 32, t += 32)
        _mm256_stream_si256((__m256i *)t, _mm256_loadu_si256((const __m256i *)f));
#endif
#ifdef __x86_64__
    for (; f < end; f += 16, t += 16) _mm_stream_si128((__m128i *)t, _mm_loadu_si128((const __m128i *)f));
#else
    memcpy(t, f, bytes);
#endif
}
/* Other threads see what was stored past the caches before they see what is stored from here on. */
static inline void tir_fence(void) {
#ifdef __x86_64__
    _mm_sfence();
#endif
}
""",
    "mulhi_int64": """
static inline int64_t mulhi_int64(int64_t a, int64_t b) { return (int64_t)((__int128)a * b >> 64); }
""",
    "mulhi_uint64": """
static inline uint64_t mulhi_uint64(uint64_t a, uint64_t b) { return (unsigned __int128)a * b >> 64; }
""",
    "tir_alloc tir_refused_bytes": """
static int64_t refused_bytes;
/* The size of the last temporary that there was no memory for. */
TIR_WEAK int64_t tir_refused_bytes(void) { return refused_bytes; }
static inline void *tir_alloc(int64_t bytes, int64_t align) {
    void *memory = NULL;
    if (bytes < 0 || posix_memalign(&memory, align, bytes ? bytes : 1)) {
        refused_bytes = bytes;
        return NULL;
    }
    return memory;
}
""",
}


@cache
def table() -> dict[str, str]:
    """Every helper's text by name; helpers declared together share one text."""
    grouped = dict(_FIXED)
    for t, form in FORMATS.items():
        if form.bias != 127:
            grouped[f"pack_{t} unpack_{t}"] = _small(t, form)
        grouped[f"round_{t}"] = _ROUND.format(t=t)
        grouped[f"round_double_{t}"] = _ROUND_DOUBLE.format(t=t)
        grouped[f"nextafter_{t}"] = _NEXTAFTER.format(
            t=t, top=form.width - 1, last=_LAST.format(t=t) if form.fnuz else ""
        )
        grouped[f"fma_{t}"] = _FMA.format(t=t)
    for t in _INTEGERS:
        c, bits = f"{t}_t", dtype(t).bits
        if t[0] != "u":
            grouped[f"div_{t} mod_{t}"] = _DIVIDE.format(t=t, c=c)
            grouped[f"floordiv_{t} floormod_{t}"] = _FLOOR_DIVIDE.format(t=t, c=c)
        grouped[f"min_{t} max_{t}"] = _EXTREMUM.format(t=t, c=c, nan="")
        grouped[f"pow_{t}"] = _POW.format(t=t, c=c, u=f"uint{bits}_t", negative="" if t[0] == "u" else _NEGATIVE)
        low = f"INT{bits}_MIN" if t[0] != "u" else "0"
        grouped[f"{t}_from_double"] = _FROM_FLOAT.format(t=t, c=c, low=low, high=f"{t.upper()}_MAX")
    grouped["int4_from_double"] = _FROM_FLOAT.format(t="int4", c="int8_t", low="-8", high="7")
    grouped["uint4_from_double"] = _FROM_FLOAT.format(t="uint4", c="uint8_t", low="0", high="15")
    for t, c, f in (("float32", "float", "f"), ("float64", "double", "")):
        grouped[f"min_{t} max_{t}"] = _EXTREMUM.format(t=t, c=c, nan=" || a != a")
        grouped[f"floormod_{t}"] = _FLOORMOD.format(t=t, c=c, f=f)
    return {name: text for names, text in grouped.items() for name in names.split()}


def needed(text: str, known: Mapping[str, str]) -> str:
    """The helpers of those `known` by their names that `text` uses and those that they use, each before its use."""
    out: dict[str, None] = {}

    def add(body: str) -> None:
        for name in dict.fromkeys(re.findall(r"\w+", body)):
            helper = known.get(name)
            if helper is not None and helper is not body and helper not in out:
                add(helper)
                out[helper] = None

    add(text)
    return "".join(out)
