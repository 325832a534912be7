// The runtime that kernels are linked with: blocks one after the other, the threads of a block as fibers in turns.
#include "emulator.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "fiber.h"
#include "global.h"
#include "hopper.h"
#include "shadow.h"

extern "C" {
// The shared arrays of all kernels lie in one section; the linker says where it begins and ends.
extern unsigned char __start_tir_shared[] __attribute__((weak, visibility("hidden")));
extern unsigned char __stop_tir_shared[] __attribute__((weak, visibility("hidden")));
extern unsigned char __ehdr_start[] __attribute__((visibility("hidden")));
extern unsigned char _end[] __attribute__((visibility("hidden")));
constexpr size_t DYNAMIC_SHARED = 227 * 1024;
__attribute__((visibility("hidden"), aligned(1024))) unsigned char tir_dynamic_shared[DYNAMIC_SHARED];
}

namespace tir_emu {
namespace {

uint32_t place_of(const void* pc) {
  return static_cast<uint32_t>(static_cast<const unsigned char*>(pc) - __ehdr_start);
}

struct Copy {
  void* to;
  const void* from;
  size_t size, valid;
  uint32_t pc;
};

struct Thread {
  Context context;
  Index3 index;
  unsigned number, warp, lane;
  bool done = false, ready = true;
  const char* waits_for = nullptr;
  int line = 0;
  Clock clock;
  std::vector<Copy> uncommitted;
  std::deque<std::vector<Copy>> groups;
  std::vector<Product> products;
  std::deque<std::vector<Product>> product_groups;
  std::vector<Sums> sums;  // of all its products
  bool fenced = false;     // whether products may take its sums as they are
};

struct Barrier {
  unsigned expected = 0;
  int line = 0;
  std::vector<Thread*> arrived, waiting;
};

struct Meeting {
  unsigned mask = 0, arrived = 0;
  const char* what = nullptr;
  int line = 0;
  bool orders = false;
  Payload given[32];
};

struct Warp {
  std::vector<Thread*> threads;
  std::deque<Meeting> meetings;    // those not complete
  Meeting* seen[32] = {};          // by lane: the one it has met in last
  std::vector<Meeting*> spare;
};

// An array in global memory. fresh: a byte for each, 1 where nothing has been written since it was allocated; null
// where all has been. shadow: null where the kernel writes nothing to it.
struct Region {
  uintptr_t begin;
  size_t bytes;
  unsigned char* fresh;
  GlobalShadow* shadow;
};

constexpr unsigned BARRIERS = 16;

struct Machine {
  Context scheduler;
  Stacks stacks;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Barrier barriers[BARRIERS];
  Thread* current = nullptr;
  Index3 grid{}, dim{}, block{};
  void (*kernel)(void**) = nullptr;
  void** arguments = nullptr;
  bool checked = false, failed = false;
  Shadow fixed, dynamic;
  std::vector<bool> strips;  // by byte of the fixed shared memory
  size_t dynamic_bytes = 0;
  std::vector<Region> regions;
  std::deque<GlobalShadow> shadows;  // of those that are tracked
  uint32_t block_number = 0;
  size_t last_region = 0;
  std::map<const void*, TransactionBarrier> transactions;
  std::vector<Meeting*> all_meetings;
  char* message = nullptr;
  size_t message_size = 0;
  uint32_t pcs[2] = {0, 0};
};

Machine m;

std::string name_of(const Thread& t) {
  char text[96];
  snprintf(text, sizeof text, "thread (%u, %u, %u)", t.index.x, t.index.y, t.index.z);
  return text;
}

void report(const char* format, ...) {
  if (m.failed) return;
  va_list args;
  va_start(args, format);
  vsnprintf(m.message, m.message_size, format, args);
  va_end(args);
  m.failed = true;
}

// Leaves the running thread for good: the launch is over.
[[noreturn]] void abandon() {
  switch_context(&m.current->context, &m.scheduler);
  __builtin_unreachable();
}

void wait(const char* what, int line) {
  Thread* t = m.current;
  t->ready = false;
  t->waits_for = what;
  t->line = line;
  switch_context(&t->context, &m.scheduler);
}

void tell(const std::vector<Thread*>& who, const std::shared_ptr<const Times>& seen) {
  for (Thread* t : who) {
    t->clock.seen = seen;
    ++t->clock.own;
  }
}

void join(const std::vector<Thread*>& from, const std::vector<Thread*>& to) {
  if (!m.checked) return;
  Join all(m.threads.size());
  for (Thread* t : from) all.add(t->clock, t->number);
  tell(to, all.result());
}

void run_thread() {
  m.kernel(m.arguments);
  m.current->done = true;
  abandon();
}

// -- memory

struct Place {
  Shadow* shadow;
  size_t offset;
};

const char* verb(Access kind) {
  return kind == Access::READ ? "reads" : kind == Access::WRITE ? "writes" : "atomically updates";
}

// %A stands for an address that the caller of the launch turns into a buffer and an element.
[[noreturn]] void bad_access(Access kind, uintptr_t address, size_t size, uint32_t pc, const std::string& rest,
                             uint32_t other_pc = 0) {
  m.pcs[0] = pc;
  m.pcs[1] = other_pc;
  report("%s of block (%u, %u, %u) %s {%zx:%zu}%s", name_of(*m.current).c_str(), m.block.x, m.block.y, m.block.z,
         verb(kind), static_cast<size_t>(address), size, rest.c_str());
  abandon();
}

constexpr char STILL_COPIED[] = ", which an asynchronous copy is still to read: nobody has waited for it";

void check_shared(Shadow& shadow, size_t offset, uintptr_t address, size_t size, Access kind, uint32_t pc) {
  const Cell* cell = nullptr;
  unsigned other = 0;
  Verdict verdict = shadow.access(offset, size, kind, m.current->number, m.current->clock, pc, &cell, &other);
  switch (verdict) {
    case Verdict::FINE: return;
    case Verdict::UNINITIALISED: bad_access(kind, address, size, pc, ", which nothing has written");
    case Verdict::NOT_ARRIVED:
      bad_access(kind, address, size, pc, ", which an asynchronous copy is still to fill: nobody has waited for it");
    case Verdict::STILL_COPIED: bad_access(kind, address, size, pc, STILL_COPIED);
    case Verdict::RACE_WITH_WRITE:
      bad_access(kind, address, size, pc, ", which " + name_of(m.threads[other]) + " writes{1}: nothing orders the two",
                 cell->write_pc);
    case Verdict::RACE_WITH_READ:
      bad_access(kind, address, size, pc, ", which " + name_of(m.threads[other]) + " reads{1}: nothing orders the two",
                 cell->read_pc);
  }
}

std::string block_of(uint32_t number) {
  char text[64];
  snprintf(text, sizeof text, "(%u, %u, %u)", number % m.grid.x, number / m.grid.x % m.grid.y,
           number / m.grid.x / m.grid.y);
  return text;
}

void check_global(const Region& r, uintptr_t address, size_t size, Access kind, uint32_t pc) {
  size_t offset = address - r.begin;
  if (r.fresh && kind != Access::WRITE && memchr(r.fresh + offset, 1, size))
    bad_access(kind, address, size, pc, ", which nothing has written");
  if (r.shadow) {
    const Cell* cell = nullptr;
    const Past* past = nullptr;
    unsigned other = 0;
    Verdict verdict = r.shadow->access(offset, size, kind, m.block_number, m.current->number, m.current->clock, pc,
                                       &cell, &other, &past);
    if (verdict == Verdict::STILL_COPIED) bad_access(kind, address, size, pc, STILL_COPIED);
    if (verdict != Verdict::FINE) {
      bool read = verdict == Verdict::RACE_WITH_READ;
      std::string who = name_of(m.threads[past ? past->thread : other]);
      std::string where = past ? " of block " + block_of(past->number - 1) : "";
      bad_access(kind, address, size, pc,
                 ", which " + who + where + (read ? " reads{1}" : " writes{1}") + ": nothing orders the two",
                 past ? past->pc : read ? cell->read_pc : cell->write_pc);
    }
  }
  if (r.fresh && kind == Access::WRITE) memset(r.fresh + offset, 0, size);
}

// Registers with the sums of products that go on are nobody's; what has touched others, the next products are told.
void check_sums(uintptr_t address, Access kind, uint32_t pc) {
  for (const Sums& s : m.current->sums)
    if (address - s.begin < s.bytes) {
      if (s.in_flight) {
        m.pcs[0] = pc;
        report("%s of block (%u, %u, %u) %s sums of products by wgmma that go on: nobody has waited for them",
               name_of(*m.current).c_str(), m.block.x, m.block.y, m.block.z, verb(kind));
        abandon();
      }
      m.current->fenced = false;
    }
}

void check_access(uintptr_t address, size_t size, Access kind, uint32_t pc) {
  if (!m.current) return;
  if (m.stacks.holds(address)) return m.current->sums.empty() ? void() : check_sums(address, kind, pc);
  uintptr_t fixed = reinterpret_cast<uintptr_t>(__start_tir_shared);
  size_t fixed_bytes = static_cast<size_t>(__stop_tir_shared - __start_tir_shared);
  if (address - fixed < fixed_bytes) {
    if (m.strips[address - fixed] || m.strips[address - fixed + size - 1])
      bad_access(kind, address, size, pc, ", outside every array");
    return check_shared(m.fixed, address - fixed, address, size, kind, pc);
  }
  uintptr_t dynamic = reinterpret_cast<uintptr_t>(tir_dynamic_shared);
  if (address - dynamic < DYNAMIC_SHARED) {
    if (address - dynamic + size > m.dynamic_bytes)
      bad_access(kind, address, size, pc, ", beyond the shared memory that the launch asks for");
    return check_shared(m.dynamic, address - dynamic, address, size, kind, pc);
  }
  auto inside = [&](const Region& r) { return address - r.begin < r.bytes && address - r.begin + size <= r.bytes; };
  if (m.last_region < m.regions.size() && inside(m.regions[m.last_region]))
    return check_global(m.regions[m.last_region], address, size, kind, pc);
  for (size_t i = 0; i < m.regions.size(); ++i)
    if (inside(m.regions[i])) {
      m.last_region = i;
      return check_global(m.regions[i], address, size, kind, pc);
    }
  // What the program itself keeps: constants, tables.
  uintptr_t image = reinterpret_cast<uintptr_t>(__ehdr_start);
  if (address - image < static_cast<size_t>(_end - __ehdr_start)) return;
  if (m.regions.empty()) return;
  bad_access(kind, address, size, pc, ", outside every array");
}

// Notes that a copy of these bytes begins or ends; only of memory that the kernel writes is anything known.
void note_source(const Copy& c, int change) {
  uintptr_t from = reinterpret_cast<uintptr_t>(c.from);
  for (const Region& r : m.regions)
    if (c.valid && r.shadow && from - r.begin < r.bytes) return r.shadow->copied(from - r.begin, c.valid, change);
}

void finish(std::vector<Copy>& copies) {
  for (const Copy& c : copies) {
    if (m.checked) {
      uintptr_t to = reinterpret_cast<uintptr_t>(c.to);
      uintptr_t fixed = reinterpret_cast<uintptr_t>(__start_tir_shared);
      bool is_fixed = to - fixed < static_cast<size_t>(__stop_tir_shared - __start_tir_shared);
      Shadow& shadow = is_fixed ? m.fixed : m.dynamic;
      size_t offset = to - (is_fixed ? fixed : reinterpret_cast<uintptr_t>(tir_dynamic_shared));
      shadow.pending(offset, c.size, -1);
      note_source(c, -1);
      check_shared(shadow, offset, to, c.size, Access::WRITE, c.pc);
    }
    memcpy(c.to, c.from, c.valid);
    memset(static_cast<char*>(c.to) + c.valid, 0, c.size - c.valid);
  }
  copies.clear();
}

// -- running

void explain_standstill() {
  const Thread* first = nullptr;
  for (const Thread& t : m.threads)
    if (!t.done) {
      first = &t;
      break;
    }
  for (const Thread& t : m.threads) {
    if (&t == first || (!t.done && t.waits_for == first->waits_for && t.line == first->line)) continue;
    if (t.done)
      return report("%s of block (%u, %u, %u) waits at %s (line %d), which %s ended without reaching",
                    name_of(*first).c_str(), m.block.x, m.block.y, m.block.z, first->waits_for, first->line,
                    name_of(t).c_str());
    return report("%s of block (%u, %u, %u) waits at %s (line %d), %s at %s (line %d)", name_of(*first).c_str(),
                  m.block.x, m.block.y, m.block.z, first->waits_for, first->line, name_of(t).c_str(), t.waits_for,
                  t.line);
  }
  report("all threads of block (%u, %u, %u) wait at %s (line %d) for what never comes", m.block.x, m.block.y,
         m.block.z, first->waits_for, first->line);
}

// Finds the strips between shared arrays, before anything is written over them.
void find_strips() {
  size_t n = static_cast<size_t>(__stop_tir_shared - __start_tir_shared);
  m.strips.assign(n + 64, false);
  for (size_t i = 0; i + TIR_STRIP <= n; ++i)
    if (memcmp(__start_tir_shared + i, TIR_STRIP_TEXT, TIR_STRIP) == 0)
      for (size_t k = 0; k < TIR_STRIP; ++k) m.strips[i + k] = true;
}

void begin_block() {
  size_t n = m.threads.size();
  auto nothing = std::make_shared<const Times>(n, 0u);
  for (Warp& w : m.warps) {
    w.meetings.clear();
    w.threads.clear();
    for (auto& s : w.seen) s = nullptr;
  }
  for (Barrier& b : m.barriers) b = Barrier();
  for (GlobalShadow& s : m.shadows) s.begin_block();
  m.transactions.clear();
  for (size_t i = 0; i < n; ++i) {
    Thread& t = m.threads[i];
    unsigned k = static_cast<unsigned>(i);
    t = Thread();
    t.index = {k % m.dim.x, k / m.dim.x % m.dim.y, k / m.dim.x / m.dim.y};
    t.number = k;
    t.warp = k / 32;
    t.lane = k % 32;
    t.clock.seen = nothing;
    m.warps[t.warp].threads.push_back(&t);
    m.stacks.prepare(&t.context, i, run_thread);
  }
  size_t fixed = static_cast<size_t>(__stop_tir_shared - __start_tir_shared);
  // What nothing has written is no number.
  memset(__start_tir_shared, 0xff, fixed);
  memset(tir_dynamic_shared, 0xff, m.dynamic_bytes);
}

bool run_block() {
  begin_block();
  size_t left = m.threads.size();
  while (left && !m.failed) {
    bool moved = false;
    for (Thread& t : m.threads) {
      if (t.done || !t.ready) continue;
      moved = true;
      m.current = &t;
      switch_context(&m.scheduler, &t.context);
      m.current = nullptr;
      if (m.failed) return false;
      if (t.done) --left;
    }
    if (!moved) {
      explain_standstill();
      return false;
    }
  }
  return !m.failed;
}

}  // namespace

Index3 thread_idx() { return m.current->index; }
Index3 block_idx() { return m.block; }
Index3 block_dim() { return m.dim; }
Index3 grid_dim() { return m.grid; }
unsigned lane_id() { return m.current->lane; }
unsigned thread_number() { return m.current->number; }

void fail(const char* message) {
  report("%s of block (%u, %u, %u): %s", name_of(*m.current).c_str(), m.block.x, m.block.y, m.block.z, message);
  abandon();
}

void barrier(int line, unsigned id, unsigned count, bool waits) {
  Thread* self = m.current;
  if (id >= BARRIERS) fail("there are 16 barriers, numbered from 0");
  unsigned expected = count ? count : static_cast<unsigned>(m.threads.size());
  Barrier& b = m.barriers[id];
  if (b.arrived.empty()) {
    b.expected = expected;
    b.line = line;
  } else if (count == 0 && b.line != line) {
    report("%s of block (%u, %u, %u) waits at the barrier in line %d, %s at the one in line %d",
           name_of(*b.arrived[0]).c_str(), m.block.x, m.block.y, m.block.z, b.line, name_of(*self).c_str(), line);
    abandon();
  } else if (b.expected != expected) {
    fail("a barrier is given different numbers of threads");
  }
  b.arrived.push_back(self);
  if (waits) b.waiting.push_back(self);
  if (b.arrived.size() == b.expected) {
    join(b.arrived, b.waiting);
    for (Thread* t : b.arrived)
      if (m.checked) ++t->clock.own;
    for (Thread* t : b.waiting) t->ready = true;
    b = Barrier();
    if (!waits) return;
    // The last to come goes on at once; the others follow in turn.
    self->ready = true;
    return;
  }
  if (waits) wait("a barrier", line);
}

namespace {

Meeting& meet_at(unsigned mask, const char* what, const void* give, size_t size, int line, bool orders) {
  Thread* self = m.current;
  Warp& warp = m.warps[self->warp];
  if (!(mask >> self->lane & 1)) fail("the mask of a warp instruction leaves out a lane that runs it");
  unsigned there = warp.threads.size() < 32 ? (1u << warp.threads.size()) - 1 : ~0u;
  Meeting* found = nullptr;
  for (Meeting& x : warp.meetings)
    if (x.arrived != (x.mask & there) && !(x.arrived >> self->lane & 1) && (x.mask & mask)) {
      found = &x;
      break;
    }
  if (!found) {
    // Meetings that no lane looks at any more are dropped from the front; addresses in a deque stay.
    while (warp.meetings.size() > 64) warp.meetings.pop_front();
    warp.meetings.emplace_back();
    found = &warp.meetings.back();
    found->mask = mask;
    found->what = what;
    found->line = line;
    found->orders = orders;
  } else if (found->mask != mask || strcmp(found->what, what) != 0) {
    report("%s of block (%u, %u, %u) meets its warp at %s (line %d), while others wait for it at %s (line %d)",
           name_of(*self).c_str(), m.block.x, m.block.y, m.block.z, what, line, found->what, found->line);
    abandon();
  }
  if (size) memcpy(found->given[self->lane].bytes, give, size);
  found->arrived |= 1u << self->lane;
  if (found->arrived == (mask & there)) {
    std::vector<Thread*> met;
    for (Thread* t : warp.threads)
      if (mask >> t->lane & 1) {
        met.push_back(t);
        t->ready = true;
      }
    if (orders) join(met, met);
  } else {
    wait(what, line);
  }
  return *found;
}

}  // namespace

const Payload* meet(unsigned mask, const char* what, const void* give, size_t size, int line) {
  return meet_at(mask, what, give, size, line, false).given;
}

void sync_warp(unsigned mask, int line) { meet_at(mask, "__syncwarp", nullptr, 0, line, true); }

unsigned active_mask() {
  size_t n = m.warps[m.current->warp].threads.size();
  return n < 32 ? (1u << n) - 1 : ~0u;
}

__attribute__((noinline)) void check(const void* address, size_t size, int kind) {
  if (m.checked)
    check_access(reinterpret_cast<uintptr_t>(address), size, static_cast<Access>(kind),
                 place_of(__builtin_return_address(0)));
}

__attribute__((noinline)) void copy_async(void* to, const void* from, size_t size, size_t valid) {
  uint32_t pc = place_of(__builtin_return_address(0));
  uintptr_t address = reinterpret_cast<uintptr_t>(to);
  if (address % size || reinterpret_cast<uintptr_t>(from) % size)
    fail("cp.async between addresses that are not multiples of its size");
  if (m.checked) {
    check_access(address, size, Access::WRITE, pc);
    if (valid) check_access(reinterpret_cast<uintptr_t>(from), valid, Access::READ, pc);
    uintptr_t fixed = reinterpret_cast<uintptr_t>(__start_tir_shared);
    uintptr_t dynamic = reinterpret_cast<uintptr_t>(tir_dynamic_shared);
    if (address - fixed < static_cast<size_t>(__stop_tir_shared - __start_tir_shared))
      m.fixed.pending(address - fixed, size, 1);
    else if (address - dynamic < m.dynamic_bytes)
      m.dynamic.pending(address - dynamic, size, 1);
    else
      fail("cp.async copies into shared memory only");
  }
  m.current->uncommitted.push_back({to, from, size, valid, pc});
  if (m.checked) note_source(m.current->uncommitted.back(), 1);
}

void commit_group() {
  m.current->groups.push_back(std::move(m.current->uncommitted));
  m.current->uncommitted.clear();
}

void wait_group(unsigned in_flight) {
  auto& groups = m.current->groups;
  while (groups.size() > in_flight) {
    finish(groups.front());
    groups.pop_front();
  }
}

}  // namespace tir_emu

