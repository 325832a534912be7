// Fibers: stacks of their own and a switch between them, in a few instructions on x86-64 and aarch64, else by ucontext.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if defined(TIR_EMU_UCONTEXT) || (!defined(__x86_64__) && !defined(__aarch64__))
#include <ucontext.h>
#undef TIR_EMU_UCONTEXT
#define TIR_EMU_UCONTEXT 1
#endif

namespace tir_emu {

#ifdef TIR_EMU_UCONTEXT
using Context = ucontext_t;
inline void switch_context(Context* from, Context* to) { swapcontext(from, to); }
#else
struct Context {
  void* sp;
};
extern "C" void tir_emu_switch(void** save, void* load);
inline void switch_context(Context* from, Context* to) { tir_emu_switch(&from->sp, to->sp); }
#endif

#if defined(TIR_EMU_UCONTEXT)
#elif defined(__x86_64__)
asm(R"(
.text
.hidden tir_emu_switch
.globl tir_emu_switch
.type tir_emu_switch,@function
tir_emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size tir_emu_switch,.-tir_emu_switch
)");
// Six registers, the address to return to, and one word that keeps the stack aligned as a call leaves it.
constexpr size_t FRAME = 8, RETURN_AT = 6;
#elif defined(__aarch64__)
asm(R"(
.text
.hidden tir_emu_switch
.globl tir_emu_switch
.type tir_emu_switch,%function
tir_emu_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size tir_emu_switch,.-tir_emu_switch
)");
constexpr size_t FRAME = 20, RETURN_AT = 11;
#endif

// The stacks of all threads of a block, each with a page below that nothing may touch.
class Stacks {
 public:
  static constexpr size_t SIZE = 128 * 1024;

  // Whether there is memory for so many.
  bool reserve(size_t count) {
    release();
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* got = mmap(nullptr, count * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) return false;
    base_ = static_cast<char*>(got);
    count_ = count;
    for (size_t i = 0; i < count; ++i)
      if (mprotect(base_ + i * SIZE, page, PROT_NONE)) return false;
    return true;
  }
  void release() {
    if (base_) munmap(base_, count_ * SIZE);
    base_ = nullptr;
    count_ = 0;
  }
  ~Stacks() { release(); }

  bool holds(uintptr_t address) const {
    uintptr_t begin = reinterpret_cast<uintptr_t>(base_);
    return address - begin < count_ * SIZE;
  }

  // Makes `context` run `entry`, which never returns, on stack number `i`.
  void prepare(Context* context, size_t i, void (*entry)()) {
#ifdef TIR_EMU_UCONTEXT
    getcontext(context);
    context->uc_stack.ss_sp = base_ + i * SIZE;
    context->uc_stack.ss_size = SIZE;
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
#else
    void** sp = reinterpret_cast<void**>(base_ + (i + 1) * SIZE) - FRAME;
    for (size_t k = 0; k < FRAME; ++k) sp[k] = nullptr;
    sp[RETURN_AT] = reinterpret_cast<void*>(entry);
    context->sp = sp;
#endif
  }

 private:
  char* base_ = nullptr;
  size_t count_ = 0;
};

}  // namespace tir_emu
