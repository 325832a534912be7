// Sums of products of a group of four warps: 64 rows, each thread with a half of the columns of every fourth pair.
#pragma once
#include <tensorir/ptx_hopper.cuh>

namespace tir::wgmma {

struct accumulator {};

template <class Use, int M, int N, int K, class T>
struct fragment {
  static_assert(M == 64);
  T x[N / 2];
};

template <int N, int K, class T, class V>
__device__ __forceinline__ void fill_fragment(fragment<accumulator, 64, N, K, T>& f, V value) {
#pragma unroll
  for (int i = 0; i < N / 2; ++i) f.x[i] = static_cast<T>(value);
}

#ifdef __CUDA_FP16_TYPES_EXIST__
__device__ __forceinline__ void mma_async(fragment<accumulator, 64, 64, 16, float>& c, const half* a, const half* b) {
  ptx::wgmma_m64n64k16_f16(c.x, a, b);
}
__device__ __forceinline__ void mma_async(fragment<accumulator, 64, 128, 16, float>& c, const half* a, const half* b) {
  ptx::wgmma_m64n128k16_f16(c.x, a, b);
}
__device__ __forceinline__ void mma_async(fragment<accumulator, 64, 256, 16, float>& c, const half* a, const half* b) {
  ptx::wgmma_m64n256k16_f16(c.x, a, b);
}
#endif
#ifdef __CUDA_BF16_TYPES_EXIST__
__device__ __forceinline__ void mma_async(fragment<accumulator, 64, 64, 16, float>& c, const __nv_bfloat16* a, const __nv_bfloat16* b) {
  ptx::wgmma_m64n64k16_bf16(c.x, a, b);
}
__device__ __forceinline__ void mma_async(fragment<accumulator, 64, 128, 16, float>& c, const __nv_bfloat16* a, const __nv_bfloat16* b) {
  ptx::wgmma_m64n128k16_bf16(c.x, a, b);
}
__device__ __forceinline__ void mma_async(fragment<accumulator, 64, 256, 16, float>& c, const __nv_bfloat16* a, const __nv_bfloat16* b) {
  ptx::wgmma_m64n256k16_bf16(c.x, a, b);
}
#endif

// c += a * transposed b, of permuted tiles in shared memory; done when it returns.
template <class F, class T>
__device__ __forceinline__ void mma_sync(F& c, const T* a, const T* b) {
  wgmma_fence();
  mma_async(c, a, b);
  wgmma_commit();
  wgmma_wait<0>();
}

template <class T>
struct alignas(2 * sizeof(T)) pair {
  T x, y;
};

// Stores the tile, its numbers rounded to the type of the memory, two neighbours at once.
template <int N, int K, class C, class T>
__device__ __forceinline__ void store_matrix_sync(T* base, int offset, const fragment<accumulator, 64, N, K, C>& f,
                                                  int ld) {
  const int thread = static_cast<int>(threadIdx.x) & 127;
  const int row = thread / 32 * 16 + thread % 32 / 4, col = thread % 4 * 2;
#pragma unroll
  for (int i = 0; i < N / 4; ++i)
    *reinterpret_cast<pair<T>*>(base + offset + (row + i % 2 * 8) * ld + i / 2 * 8 + col) = {
        static_cast<T>(f.x[2 * i]), static_cast<T>(f.x[2 * i + 1])};
}

}  // namespace tir::wgmma