#include "instructions.h"

using tir_emu::m;

extern "C" {

#define TIR_HOOK(name, size, kind)                                                      \
  __attribute__((visibility("hidden"))) void __tsan_##name(void* p) {                   \
    tir_emu::check_access(reinterpret_cast<uintptr_t>(p), size, tir_emu::Access::kind, \
                          tir_emu::place_of(__builtin_return_address(0)));              \
  }
#define TIR_HOOKS(n)                   \
  TIR_HOOK(read##n, n, READ)           \
  TIR_HOOK(write##n, n, WRITE)         \
  TIR_HOOK(volatile_read##n, n, READ)  \
  TIR_HOOK(volatile_write##n, n, WRITE) \
  TIR_HOOK(unaligned_read##n, n, READ) \
  TIR_HOOK(unaligned_write##n, n, WRITE)
TIR_HOOKS(1)
TIR_HOOKS(2)
TIR_HOOKS(4)
TIR_HOOKS(8)
TIR_HOOKS(16)
__attribute__((visibility("hidden"))) void __tsan_read_range(void* p, size_t n) {
  tir_emu::check_access(reinterpret_cast<uintptr_t>(p), n, tir_emu::Access::READ,
                        tir_emu::place_of(__builtin_return_address(0)));
}
__attribute__((visibility("hidden"))) void __tsan_write_range(void* p, size_t n) {
  tir_emu::check_access(reinterpret_cast<uintptr_t>(p), n, tir_emu::Access::WRITE,
                        tir_emu::place_of(__builtin_return_address(0)));
}
__attribute__((visibility("hidden"))) void __tsan_init() {}
__attribute__((visibility("hidden"))) void __tsan_func_entry(void*) {}
__attribute__((visibility("hidden"))) void __tsan_func_exit() {}

// An index that the declared size of an array does not allow.
struct TirBounds {
  const char* file;
  uint32_t line, column;
  const struct {
    uint16_t kind, info;
    char name[1];
  } * array;
};
__attribute__((visibility("hidden"))) void __ubsan_handle_out_of_bounds(TirBounds* at, size_t index) {
  tir_emu::report("%s of block (%u, %u, %u) takes element %lld of an array of type %s (line %u)",
                  tir_emu::name_of(*m.current).c_str(), m.block.x, m.block.y, m.block.z,
                  static_cast<long long>(index), at->array->name, at->line);
  tir_emu::abandon();
}

// A pointer whose type asks for more alignment than its address has.
struct TirMismatch {
  const char* file;
  uint32_t line, column;
  const struct {
    uint16_t kind, info;
    char name[1];
  } * type;
  uint8_t log_alignment, kind;
};
__attribute__((visibility("hidden"))) void __ubsan_handle_type_mismatch_v1(TirMismatch* at, size_t) {
  tir_emu::report("%s of block (%u, %u, %u) uses an address that is no multiple of %u as one of type %s (line %u)",
                  tir_emu::name_of(*m.current).c_str(), m.block.x, m.block.y, m.block.z, 1u << at->log_alignment,
                  at->type->name, at->line);
  tir_emu::abandon();
}

// Runs a grid. regions: fives of address, bytes, grain, whether the kernel writes, address of `fresh`. Returns 0, or 1 and a message, in which {address:size} stands for
// memory and {1} for where the second of `pcs` is.
__attribute__((visibility("default"))) int tir_emu_launch(void (*kernel)(void**), void** arguments, const unsigned* grid, const unsigned* block,
                   size_t shared_bytes, unsigned shift, int checked, const uintptr_t* regions, size_t region_count,
                   char* message, size_t message_size, uint32_t* pcs) {
  using namespace tir_emu;
  m.grid = {grid[0], grid[1], grid[2]};
  m.dim = {block[0], block[1], block[2]};
  m.kernel = kernel;
  m.arguments = arguments;
  m.checked = checked != 0;
  m.failed = false;
  m.message = message;
  m.message_size = message_size;
  m.pcs[0] = m.pcs[1] = 0;
  m.dynamic_bytes = shared_bytes;
  m.regions.clear();
  m.shadows.clear();
  size_t n = size_t(block[0]) * block[1] * block[2];
  for (size_t i = 0; i < region_count; ++i) {
    const uintptr_t* r = regions + 5 * i;
    GlobalShadow* shadow = nullptr;
    if (m.checked && r[3]) {
      m.shadows.emplace_back();
      shadow = &m.shadows.back();
      shadow->begin(r[1], unsigned(r[2]), n);
    }
    m.regions.push_back({r[0], r[1], reinterpret_cast<unsigned char*>(r[4]), shadow});
  }
  if (shared_bytes > DYNAMIC_SHARED) {
    report("the launch asks for %zu bytes of dynamic shared memory; %zu are the most", shared_bytes, DYNAMIC_SHARED);
    return 1;
  }
  if (m.strips.empty()) find_strips();
  if (!m.stacks.reserve(n)) {
    m.stacks.release();
    report("there is no memory for the stacks of %zu threads, %zu bytes each", n, Stacks::SIZE);
    return 1;
  }
  m.threads = std::vector<Thread>(n);
  m.warps = std::vector<Warp>((n + 31) / 32);
  for (unsigned z = 0; z < grid[2] && !m.failed; ++z)
    for (unsigned y = 0; y < grid[1] && !m.failed; ++y)
      for (unsigned x = 0; x < grid[0] && !m.failed; ++x) {
        m.block = {x, y, z};
        m.block_number = x + m.grid.x * (y + m.grid.y * z);
        if (m.checked) {
          m.fixed.begin(static_cast<size_t>(__stop_tir_shared - __start_tir_shared), shift, n);
          m.dynamic.begin(shared_bytes, shift, n);
        }
        run_block();
      }
  m.threads.clear();
  m.warps.clear();
  m.shadows.clear();
  // Each stack counts as two of the mappings that a process may have, which many kernels would use up.
  m.stacks.release();
  pcs[0] = m.pcs[0];
  pcs[1] = m.pcs[1];
  return m.failed;
}

__attribute__((visibility("default"))) const void* tir_emu_image() { return __ehdr_start; }
}
