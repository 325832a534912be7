// ldmatrix and mma.sync, as the emulator's runtime computes them.
#pragma once

namespace tir::ptx {

__device__ __forceinline__ unsigned lane_id() { return tir_emu::lane_id(); }

// Four 8 by 8 matrices of 16-bit elements; lane 8i + r gives the address of row r of matrix i.
__device__ __forceinline__ void ldmatrix_x4(unsigned (&out)[4], const void* row) {
  tir_emu::load_matrices(out, row, false);
}
// The same, each matrix transposed.
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&out)[4], const void* row) {
  tir_emu::load_matrices(out, row, true);
}

// c[0:4] += a * b for a tile of 16 by 8, summed over as many elements as 32 bytes hold.
__device__ __forceinline__ void mma_m16n8k16_f16(float* c, const unsigned (&a)[4], const unsigned* b) {
  tir_emu::mma(tir_emu::Element::F16, c, a, b);
}
__device__ __forceinline__ void mma_m16n8k16_bf16(float* c, const unsigned (&a)[4], const unsigned* b) {
  tir_emu::mma(tir_emu::Element::BF16, c, a, b);
}
__device__ __forceinline__ void mma_m16n8k8_tf32(float* c, const unsigned (&a)[4], const unsigned* b) {
  tir_emu::mma(tir_emu::Element::TF32, c, a, b);
}
__device__ __forceinline__ void mma_m16n8k32_e4m3(float* c, const unsigned (&a)[4], const unsigned* b) {
  tir_emu::mma(tir_emu::Element::E4M3, c, a, b);
}
__device__ __forceinline__ void mma_m16n8k32_e5m2(float* c, const unsigned (&a)[4], const unsigned* b) {
  tir_emu::mma(tir_emu::Element::E5M2, c, a, b);
}
__device__ __forceinline__ void mma_m16n8k32_s8(int* c, const unsigned (&a)[4], const unsigned* b) {
  tir_emu::mma(tir_emu::Element::S8, c, a, b);
}
__device__ __forceinline__ void mma_m16n8k32_u8(int* c, const unsigned (&a)[4], const unsigned* b) {
  tir_emu::mma(tir_emu::Element::U8, c, a, b);
}

}  // namespace tir::ptx
