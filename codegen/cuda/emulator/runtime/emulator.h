// What generated kernels and the runtime that emulates a GPU say to each other.
#pragma once
#include <cstddef>
#include <cstdint>

// What lies between shared arrays holds this text, by which the runtime finds it.
#define TIR_STRIP 64
#define TIR_STRIP_TEXT "these bytes of shared memory are no array's: do not touch them!"

extern "C" __attribute__((visibility("hidden"))) unsigned char tir_dynamic_shared[];

namespace tir_emu {

struct Index3 {
  unsigned x, y, z;
};

// Where the running thread is. They do not change while it runs.
__attribute__((const)) Index3 thread_idx();
__attribute__((const)) Index3 block_idx();
__attribute__((const)) Index3 block_dim();
__attribute__((const)) Index3 grid_dim();
__attribute__((const)) unsigned lane_id();
__attribute__((const)) unsigned thread_number();

// Barrier `id` of `count` threads (0: all of the block); with `wait` false a thread only arrives.
void barrier(int line, unsigned id, unsigned count, bool wait);

constexpr size_t PAYLOAD = 128;
struct Payload {
  alignas(16) unsigned char bytes[PAYLOAD];
};
// The lanes of `mask` meet at the instruction `what`; each leaves `size` bytes and sees what all have left. It stays
// there until the lane meets others again.
const Payload* meet(unsigned mask, const char* what, const void* give, size_t size, int line);
// The same, which also orders memory among the lanes.
void sync_warp(unsigned mask, int line);
unsigned active_mask();

// Instrumentation for what the compiler does not see: an access of `size` bytes from a runtime function.
void check(const void* address, size_t size, int kind);
constexpr int READ = 0, WRITE = 1, ATOMIC = 2;
// Nothing may interrupt a thread between this and its next call into the runtime, so it is enough for an atomic.
__attribute__((always_inline)) inline void atomic(const void* address, size_t size) { check(address, size, ATOMIC); }

// cp.async: the copy is done when the thread waits for its group.
void copy_async(void* to, const void* from, size_t size, size_t valid);
void commit_group();
void wait_group(unsigned in_flight);

enum class Element { F16, BF16, TF32, E4M3, E5M2, S8, U8 };
// mma.sync.m16n8k(256 / bits of `type`): c += a * b on 4 registers of a, 2 of b, and 4 numbers of c.
void mma(Element type, float* c, const uint32_t* a, const uint32_t* b);
void mma(Element type, int* c, const uint32_t* a, const uint32_t* b);
// ldmatrix.x4: four matrices of 8 rows of 16 bytes, the rows' addresses given by the lanes.
void load_matrices(uint32_t* out, const void* row, bool transposed);
bool is_shared(const void* address);

// A tensor in global memory of `rows` by `columns` elements, and the box that a copy takes of it: rows of 128 bytes.
struct TensorMap {
  const unsigned char* base;
  uint64_t columns, rows, pitch;  // pitch: bytes from row to row
  uint32_t box_columns, box_rows, size, unused;
  uint64_t filler[10];
};
static_assert(sizeof(TensorMap) == 128);
void barrier_init(void* barrier, unsigned count);
void barrier_arrive(void* barrier, unsigned bytes);
void barrier_wait(void* barrier, unsigned parity);
void tensor_load(void* to, const TensorMap& map, void* barrier, int x, int y);
// c[64 x n] += a[64 x 16] * b[n x 16]^T of permuted tiles, by the four warps of a group; done when waited for.
void wgmma(Element type, unsigned n, float* c, const void* a, const void* b);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(unsigned in_flight);

[[noreturn]] void fail(const char* message);

}  // namespace tir_emu
