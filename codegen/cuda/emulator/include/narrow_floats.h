// Floats of 16 and 8 bits: rounding to them from float, to nearest with ties to even, and the arithmetic on them.
#pragma once
#include <stdint.h>

namespace tir_emu {

// The bits of the float with `E` exponent and `M` mantissa bits next to `x`. Without infinities (e4m3fn) the largest
// exponent holds numbers too; `SATURATE` gives the largest number for what is beyond it.
template <int E, int M, bool INFINITE, bool SATURATE>
inline uint32_t narrow(float x) {
  constexpr int BIAS = (1 << (E - 1)) - 1;
  constexpr uint32_t ONES = (1u << E) - 1, NAN_BITS = (ONES << M) | ((1u << M) - 1);
  constexpr uint32_t LARGEST = INFINITE ? (ONES << M) - 1 : NAN_BITS - 1, INFINITY_BITS = INFINITE ? ONES << M : NAN_BITS;
  uint32_t bits = as<uint32_t>(&x), sign = bits >> 31 << (E + M), magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | (INFINITE ? (ONES << M) | (1u << (M - 1)) : NAN_BITS);
  int exponent = static_cast<int>(magnitude >> 23) - 127;
  uint64_t mantissa = (magnitude & 0x7fffffu) | (magnitude >> 23 ? 0x800000u : 0u);
  if (!(magnitude >> 23)) exponent = -126;
  int shift = 23 - M, scaled = exponent + BIAS;
  if (scaled < 1) {
    shift += 1 - scaled;
    scaled = 1;
  }
  if (shift > 40) return sign;
  uint64_t kept = mantissa >> shift, rest = mantissa & ((uint64_t(1) << shift) - 1), half = uint64_t(1) << (shift - 1);
  if (rest > half || (rest == half && (kept & 1))) ++kept;
  uint64_t out = (static_cast<uint64_t>(scaled - 1) << M) + kept;
  if (out > LARGEST) return sign | (SATURATE ? LARGEST : INFINITY_BITS);
  return sign | static_cast<uint32_t>(out);
}

template <int E, int M, bool INFINITE>
inline float widen(uint32_t bits) {
  constexpr int BIAS = (1 << (E - 1)) - 1;
  constexpr uint32_t ONES = (1u << E) - 1, MASK = (1u << M) - 1;
  uint32_t sign = bits >> (E + M) << 31, exponent = bits >> M & ONES, mantissa = bits & MASK, out;
  if (exponent == ONES && (INFINITE || mantissa == MASK)) {
    out = 0x7f800000u | mantissa << (23 - M) | (INFINITE ? 0u : 0x400000u);
  } else if (exponent || E == 8) {
    out = (exponent + 127 - BIAS) << 23 | mantissa << (23 - M);
  } else {
    uint32_t unit = static_cast<uint32_t>(127 + 1 - BIAS - M) << 23;
    float value = static_cast<float>(mantissa) * as<float>(&unit);
    out = as<uint32_t>(&value);
  }
  out |= sign;
  return as<float>(&out);
}

}  // namespace tir_emu

