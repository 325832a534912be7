// The floats of 8 bits, as CUDA's header of this name declares them: conversions from float saturate.
#pragma once
#define __CUDA_FP8_TYPES_EXIST__
#include "narrow_floats.h"

#define TIR_FP8(Name, E, M, INFINITE)                                                                         \
  struct Name {                                                                                               \
    uint8_t __x;                                                                                              \
    Name() = default;                                                                                         \
    template <class T, class = decltype(static_cast<float>(T()))>                                             \
    explicit Name(T value)                                                                                    \
        : __x(static_cast<uint8_t>(tir_emu::narrow<E, M, INFINITE, true>(static_cast<float>(value)))) {}      \
    explicit operator float() const { return tir_emu::widen<E, M, INFINITE>(__x); }                           \
  };
TIR_FP8(__nv_fp8_e4m3, 4, 3, false)
TIR_FP8(__nv_fp8_e5m2, 5, 2, true)
#undef TIR_FP8

enum __nv_saturation_t { __NV_NOSAT, __NV_SATFINITE };
enum __nv_fp8_interpretation_t { __NV_E4M3, __NV_E5M2 };

inline uint8_t __nv_cvt_float_to_fp8(float x, __nv_saturation_t saturate, __nv_fp8_interpretation_t kind) {
  using namespace tir_emu;
  if (kind == __NV_E4M3)
    return static_cast<uint8_t>(saturate ? narrow<4, 3, false, true>(x) : narrow<4, 3, false, false>(x));
  return static_cast<uint8_t>(saturate ? narrow<5, 2, true, true>(x) : narrow<5, 2, true, false>(x));
}
inline uint8_t __nv_cvt_double_to_fp8(double x, __nv_saturation_t saturate, __nv_fp8_interpretation_t kind) {
  // Rounded to odd first, which keeps the second rounding right.
  float nearest = static_cast<float>(x);
  if (double(nearest) != x && x == x) {
    if (fabs(double(nearest)) > fabs(x)) nearest = nextafterf(nearest, 0.0f);
    uint32_t bits = tir_emu::as<uint32_t>(&nearest) | 1u;
    nearest = tir_emu::as<float>(&bits);
  }
  return __nv_cvt_float_to_fp8(nearest, saturate, kind);
}
