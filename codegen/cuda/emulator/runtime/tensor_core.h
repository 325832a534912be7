// What ldmatrix and mma.sync compute, lane by lane, in the register layouts that PTX documents.
#pragma once
#include <cstring>

#include "emulator.h"

namespace tir_emu {

inline float decode(Element type, uint32_t word, unsigned k) {
  auto bits = [](uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
  };
  uint32_t half = word >> 16 * (k & 1) & 0xffff, byte = word >> 8 * (k & 3) & 0xff;
  switch (type) {
    case Element::F16: {
      uint32_t sign = half >> 15 << 31, exponent = half >> 10 & 31, mantissa = half & 1023;
      if (exponent == 31) return bits(sign | 0x7f800000u | mantissa << 13);
      if (exponent) return bits(sign | (exponent + 112) << 23 | mantissa << 13);
      return (sign ? -1.0f : 1.0f) * static_cast<float>(mantissa) * 0x1p-24f;
    }
    case Element::BF16: return bits(half << 16);
    case Element::TF32: return bits(word & 0xffffe000u);
    case Element::E4M3: {
      uint32_t sign = byte >> 7 << 31, exponent = byte >> 3 & 15, mantissa = byte & 7;
      if (exponent == 15 && mantissa == 7) return bits(0x7fc00000u);
      if (exponent) return bits(sign | (exponent + 120) << 23 | mantissa << 20);
      return (sign ? -1.0f : 1.0f) * static_cast<float>(mantissa) * 0x1p-9f;
    }
    case Element::E5M2: return decode(Element::F16, byte << 8, 0);
    default: return 0.0f;
  }
}

inline unsigned bits_of(Element type) {
  switch (type) {
    case Element::F16:
    case Element::BF16: return 16;
    case Element::TF32: return 32;
    default: return 8;
  }
}

// Where element (row, k) of a 16-row operand lies: its lane, its register there, its place in the register.
struct Slot {
  unsigned lane, reg, part;
};
inline Slot slot_a(unsigned row, unsigned k, unsigned per) {
  return {row % 8 * 4 + k % (4 * per) / per, row / 8 + 2 * (k / (4 * per)), k % per};
}
inline Slot slot_b(unsigned k, unsigned n, unsigned per) {
  return {n * 4 + k % (4 * per) / per, k / (4 * per), k % per};
}

struct Operands {
  uint32_t a[4], b[2];
};

template <class Sum, class Value, class Add>
void multiply(Sum* c, const Payload* given, unsigned per, Value value, Add add) {
  unsigned lane = lane_id(), depth = 8 * per;
  for (unsigned i = 0; i < 4; ++i) {
    unsigned row = lane / 4 + 8 * (i / 2), col = lane % 4 * 2 + i % 2;
    for (unsigned k = 0; k < depth; ++k) {
      Slot at = slot_a(row, k, per), bt = slot_b(k, col, per);
      const Operands* a = reinterpret_cast<const Operands*>(given[at.lane].bytes);
      const Operands* b = reinterpret_cast<const Operands*>(given[bt.lane].bytes);
      add(c[i], value(a->a[at.reg], at.part), value(b->b[bt.reg], bt.part));
    }
  }
}

}  // namespace tir_emu