// A type of 16 bits with CUDA's operators: each computes in float and rounds.
#define TIR_NARROW(Name, E, M)                                                                              \
  struct Name {                                                                                             \
    uint16_t __x;                                                                                           \
    Name() = default;                                                                                       \
    template <class T, class = decltype(static_cast<float>(T()))>                                           \
    Name(T value) : __x(static_cast<uint16_t>(tir_emu::narrow<E, M, true, false>(static_cast<float>(value)))) {} \
    operator float() const { return tir_emu::widen<E, M, true>(__x); }                                      \
    Name& operator+=(Name b) { return *this = Name(float(*this) + float(b)); }                              \
    Name& operator-=(Name b) { return *this = Name(float(*this) - float(b)); }                              \
    Name& operator*=(Name b) { return *this = Name(float(*this) * float(b)); }                              \
    Name& operator/=(Name b) { return *this = Name(float(*this) / float(b)); }                              \
  };                                                                                                        \
  inline Name operator+(Name a, Name b) { return Name(float(a) + float(b)); }                               \
  inline Name operator-(Name a, Name b) { return Name(float(a) - float(b)); }                               \
  inline Name operator*(Name a, Name b) { return Name(float(a) * float(b)); }                               \
  inline Name operator/(Name a, Name b) { return Name(float(a) / float(b)); }                               \
  inline Name operator-(Name a) {                                                                           \
    a.__x ^= 0x8000;                                                                                        \
    return a;                                                                                               \
  }                                                                                                         \
  inline bool operator<(Name a, Name b) { return float(a) < float(b); }                                     \
  inline bool operator<=(Name a, Name b) { return float(a) <= float(b); }                                   \
  inline bool operator>(Name a, Name b) { return float(a) > float(b); }                                     \
  inline bool operator>=(Name a, Name b) { return float(a) >= float(b); }                                   \
  inline bool operator==(Name a, Name b) { return float(a) == float(b); }                                   \
  inline bool operator!=(Name a, Name b) { return float(a) != float(b); }                                   \
  struct __attribute__((aligned(4))) Name##2 {                                                              \
    Name x, y;                                                                                              \
  };                                                                                                        \
  inline Name __hadd(Name a, Name b) { return a + b; }                                                      \
  inline Name __hsub(Name a, Name b) { return a - b; }                                                      \
  inline Name __hmul(Name a, Name b) { return a * b; }                                                      \
  inline Name __hdiv(Name a, Name b) { return a / b; }                                                      \
  inline Name __hneg(Name a) { return -a; }                                                                 \
  inline Name __hfma(Name a, Name b, Name c) {                                                              \
    return Name(static_cast<float>(fma(double(float(a)), double(float(b)), double(float(c)))));             \
  }                                                                                                         \
  inline Name __habs(Name a) {                                                                              \
    a.__x &= 0x7fff;                                                                                        \
    return a;                                                                                               \
  }                                                                                                         \
  inline Name __hmax(Name a, Name b) { return Name(fmaxf(a, b)); }                                          \
  inline Name __hmin(Name a, Name b) { return Name(fminf(a, b)); }                                          \
  inline Name __hmax_nan(Name a, Name b) { return a > b || a != a ? a : b; }                                \
  inline Name __hmin_nan(Name a, Name b) { return a < b || a != a ? a : b; }                                \
  inline bool __hisnan(Name a) { return float(a) != float(a); }                                             \
  inline bool __hlt(Name a, Name b) { return a < b; }                                                       \
  inline bool __hle(Name a, Name b) { return a <= b; }                                                      \
  inline bool __hgt(Name a, Name b) { return a > b; }                                                       \
  inline bool __hge(Name a, Name b) { return a >= b; }                                                      \
  inline bool __heq(Name a, Name b) { return a == b; }                                                      \
  inline bool __hne(Name a, Name b) { return a != b; }                                                      \
  inline Name hexp(Name a) { return Name(expf(a)); }                                                        \
  inline Name hexp2(Name a) { return Name(exp2f(a)); }                                                      \
  inline Name hlog(Name a) { return Name(logf(a)); }                                                        \
  inline Name hlog2(Name a) { return Name(log2f(a)); }                                                      \
  inline Name hsqrt(Name a) { return Name(sqrtf(a)); }                                                      \
  inline Name hrsqrt(Name a) { return Name(rsqrtf(a)); }                                                    \
  inline Name hrcp(Name a) { return Name(1.0f / float(a)); }                                                \
  inline Name hsin(Name a) { return Name(sinf(a)); }                                                        \
  inline Name hcos(Name a) { return Name(cosf(a)); }                                                        \
  inline Name hfloor(Name a) { return Name(floorf(a)); }                                                    \
  inline Name hceil(Name a) { return Name(ceilf(a)); }                                                      \
  inline Name htrunc(Name a) { return Name(truncf(a)); }                                                    \
  inline Name hrint(Name a) { return Name(nearbyintf(a)); }                                                 \
  inline Name##2 __hadd2(Name##2 a, Name##2 b) { return {a.x + b.x, a.y + b.y}; }                           \
  inline Name##2 __hsub2(Name##2 a, Name##2 b) { return {a.x - b.x, a.y - b.y}; }                           \
  inline Name##2 __hmul2(Name##2 a, Name##2 b) { return {a.x * b.x, a.y * b.y}; }                           \
  inline Name##2 __hfma2(Name##2 a, Name##2 b, Name##2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
