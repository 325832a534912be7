// Vector clocks: what each thread knows to have happened before, so that a race is two accesses that nothing orders.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace tir_emu {

using Times = std::vector<uint32_t>;

// A thread's own time, and how far it has seen the others. After a barrier all its threads share one vector.
struct Clock {
  std::shared_ptr<const Times> seen;
  uint32_t own = 1;
};

// Collects what several threads have seen, then tells them.
class Join {
 public:
  explicit Join(size_t n) : n_(n) {}

  void add(const Clock& clock, unsigned thread) {
    add(clock.seen);
    own_.push_back({thread, clock.own});
  }
  void add(const std::shared_ptr<const Times>& seen) {
    if (!seen || seen == last_) return;
    last_ = seen;
    if (!times_) {
      times_ = std::make_shared<Times>(*seen);
      return;
    }
    for (size_t i = 0; i < n_; ++i)
      if ((*seen)[i] > (*times_)[i]) (*times_)[i] = (*seen)[i];
  }
  void add(unsigned thread, uint32_t time) { own_.push_back({thread, time}); }

  std::shared_ptr<const Times> result() {
    if (!times_) times_ = std::make_shared<Times>(n_, 0u);
    for (auto [thread, time] : own_)
      if (time > (*times_)[thread]) (*times_)[thread] = time;
    own_.clear();
    last_ = nullptr;
    return times_;
  }

 private:
  size_t n_;
  std::shared_ptr<Times> times_;
  std::shared_ptr<const Times> last_;
  std::vector<std::pair<unsigned, uint32_t>> own_;
};

}  // namespace tir_emu
