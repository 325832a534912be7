// What tensor cores and Hopper's barriers, copies and products do; part of runtime.cpp, whose machine they work on.
#pragma once
#include "hopper.h"
#include "tensor_core.h"

namespace tir_emu {

bool is_shared(const void* address) {
  uintptr_t at = reinterpret_cast<uintptr_t>(address);
  return at - reinterpret_cast<uintptr_t>(__start_tir_shared) <
             static_cast<size_t>(__stop_tir_shared - __start_tir_shared) ||
         at - reinterpret_cast<uintptr_t>(tir_dynamic_shared) < DYNAMIC_SHARED;
}

void mma(Element type, float* c, const uint32_t* a, const uint32_t* b) {
  Operands own = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const Payload* given = meet(~0u, "mma.sync", &own, sizeof own, 0);
  multiply(c, given, 32 / bits_of(type), [=](uint32_t w, unsigned k) { return decode(type, w, k); },
           [](float& sum, float x, float y) { sum += x * y; });
}

void mma(Element type, int* c, const uint32_t* a, const uint32_t* b) {
  Operands own = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const Payload* given = meet(~0u, "mma.sync", &own, sizeof own, 0);
  auto value = [=](uint32_t w, unsigned k) {
    uint32_t byte = w >> 8 * k & 0xff;
    return type == Element::S8 ? static_cast<int>(static_cast<int8_t>(byte)) : static_cast<int>(byte);
  };
  // Sums wrap.
  multiply(c, given, 4, value,
           [](int& sum, int x, int y) { sum = static_cast<int>(static_cast<unsigned>(sum) + unsigned(x * y)); });
}

__attribute__((noinline)) void load_matrices(uint32_t* out, const void* row, bool transposed) {
  uint32_t pc = place_of(__builtin_return_address(0));
  if (!is_shared(row)) fail("ldmatrix loads from shared memory only");
  if (reinterpret_cast<uintptr_t>(row) % 16) fail("ldmatrix takes addresses that are multiples of 16");
  const Payload* given = meet(~0u, "ldmatrix", &row, sizeof row, 0);
  unsigned lane = lane_id();
  for (unsigned i = 0; i < 4; ++i) {
    auto at = [&](unsigned r) {
      const char* base;
      memcpy(&base, given[8 * i + r].bytes, sizeof base);
      return base;
    };
    unsigned char word[4];
    for (unsigned part = 0; part < 2; ++part) {
      // Lane 4r + c holds elements 2c and 2c + 1 of row r; of the transposed matrix these are of column r.
      const char* from = transposed ? at(lane % 4 * 2 + part) + 2 * (lane / 4) : at(lane / 4) + 4 * (lane % 4) + 2 * part;
      if (m.checked) check_access(reinterpret_cast<uintptr_t>(from), 2, Access::READ, pc);
      memcpy(word + 2 * part, from, 2);
    }
    memcpy(out + i, word, 4);
  }
}

namespace {

TransactionBarrier& transaction(void* barrier) {
  auto found = m.transactions.find(barrier);
  if (found == m.transactions.end()) fail("a barrier in shared memory is used before it is initialised");
  return found->second;
}

// Does the copies of a phase and lets those go on who wait for it.
void complete(TransactionBarrier& b) {
  for (Box& box : b.boxes) {
    size_t row_bytes = size_t(box.map.box_columns) * box.map.size;
    for (unsigned r = 0; r < box.map.box_rows; ++r)
      for (unsigned piece = 0; piece < row_bytes; piece += 16) {
        size_t at = size_t(box.to - tir_dynamic_shared) + r * row_bytes + piece;
        unsigned char* to = tir_dynamic_shared + permuted(at);
        if (m.checked) {
          const Cell* cell = nullptr;
          unsigned other = 0;
          m.dynamic.pending(permuted(at), 16, -1);
          if (m.dynamic.access(permuted(at), 16, Access::WRITE, box.thread, box.clock, box.pc, &cell, &other) !=
              Verdict::FINE)
            bad_access(Access::WRITE, reinterpret_cast<uintptr_t>(to), 16, box.pc,
                       ", by a copy of a box that nothing orders with other accesses", cell->write_pc);
        }
        for (unsigned byte = 0; byte < 16; byte += box.map.size) {
          uint64_t column = uint64_t(int64_t(box.x) + (piece + byte) / box.map.size), row = uint64_t(box.y) + r;
          // Outside of the tensor are zeros.
          if (column < box.map.columns && row < box.map.rows)
            memcpy(to + byte, box.map.base + row * box.map.pitch + column * box.map.size, box.map.size);
          else
            memset(to + byte, 0, box.map.size);
        }
      }
    if (m.checked) {
      Join all(m.threads.size());
      all.add(b.seen);
      all.add(box.clock, box.thread);
      b.seen = all.result();
    }
  }
  b.boxes.clear();
  b.left = b.count;
  b.bytes = 0;
  ++b.phase;
  for (unsigned t : b.waiting) m.threads[t].ready = true;
  b.waiting.clear();
}

bool is_complete(const TransactionBarrier& b) { return b.left == 0 && b.bytes == 0; }

}  // namespace

__attribute__((noinline)) void barrier_init(void* barrier, unsigned count) {
  if (m.checked)
    check_access(reinterpret_cast<uintptr_t>(barrier), 8, Access::WRITE, place_of(__builtin_return_address(0)));
  TransactionBarrier& b = m.transactions[barrier];
  b = TransactionBarrier();
  b.count = b.left = count;
}

__attribute__((noinline)) void barrier_arrive(void* barrier, unsigned bytes) {
  if (m.checked)
    check_access(reinterpret_cast<uintptr_t>(barrier), 8, Access::ATOMIC, place_of(__builtin_return_address(0)));
  TransactionBarrier& b = transaction(barrier);
  if (b.left == 0) {
    if (!is_complete(b)) fail("more threads arrive at a barrier than it counts");
    complete(b);
  }
  b.bytes += bytes;
  --b.left;
  if (m.checked) {
    Join all(m.threads.size());
    all.add(b.seen);
    all.add(m.current->clock, m.current->number);
    b.seen = all.result();
    ++m.current->clock.own;
  }
  if (!b.waiting.empty() && is_complete(b)) complete(b);
}

__attribute__((noinline)) void barrier_wait(void* barrier, unsigned parity) {
  if (m.checked)
    check_access(reinterpret_cast<uintptr_t>(barrier), 8, Access::ATOMIC, place_of(__builtin_return_address(0)));
  TransactionBarrier& b = transaction(barrier);
  // Copies arrive as late as they may: when somebody waits.
  if ((b.phase & 1) == (parity & 1) && is_complete(b)) complete(b);
  while ((b.phase & 1) == (parity & 1)) {
    b.waiting.push_back(m.current->number);
    wait("a barrier in shared memory", 0);
  }
  if (m.checked) {
    Join all(m.threads.size());
    all.add(m.current->clock, m.current->number);
    all.add(b.seen);
    m.current->clock.seen = all.result();
    ++m.current->clock.own;
  }
}

__attribute__((noinline)) void tensor_load(void* to, const TensorMap& map, void* barrier, int x, int y) {
  uint32_t pc = place_of(__builtin_return_address(0));
  TransactionBarrier& b = transaction(barrier);
  size_t at = static_cast<size_t>(static_cast<unsigned char*>(to) - tir_dynamic_shared);
  size_t row_bytes = size_t(map.box_columns) * map.size, bytes = row_bytes * map.box_rows;
  if (at >= DYNAMIC_SHARED || at % 1024 || row_bytes != 128)
    fail("a box of rows of 128 bytes is copied to dynamic shared memory, to a multiple of 1024 bytes");
  if (m.checked) {
    for (size_t i = 0; i < bytes; i += 16) {
      check_access(reinterpret_cast<uintptr_t>(tir_dynamic_shared + at + i), 16, Access::WRITE, pc);
    }
    m.dynamic.pending(at, bytes, 1);
  }
  b.bytes -= static_cast<long>(bytes);
  b.boxes.push_back({static_cast<unsigned char*>(to), map, x, y, m.current->number, m.current->clock, pc});
  if (!b.waiting.empty() && is_complete(b)) complete(b);
}

namespace {

Sums& sums_at(float* c, unsigned n) {
  uintptr_t begin = reinterpret_cast<uintptr_t>(c);
  for (Sums& s : m.current->sums)
    if (s.begin == begin) return s;
  m.current->sums.push_back({begin, n / 2 * sizeof(float), 0});
  return m.current->sums.back();
}

// Where elements k to k + 7 of a row of a permuted tile lie.
const unsigned char* piece(const unsigned char* tile, unsigned row, unsigned k) {
  return tir_dynamic_shared + permuted(static_cast<size_t>(tile - tir_dynamic_shared) + row * 128 + 2 * k);
}

// The rows of both operands that the running thread needs: `first(i)` of the left one, `second(j, half)` of the other.
struct Rows {
  unsigned thread = m.current->number % 128, lane = thread % 32;
  unsigned first(unsigned i) const { return thread / 32 * 16 + lane / 4 + 8 * i; }
  unsigned second(unsigned j, unsigned half) const { return 8 * j + lane % 4 * 2 + half; }
};

void check_operands(const Product& p) {
  Rows rows;
  auto check = [&](const unsigned char* tile, unsigned row) {
    for (unsigned k = 0; k < 16; k += 8)
      check_access(reinterpret_cast<uintptr_t>(piece(tile, row, k)), 16, Access::READ, p.pc);
  };
  for (unsigned i = 0; i < 2; ++i) check(p.a, rows.first(i));
  for (unsigned j = 0; j < p.n / 8; ++j)
    for (unsigned half = 0; half < 2; ++half) check(p.b, rows.second(j, half));
}

void multiply(const Product& p) {
  Rows rows;
  auto row = [&](const unsigned char* tile, unsigned r, float* out) {
    for (unsigned k = 0; k < 16; ++k) {
      uint16_t word;
      memcpy(&word, piece(tile, r, k / 8 * 8) + k % 8 * 2, 2);
      out[k] = decode(p.type, word, 0);
    }
  };
  float a[2][16], b[16];
  for (unsigned i = 0; i < 2; ++i) row(p.a, rows.first(i), a[i]);
  for (unsigned j = 0; j < p.n / 8; ++j)
    for (unsigned half = 0; half < 2; ++half) {
      row(p.b, rows.second(j, half), b);
      for (unsigned i = 0; i < 2; ++i) {
        float sum = 0;
        for (unsigned k = 0; k < 16; ++k) sum += a[i][k] * b[k];
        p.c[4 * j + 2 * i + half] += sum;
      }
    }
}

}  // namespace

void wgmma_fence() { m.current->fenced = true; }

__attribute__((noinline)) void wgmma(Element type, unsigned n, float* c, const void* a, const void* b) {
  uint32_t pc = place_of(__builtin_return_address(0));
  if (!m.current->fenced) fail("wgmma without a fence since its sums were last touched");
  meet(~0u, "wgmma", nullptr, 0, 0);
  Product p{type, n, c, static_cast<const unsigned char*>(a), static_cast<const unsigned char*>(b), pc};
  if (m.checked) {
    // Until somebody waits it may read at any time: later than all that anybody has seen.
    uint32_t now = m.current->clock.own;
    m.current->clock.own = ~0u;
    check_operands(p);
    m.current->clock.own = now;
  }
  m.current->products.push_back(p);
  ++sums_at(c, n).in_flight;
}

void wgmma_commit() {
  m.current->product_groups.push_back(std::move(m.current->products));
  m.current->products.clear();
}

void wgmma_wait(unsigned in_flight) {
  meet(~0u, "wgmma.wait_group", nullptr, 0, 0);
  auto& groups = m.current->product_groups;
  while (groups.size() > in_flight) {
    for (const Product& p : groups.front()) {
      if (m.checked) check_operands(p);
      --sums_at(p.c, p.n).in_flight;
      multiply(p);
    }
    groups.pop_front();
  }
}

}  // namespace tir_emu
