// What is known of each piece of shared memory: who wrote it last and who has read it since, and when.
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>

#include "clock.h"

namespace tir_emu {

enum class Access : uint8_t { READ, WRITE, ATOMIC };
enum class Verdict : uint8_t { FINE, RACE_WITH_WRITE, RACE_WITH_READ, UNINITIALISED, NOT_ARRIVED, STILL_COPIED };

struct Cell {
  uint32_t write_time, read_time;
  uint32_t write_pc, read_pc;
  uint32_t list;  // number of its list of readers plus one, 0 where it has none yet
  uint32_t plain_time;  // of the last write that was not atomic
  uint16_t writer, reader, plain_writer;
  uint8_t written, atomic, many;  // many: the list counts, not `reader`
  uint8_t pending, copied;  // asynchronous copies on their way here, and from here
};

// One cell for `1 << shift` bytes.
class Shadow {
 public:
  void begin(size_t bytes, unsigned shift, size_t threads) {
    shift_ = shift;
    threads_ = threads;
    size_t n = (bytes + (size_t(1) << shift) - 1) >> shift;
    cells_.resize(n);
    if (n) memset(cells_.data(), 0, n * sizeof(Cell));
    lists_.clear();
  }

  // Where a verdict is not FINE, `cell` is what it is about.
  Verdict access(size_t offset, size_t size, Access kind, unsigned thread, const Clock& clock, uint32_t pc,
                 const Cell** cell, unsigned* other) {
    size_t first = offset >> shift_, last = (offset + size - 1) >> shift_;
    for (size_t i = first; i <= last; ++i) {
      Verdict verdict = kind == Access::READ ? read(cells_[i], thread, clock, pc)
                                             : write(cells_[i], kind, thread, clock, pc, other);
      if (verdict != Verdict::FINE) {
        *cell = &cells_[i];
        if (verdict == Verdict::RACE_WITH_WRITE && kind == Access::READ) *other = cells_[i].writer;
        return verdict;
      }
    }
    return Verdict::FINE;
  }

  void pending(size_t offset, size_t size, int change) { count(&Cell::pending, offset, size, change); }
  void copied(size_t offset, size_t size, int change) { count(&Cell::copied, offset, size, change); }

 protected:
  unsigned shift_ = 0;
  size_t threads_ = 0;
  std::vector<Cell> cells_;
  std::vector<uint32_t> lists_;

 private:
  void count(uint8_t Cell::*what, size_t offset, size_t size, int change) {
    for (size_t i = offset >> shift_; i <= (offset + size - 1) >> shift_; ++i)
      cells_[i].*what = static_cast<uint8_t>(cells_[i].*what + change);
  }

  uint32_t* readers(const Cell& c) { return &lists_[(c.list - 1) * threads_]; }

  static bool before(unsigned other, uint32_t time, unsigned thread, const Clock& clock) {
    return other == thread || (*clock.seen)[other] >= time;
  }

  Verdict read(Cell& c, unsigned thread, const Clock& clock, uint32_t pc) {
    if (c.pending) return Verdict::NOT_ARRIVED;
    if (!c.written) return Verdict::UNINITIALISED;
    if (!before(c.writer, c.write_time, thread, clock)) return Verdict::RACE_WITH_WRITE;
    if (!c.many && c.read_time && !before(c.reader, c.read_time, thread, clock)) {
      if (!c.list) {
        lists_.resize(lists_.size() + threads_, 0u);
        c.list = static_cast<uint32_t>(lists_.size() / threads_);
      }
      c.many = 1;
      readers(c)[c.reader] = c.read_time;
    }
    if (c.many) readers(c)[thread] = clock.own;
    c.reader = static_cast<uint16_t>(thread);
    c.read_time = clock.own;
    c.read_pc = pc;
    return Verdict::FINE;
  }

  Verdict write(Cell& c, Access kind, unsigned thread, const Clock& clock, uint32_t pc, unsigned* other) {
    bool atomic = kind == Access::ATOMIC;
    if (c.pending) return Verdict::NOT_ARRIVED;
    if (c.copied) return Verdict::STILL_COPIED;
    if (atomic && !c.written) return Verdict::UNINITIALISED;
    // Atomic writes need no order among each other, but one with the plain write before.
    bool only_plain = atomic && c.atomic;
    unsigned last = only_plain ? c.plain_writer : c.writer;
    if (c.written && !before(last, only_plain ? c.plain_time : c.write_time, thread, clock))
      return *other = last, Verdict::RACE_WITH_WRITE;
    if (c.many) {
      uint32_t* times = readers(c);
      for (unsigned t = 0; t < threads_; ++t)
        if (times[t] && !before(t, times[t], thread, clock)) return *other = t, Verdict::RACE_WITH_READ;
      memset(times, 0, threads_ * sizeof(uint32_t));
    } else if (c.read_time && !before(c.reader, c.read_time, thread, clock)) {
      return *other = c.reader, Verdict::RACE_WITH_READ;
    }
    c.read_time = 0;
    c.many = 0;
    c.written = 1;
    c.atomic = atomic;
    c.writer = static_cast<uint16_t>(thread);
    c.write_time = clock.own;
    c.write_pc = pc;
    if (!atomic) {
      c.plain_writer = c.writer;
      c.plain_time = c.write_time;
    }
    return Verdict::FINE;
  }
};

}  // namespace tir_emu
