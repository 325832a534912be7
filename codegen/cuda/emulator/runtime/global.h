// What is known of an array in global memory: within a block as of shared memory, and what other blocks did to it.
#pragma once
#include "shadow.h"

namespace tir_emu {

// An access by a block that is over; blocks of one launch are never ordered. number: of the block plus one, 0: none.
struct Past {
  uint32_t number = 0, pc = 0;
  uint16_t thread = 0;
};

class GlobalShadow : public Shadow {
 public:
  void begin(size_t bytes, unsigned shift, size_t threads) {
    Shadow::begin(bytes, shift, threads);
    past_.assign(cells_.size(), {});
    for (Cell& c : cells_) c.written = 1;
  }
  void begin_block() { lists_.clear(); }

  // As Shadow::access; `past` is set where the other access is of another block.
  Verdict access(size_t offset, size_t size, Access kind, uint32_t block, unsigned thread, const Clock& clock,
                 uint32_t pc, const Cell** cell, unsigned* other, const Past** past) {
    size_t first = offset >> shift_, last = (offset + size - 1) >> shift_;
    for (size_t i = first; i <= last; ++i) {
      Blocks& p = past_[i];
      if (p.current != block + 1) retire(p, cells_[i], block + 1);
      if (p.written.number || (kind != Access::READ && (p.added.number || p.read.number)) ||
          (kind == Access::READ && p.added.number)) {
        bool by_atomic = kind == Access::ATOMIC && !p.written.number && !p.read.number;
        if (!by_atomic) {
          *past = p.written.number ? &p.written : kind != Access::READ && p.read.number ? &p.read : &p.added;
          return *past == &p.read ? Verdict::RACE_WITH_READ : Verdict::RACE_WITH_WRITE;
        }
      }
    }
    return Shadow::access(offset, size, kind, thread, clock, pc, cell, other);
  }

 private:
  struct Blocks {
    uint32_t current = 0;
    Past written, added, read;
  };

  // Keeps of a cell what matters to later blocks, and makes it the next one's.
  void retire(Blocks& p, Cell& c, uint32_t next) {
    if (p.current) {
      if (c.write_time) (c.atomic ? p.added : p.written) = {p.current, c.write_pc, c.writer};
      if (c.atomic && c.plain_time) p.written = {p.current, c.write_pc, c.plain_writer};
      if (c.read_time) p.read = {p.current, c.read_pc, c.reader};
    }
    c = Cell();
    c.written = 1;
    p.current = next;
  }

  std::vector<Blocks> past_;
};

}  // namespace tir_emu
