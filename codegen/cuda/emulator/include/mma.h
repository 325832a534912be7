// nvcuda::wmma, as CUDA's header of this name declares it: a tile spread over the lanes of a warp, piece by piece.
#pragma once
#include "cuda_bf16.h"
#include "cuda_fp16.h"

namespace nvcuda::wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32 {};
}  // namespace precision

template <class T>
struct storage_of {
  using type = T;
};
template <>
struct storage_of<precision::tf32> {
  using type = float;
};

// Rows and columns of what a fragment holds.
template <class Use, int M, int N, int K>
constexpr int rows = M;
template <int M, int N, int K>
constexpr int rows<matrix_b, M, N, K> = K;
template <class Use, int M, int N, int K>
constexpr int cols = N;
template <int M, int N, int K>
constexpr int cols<matrix_a, M, N, K> = K;

// Which elements a lane holds, CUDA leaves open: here element e of lane l is number 32 e + l of the tile, row by row.
template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
  using storage = typename storage_of<T>::type;
  static constexpr int ROWS = rows<Use, M, N, K>, COLS = cols<Use, M, N, K>;
  static constexpr int num_elements = ROWS * COLS / 32;
  storage x[num_elements];
};

template <class F, class V>
inline void fill_fragment(F& f, V value) {
  for (auto& x : f.x) x = static_cast<typename F::storage>(value);
}

template <class Layout>
constexpr bool by_row = true;
template <>
inline constexpr bool by_row<col_major> = false;

template <class Use, int M, int N, int K, class T, class L, class S>
inline void load_matrix_sync(fragment<Use, M, N, K, T, L>& f, const S* base, unsigned ld, bool row_wise = by_row<L>) {
  using F = fragment<Use, M, N, K, T, L>;
  for (int e = 0; e < F::num_elements; ++e) {
    unsigned i = 32 * e + tir_emu::lane_id(), row = i / F::COLS, col = i % F::COLS;
    f.x[e] = row_wise ? base[row * ld + col] : base[col * ld + row];
  }
  tir_emu::meet(~0u, "load_matrix_sync", nullptr, 0, 0);
}
template <int M, int N, int K, class T, class S>
inline void load_matrix_sync(fragment<accumulator, M, N, K, T>& f, const S* base, unsigned ld, layout_t layout) {
  load_matrix_sync(f, base, ld, layout == mem_row_major);
}

template <int M, int N, int K, class T, class S>
inline void store_matrix_sync(S* base, const fragment<accumulator, M, N, K, T>& f, unsigned ld, layout_t layout) {
  for (int e = 0; e < M * N / 32; ++e) {
    unsigned i = 32 * e + tir_emu::lane_id(), row = i / N, col = i % N;
    base[layout == mem_row_major ? row * ld + col : col * ld + row] = f.x[e];
  }
  tir_emu::meet(~0u, "store_matrix_sync", nullptr, 0, 0);
}

template <class A>
inline A operand(A x) {
  return x;
}
inline float operand(__half x) { return x; }
inline float operand(__nv_bfloat16 x) { return x; }
inline int operand(signed char x) { return x; }
inline int operand(unsigned char x) { return x; }

template <int M, int N, int K, class T, class LA, class LB, class C, class D>
TIR_UNCHECKED inline void mma_sync(fragment<accumulator, M, N, K, D>& d, const fragment<matrix_a, M, N, K, T, LA>& a,
                                   const fragment<matrix_b, M, N, K, T, LB>& b,
                                   const fragment<accumulator, M, N, K, C>& c) {
  using Value = decltype(operand(a.x[0]));
  struct Own {
    Value a[M * K / 32], b[K * N / 32];
  } own;
  static_assert(sizeof(Own) <= tir_emu::PAYLOAD);
  for (int e = 0; e < M * K / 32; ++e) own.a[e] = operand(a.x[e]);
  for (int e = 0; e < K * N / 32; ++e) own.b[e] = operand(b.x[e]);
  const tir_emu::Payload* given = tir_emu::meet(~0u, "mma_sync", &own, sizeof own, 0);
  for (int e = 0; e < M * N / 32; ++e) {
    int i = 32 * e + static_cast<int>(tir_emu::lane_id()), row = i / N, col = i % N;
    Value sum = static_cast<Value>(c.x[e]);
    for (int k = 0; k < K; ++k) {
      int ka = row * K + k, kb = k * N + col;
      sum += reinterpret_cast<const Own*>(given[ka % 32].bytes)->a[ka / 32] *
             reinterpret_cast<const Own*>(given[kb % 32].bytes)->b[kb / 32];
    }
    d.x[e] = static_cast<D>(sum);
  }
}

inline float __float_to_tf32(float x) {
  unsigned bits = tir_emu::as<unsigned>(&x);
  bits = (bits + 0x1000u) & 0xffffe000u;
  return tir_emu::as<float>(&bits);
}

}  // namespace nvcuda::wmma
