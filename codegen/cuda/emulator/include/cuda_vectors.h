// CUDA's vector types and their makers.
#pragma once

#define TIR_VECTORS(name, T)                                                                              \
  struct name##1 {                                                                                        \
    T x;                                                                                                  \
  };                                                                                                      \
  struct __attribute__((aligned(2 * sizeof(T)))) name##2 {                                                \
    T x, y;                                                                                               \
  };                                                                                                      \
  struct name##3 {                                                                                        \
    T x, y, z;                                                                                            \
  };                                                                                                      \
  struct __attribute__((aligned(sizeof(T) < 4 ? 4 * sizeof(T) : 16))) name##4 {                           \
    T x, y, z, w;                                                                                         \
  };                                                                                                      \
  inline name##1 make_##name##1(T x) { return {x}; }                                                      \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                              \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                                      \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
TIR_VECTORS(char, signed char)
TIR_VECTORS(uchar, unsigned char)
TIR_VECTORS(short, short)
TIR_VECTORS(ushort, unsigned short)
TIR_VECTORS(int, int)
TIR_VECTORS(uint, unsigned int)
TIR_VECTORS(long, long)
TIR_VECTORS(ulong, unsigned long)
TIR_VECTORS(longlong, long long)
TIR_VECTORS(ulonglong, unsigned long long)
TIR_VECTORS(float, float)
TIR_VECTORS(double, double)
#undef TIR_VECTORS

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
