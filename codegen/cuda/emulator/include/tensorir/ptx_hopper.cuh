// Hopper's barriers, copies of boxes and products of four warps, as the emulator's runtime does them.
#pragma once

namespace tir {

using tensor_map = tir_emu::TensorMap;

__device__ __forceinline__ void barrier_init(void* barrier, unsigned count) { tir_emu::barrier_init(barrier, count); }
__device__ __forceinline__ void barrier_expect(void* barrier, unsigned bytes) {
  tir_emu::barrier_arrive(barrier, bytes);
}
__device__ __forceinline__ void barrier_wait(void* barrier, unsigned parity) {
  tir_emu::barrier_wait(barrier, parity);
}
__device__ __forceinline__ void tma_load(void* shared, const tensor_map& map, void* barrier, int x, int y) {
  tir_emu::tensor_load(shared, map, barrier, x, y);
}
__device__ __forceinline__ void wgmma_fence() { tir_emu::wgmma_fence(); }
__device__ __forceinline__ void wgmma_commit() { tir_emu::wgmma_commit(); }
template <int IN_FLIGHT>
__device__ __forceinline__ void wgmma_wait() {
  tir_emu::wgmma_wait(IN_FLIGHT);
}

namespace ptx {

__device__ __forceinline__ void wgmma_m64n64k16_f16(float (&c)[32], const void* a, const void* b) {
  tir_emu::wgmma(tir_emu::Element::F16, 64, c, a, b);
}
__device__ __forceinline__ void wgmma_m64n128k16_f16(float (&c)[64], const void* a, const void* b) {
  tir_emu::wgmma(tir_emu::Element::F16, 128, c, a, b);
}
__device__ __forceinline__ void wgmma_m64n256k16_f16(float (&c)[128], const void* a, const void* b) {
  tir_emu::wgmma(tir_emu::Element::F16, 256, c, a, b);
}
__device__ __forceinline__ void wgmma_m64n64k16_bf16(float (&c)[32], const void* a, const void* b) {
  tir_emu::wgmma(tir_emu::Element::BF16, 64, c, a, b);
}
__device__ __forceinline__ void wgmma_m64n128k16_bf16(float (&c)[64], const void* a, const void* b) {
  tir_emu::wgmma(tir_emu::Element::BF16, 128, c, a, b);
}
__device__ __forceinline__ void wgmma_m64n256k16_bf16(float (&c)[128], const void* a, const void* b) {
  tir_emu::wgmma(tir_emu::Element::BF16, 256, c, a, b);
}

}  // namespace ptx
}  // namespace tir
