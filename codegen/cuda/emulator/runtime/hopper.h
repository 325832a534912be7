// Barriers that count threads and bytes, copies of boxes of tensors, products that go on beside the program.
#pragma once
#include <map>

#include "shadow.h"

namespace tir_emu {

// A copy on its way: row by row into rows of a permuted tile; done when somebody waits for its barrier.
struct Box {
  unsigned char* to;
  TensorMap map;
  int x, y;
  unsigned thread;
  Clock clock;
  uint32_t pc;
};

struct TransactionBarrier {
  unsigned count = 0, left = 0, phase = 0;
  long bytes = 0;  // announced and not yet on their way
  std::vector<Box> boxes;
  std::shared_ptr<const Times> seen;
  std::vector<unsigned> waiting;
};

// Registers that hold sums of products, and how many groups of products are still to add to them.
struct Sums {
  uintptr_t begin;
  size_t bytes;
  unsigned in_flight;
};

struct Product {
  Element type;
  unsigned n;
  float* c;
  const unsigned char *a, *b;
  uint32_t pc;
};

// Where a byte of rows of 128 bytes lies that are permuted in groups of eight.
inline size_t permuted(size_t offset) { return offset ^ ((offset >> 7 & 7) << 4); }

}  // namespace tir_emu
