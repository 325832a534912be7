// float16, as CUDA's header of this name declares it.
#pragma once
#define __CUDA_FP16_TYPES_EXIST__
#include "narrow_floats.h"

TIR_NARROW(__half, 5, 10)
using half = __half;
using half2 = __half2;

inline float __half2float(half x) { return x; }
inline half __float2half(float x) { return half(x); }
inline half __float2half_rn(float x) { return half(x); }
inline half __double2half(double x) { return half(static_cast<float>(x)); }
inline half __int2half_rn(int x) { return half(static_cast<float>(x)); }
inline int __half2int_rz(half x) { return static_cast<int>(float(x)); }
inline unsigned short __half_as_ushort(half x) { return x.__x; }
inline short __half_as_short(half x) { return static_cast<short>(x.__x); }
inline half __ushort_as_half(unsigned short x) { return tir_emu::as<half>(&x); }
inline half __short_as_half(short x) { return tir_emu::as<half>(&x); }
inline half2 __floats2half2_rn(float x, float y) { return {half(x), half(y)}; }
inline half2 __float22half2_rn(float2 v) { return {half(v.x), half(v.y)}; }
inline float2 __half22float2(half2 v) { return {float(v.x), float(v.y)}; }
inline half2 make_half2(half x, half y) { return {x, y}; }
inline half2 __halves2half2(half x, half y) { return {x, y}; }
inline half2 __half2half2(half x) { return {x, x}; }
inline half __low2half(half2 v) { return v.x; }
inline half __high2half(half2 v) { return v.y; }
