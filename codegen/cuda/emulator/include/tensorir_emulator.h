// CUDA C++ as a CPU's compiler understands it: included before every kernel that is emulated.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../runtime/emulator.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("tir_shared"), used))

#define threadIdx (tir_emu::thread_idx())
#define blockIdx (tir_emu::block_idx())
#define blockDim (tir_emu::block_dim())
#define gridDim (tir_emu::grid_dim())
constexpr int warpSize = 32;

#include "cuda_vectors.h"

// -- meeting

#define __syncthreads() tir_emu::barrier(__LINE__, 0, 0, true)
#define __syncwarp(...) tir_emu::sync_warp(tir_emu::full(__VA_ARGS__), __LINE__)
#define __activemask() tir_emu::active_mask()
#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)
#define __threadfence_system() ((void)0)

// What the runtime keeps is no memory of the kernel's: not checked.
#define TIR_UNCHECKED __attribute__((no_sanitize("thread")))

namespace tir_emu {

constexpr unsigned full(unsigned mask = 0xffffffffu) { return mask; }

template <class T>
struct Plain {
  using type = T;
};
template <class T>
struct Plain<const T> {
  using type = T;
};

// Calls a kernel with arguments of which `at` holds the addresses.
template <class... P>
TIR_UNCHECKED void call(void (*kernel)(P...), void** at) {
  void** next = at;
  // Braces evaluate in order, parentheses need not.
  struct Run {
    TIR_UNCHECKED Run(void (*kernel)(P...), P... arguments) { kernel(arguments...); }
  } run{kernel, *static_cast<typename Plain<P>::type*>(*next++)...};
}

template <class T>
TIR_UNCHECKED T as(const void* bytes) {
  T value;
  __builtin_memcpy(&value, bytes, sizeof value);
  return value;
}

// What the lane that `pick(lane, first, last)` names has given, among `width` lanes; its own where there is none.
template <class T, class Pick>
T shuffle(unsigned mask, T value, int width, const char* what, int line, Pick pick) {
  static_assert(sizeof(T) <= PAYLOAD);
  const Payload* given = meet(mask, what, &value, sizeof value, line);
  int lane = static_cast<int>(lane_id()), first = lane & ~(width - 1);
  int from = pick(lane, first);
  if (from < first || from >= first + width) from = lane;
  if (!(mask >> from & 1)) fail("a shuffle asks for the value of a lane that is not in its mask");
  return as<T>(given[from].bytes);
}

template <class T>
T shfl(int line, unsigned mask, T v, int src, int width = 32) {
  return shuffle(mask, v, width, "__shfl_sync", line, [=](int, int first) { return first + (src & (width - 1)); });
}
template <class T>
T shfl_up(int line, unsigned mask, T v, unsigned delta, int width = 32) {
  return shuffle(mask, v, width, "__shfl_up_sync", line, [=](int lane, int) { return lane - static_cast<int>(delta); });
}
template <class T>
T shfl_down(int line, unsigned mask, T v, unsigned delta, int width = 32) {
  return shuffle(mask, v, width, "__shfl_down_sync", line,
                 [=](int lane, int) { return lane + static_cast<int>(delta); });
}
template <class T>
T shfl_xor(int line, unsigned mask, T v, int lanes, int width = 32) {
  return shuffle(mask, v, width, "__shfl_xor_sync", line, [=](int lane, int) { return lane ^ lanes; });
}

inline unsigned ballot(int line, unsigned mask, int predicate, const char* what = "__ballot_sync") {
  const Payload* given = meet(mask, what, &predicate, sizeof predicate, line);
  unsigned out = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    if ((mask & active_mask()) >> lane & 1) out |= (as<int>(given[lane].bytes) != 0 ? 1u : 0u) << lane;
  return out;
}

// Reductions over a warp, of integers.
template <class T, class F>
T reduce(int line, unsigned mask, T value, const char* what, F f) {
  const Payload* given = meet(mask, what, &value, sizeof value, line);
  T out = value;
  bool any = false;
  for (unsigned lane = 0; lane < 32; ++lane)
    if ((mask & active_mask()) >> lane & 1) {
      T x = as<T>(given[lane].bytes);
      out = any ? f(out, x) : x;
      any = true;
    }
  return out;
}

template <class T, class F>
TIR_UNCHECKED T replaced(T* at, F f) {
  T old;
  __builtin_memcpy(&old, at, sizeof old);
  T made = f(old);
  __builtin_memcpy(at, &made, sizeof made);
  return old;
}
// In the kernel itself, so that the check tells its line.
template <class T, class F>
__forceinline__ T update(T* at, F f) {
  atomic(at, sizeof(T));
  return replaced(at, f);
}

}  // namespace tir_emu

#define __shfl_sync(...) tir_emu::shfl(__LINE__, __VA_ARGS__)
#define __shfl_up_sync(...) tir_emu::shfl_up(__LINE__, __VA_ARGS__)
#define __shfl_down_sync(...) tir_emu::shfl_down(__LINE__, __VA_ARGS__)
#define __shfl_xor_sync(...) tir_emu::shfl_xor(__LINE__, __VA_ARGS__)
#define __ballot_sync(mask, p) tir_emu::ballot(__LINE__, mask, p)
#define __any_sync(mask, p) (tir_emu::ballot(__LINE__, mask, p, "__any_sync") != 0)
#define __all_sync(mask, p) (tir_emu::ballot(__LINE__, mask, !(p), "__all_sync") == 0)
#define __reduce_add_sync(mask, v) \
  tir_emu::reduce(__LINE__, mask, v, "__reduce_add_sync", [](auto a, auto b) { return a + b; })
