// Fragments for mma.sync: tiles of 16 by 16 that the lanes of a warp hold in registers, with the words of nvcuda::wmma.
#pragma once
#include <tensorir/ptx_mma.cuh>

namespace tir {

// Where element e of shared memory lies whose rows are spread over the banks: its group of 2^LOG_VECTOR elements
// (16 bytes) is exchanged with one whose number differs in as many bits as MASK has, by bits of the row.
template <int SHIFT, int MASK, int LOG_VECTOR>
struct swizzle {
  static __device__ __forceinline__ int place(int e) { return e ^ ((e >> SHIFT & MASK) << LOG_VECTOR); }
};
struct straight {
  static __device__ __forceinline__ int place(int e) { return e; }
};

namespace mma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
struct precision_tf32 {};

// Operands hold four registers a lane, sums eight numbers: columns 0 to 7 of the tile, then 8 to 15.
template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
  unsigned x[4];
};
template <int M, int N, int K, class T>
struct fragment<accumulator, M, N, K, T, void> {
  T x[8];
};

template <int M, int N, int K, class T, class V>
__device__ __forceinline__ void fill_fragment(fragment<accumulator, M, N, K, T>& f, V value) {
#pragma unroll
  for (int i = 0; i < 8; ++i) f.x[i] = static_cast<T>(value);
}

__device__ __forceinline__ int lane() { return static_cast<int>(ptx::lane_id()); }

// An operand whose rows along which sums run lie in one piece: rows of 32 bytes, of 16-byte halves.
template <class S, class T>
__device__ __forceinline__ void load_rows(unsigned (&x)[4], const T* base, int offset, int ld, int row, int half) {
  ptx::ldmatrix_x4(x, base + S::place(offset + row * ld + half * (16 / static_cast<int>(sizeof(T)))));
}
// One whose columns do: of 16-bit elements alone, since matrices are transposed by those.
template <class S, class T>
__device__ __forceinline__ void load_columns(unsigned (&x)[4], const T* base, int offset, int ld, int k, int half) {
  static_assert(sizeof(T) == 2, "only matrices of 16-bit elements are transposed while they are loaded");
  ptx::ldmatrix_x4_trans(x, base + S::place(offset + k * ld + half * 8));
}

// The tile at base[offset], whose rows are `ld` elements apart, of shared memory that is laid out as S says.
template <class S = straight, int M, int N, int K, class P, class T>
__device__ __forceinline__ void load_matrix_sync(fragment<matrix_a, M, N, K, P, row_major>& f, const T* base,
                                                 int offset, int ld) {
  load_rows<S>(f.x, base, offset, ld, lane() & 15, lane() >> 4);
}
template <class S = straight, int M, int N, int K, class P, class T>
__device__ __forceinline__ void load_matrix_sync(fragment<matrix_a, M, N, K, P, col_major>& f, const T* base,
                                                 int offset, int ld) {
  load_columns<S>(f.x, base, offset, ld, (lane() & 7) + (lane() >> 4) * 8, lane() >> 3 & 1);
}
template <class S = straight, int M, int N, int K, class P, class T>
__device__ __forceinline__ void load_matrix_sync(fragment<matrix_b, M, N, K, P, row_major>& f, const T* base,
                                                 int offset, int ld) {
  load_columns<S>(f.x, base, offset, ld, lane() & 15, lane() >> 4);
}
template <class S = straight, int M, int N, int K, class P, class T>
__device__ __forceinline__ void load_matrix_sync(fragment<matrix_b, M, N, K, P, col_major>& f, const T* base,
                                                 int offset, int ld) {
  load_rows<S>(f.x, base, offset, ld, (lane() & 7) + (lane() >> 4) * 8, lane() >> 3 & 1);
}

template <class T>
struct instruction;
#define TIR_MMA(T, C, name)                                                                              \
  template <>                                                                                            \
  struct instruction<T> {                                                                                \
    static __device__ __forceinline__ void run(C* c, const unsigned (&a)[4], const unsigned* b) {        \
      ptx::name(c, a, b);                                                                                \
    }                                                                                                    \
  };
#ifdef __CUDA_FP16_TYPES_EXIST__
TIR_MMA(half, float, mma_m16n8k16_f16)
#endif
#ifdef __CUDA_BF16_TYPES_EXIST__
TIR_MMA(__nv_bfloat16, float, mma_m16n8k16_bf16)
#endif
#ifdef __CUDA_FP8_TYPES_EXIST__
TIR_MMA(__nv_fp8_e4m3, float, mma_m16n8k32_e4m3)
TIR_MMA(__nv_fp8_e5m2, float, mma_m16n8k32_e5m2)
#endif
TIR_MMA(precision_tf32, float, mma_m16n8k8_tf32)
TIR_MMA(signed char, int, mma_m16n8k32_s8)
TIR_MMA(unsigned char, int, mma_m16n8k32_u8)
#undef TIR_MMA

// d = a * b + c.
template <int M, int N, int K, class T, class LA, class LB, class C>
__device__ __forceinline__ void mma_sync(fragment<accumulator, M, N, K, C>& d,
                                         const fragment<matrix_a, M, N, K, T, LA>& a,
                                         const fragment<matrix_b, M, N, K, T, LB>& b,
                                         const fragment<accumulator, M, N, K, C>& c) {
  if (&d != &c) d = c;
  instruction<T>::run(d.x, a.x, b.x);
  instruction<T>::run(d.x + 4, a.x, b.x + 2);
}

template <class T>
struct alignas(2 * sizeof(T)) pair {
  T x, y;
};

// Stores the tile, its numbers rounded to the type of the memory, two neighbours at once.
template <class S = straight, int M, int N, int K, class C, class T>
__device__ __forceinline__ void store_matrix_sync(T* base, int offset, const fragment<accumulator, M, N, K, C>& f,
                                                  int ld) {
  const int row = lane() >> 2, col = (lane() & 3) * 2;
#pragma unroll
  for (int i = 0; i < 4; ++i)
    *reinterpret_cast<pair<T>*>(base + S::place(offset + (row + i % 2 * 8) * ld + col + i / 2 * 8)) = {
        static_cast<T>(f.x[2 * i]), static_cast<T>(f.x[2 * i + 1])};
}

// The same operands and sums as elements that lanes hold in arrays of their own: eight of 16 bits, or eight sums.
template <class Use, class Layout, int M, int N, int K, class S = straight, class T>
__device__ __forceinline__ void lane_load(T* own, const T* base, int offset, int ld) {
  fragment<Use, M, N, K, T, Layout> f;
  load_matrix_sync<S>(f, base, offset, ld);
#pragma unroll
  for (int i = 0; i < 4; ++i) reinterpret_cast<unsigned*>(own)[i] = f.x[i];
}
template <class T, class C>
__device__ __forceinline__ void lane_mma(C* c, const T* a, const T* b) {
  unsigned x[4], y[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    x[i] = reinterpret_cast<const unsigned*>(a)[i];
    y[i] = reinterpret_cast<const unsigned*>(b)[i];
  }
  instruction<T>::run(c, x, y);
  instruction<T>::run(c + 4, x, y + 2);
}

}  // namespace mma
}  // namespace tir
