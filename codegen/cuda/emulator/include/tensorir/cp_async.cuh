// Copies from global to shared memory that go on beside the program: arrived when their group has been waited for.
#pragma once

namespace tir {

// Copies `BYTES` (4, 8 or 16) bytes; of those beyond `valid` zeros.
template <int BYTES>
__device__ __forceinline__ void cp_async(void* shared, const void* global, int valid = BYTES) {
  tir_emu::copy_async(shared, global, BYTES, static_cast<size_t>(valid));
}

__device__ __forceinline__ void cp_async_commit() { tir_emu::commit_group(); }

// Waits until at most `IN_FLIGHT` of this thread's groups are under way.
template <int IN_FLIGHT>
__device__ __forceinline__ void cp_async_wait() {
  tir_emu::wait_group(IN_FLIGHT);
}

}  // namespace tir