#define __reduce_max_sync(mask, v) \
  tir_emu::reduce(__LINE__, mask, v, "__reduce_max_sync", [](auto a, auto b) { return a > b ? a : b; })
#define __reduce_min_sync(mask, v) \
  tir_emu::reduce(__LINE__, mask, v, "__reduce_min_sync", [](auto a, auto b) { return a < b ? a : b; })

// -- memory

#define TIR_CACHED_LOAD(name)   \
  template <class T>            \
  inline T name(const T* at) {  \
    return *at;                 \
  }
TIR_CACHED_LOAD(__ldg)
TIR_CACHED_LOAD(__ldcg)
TIR_CACHED_LOAD(__ldca)
TIR_CACHED_LOAD(__ldcs)
#undef TIR_CACHED_LOAD
template <class T>
inline void __stcs(T* at, T value) {
  *at = value;
}

template <class T, class U>
__forceinline__ T atomicAdd(T* at, U v) {
  return tir_emu::update(at, [=](T old) { return static_cast<T>(old + static_cast<T>(v)); });
}
template <class T, class U>
__forceinline__ T atomicSub(T* at, U v) {
  return tir_emu::update(at, [=](T old) { return static_cast<T>(old - static_cast<T>(v)); });
}
template <class T, class U>
__forceinline__ T atomicMax(T* at, U v) {
  return tir_emu::update(at, [=](T old) { return old > static_cast<T>(v) ? old : static_cast<T>(v); });
}
template <class T, class U>
__forceinline__ T atomicMin(T* at, U v) {
  return tir_emu::update(at, [=](T old) { return old < static_cast<T>(v) ? old : static_cast<T>(v); });
}
template <class T, class U>
__forceinline__ T atomicAnd(T* at, U v) {
  return tir_emu::update(at, [=](T old) { return static_cast<T>(old & static_cast<T>(v)); });
}
template <class T, class U>
__forceinline__ T atomicOr(T* at, U v) {
  return tir_emu::update(at, [=](T old) { return static_cast<T>(old | static_cast<T>(v)); });
}
template <class T, class U>
__forceinline__ T atomicXor(T* at, U v) {
  return tir_emu::update(at, [=](T old) { return static_cast<T>(old ^ static_cast<T>(v)); });
}
template <class T, class U>
__forceinline__ T atomicExch(T* at, U v) {
  return tir_emu::update(at, [=](T) { return static_cast<T>(v); });
}
template <class T, class U, class V>
__forceinline__ T atomicCAS(T* at, U compare, V v) {
  return tir_emu::update(at, [=](T old) { return old == static_cast<T>(compare) ? static_cast<T>(v) : old; });
}

// -- arithmetic

#define TIR_MINMAX(T)                                              \
  inline T min(T a, T b) { return b < a ? b : a; }                 \
  inline T max(T a, T b) { return a < b ? b : a; }
TIR_MINMAX(int)
TIR_MINMAX(unsigned)
TIR_MINMAX(long)
TIR_MINMAX(unsigned long)
TIR_MINMAX(long long)
TIR_MINMAX(unsigned long long)
#undef TIR_MINMAX
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

inline float rsqrtf(float x) { return static_cast<float>(1.0 / sqrt(static_cast<double>(x))); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __exp2f(float x) { return exp2f(x); }
inline float exp10f_(float x) { return powf(10.0f, x); }
inline float __exp10f(float x) { return exp10f_(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __log10f(float x) { return log10f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __frsqrt_rn(float x) { return rsqrtf(x); }
inline float __saturatef(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }

template <class To, class From>
inline To tir_emu_bits(From value) {
  static_assert(sizeof(To) == sizeof(From));
  return tir_emu::as<To>(&value);
}
inline int __float_as_int(float x) { return tir_emu_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return tir_emu_bits<unsigned>(x); }
inline float __int_as_float(int x) { return tir_emu_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return tir_emu_bits<float>(x); }
inline long long __double_as_longlong(double x) { return tir_emu_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return tir_emu_bits<double>(x); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }
inline int __float2int_rn(float x) { return static_cast<int>(nearbyintf(x)); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __mulhi(int a, int b) { return static_cast<int>((static_cast<long long>(a) * b) >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}
inline long long __mul64hi(long long a, long long b) { return static_cast<long long>((__int128(a) * b) >> 64); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}
inline int __dp4a(int a, int b, int c) {
  for (int k = 0; k < 32; k += 8) c += static_cast<int8_t>(a >> k) * static_cast<int8_t>(b >> k);
  return c;
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int k = 0; k < 32; k += 8) c += (a >> k & 255) * (b >> k & 255);
  return c;
}
inline void __trap() { tir_emu::fail("the kernel stops at __trap()"); }
inline size_t __cvta_generic_to_shared(const void* p) { return reinterpret_cast<size_t>(p); }
