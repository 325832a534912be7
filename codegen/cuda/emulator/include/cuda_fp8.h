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
