/* Multiplies two matrices by a kernel that tensorir saved, and checks it against three plain loops. */
#include <math.h>
#include <stdio.h>

#include "matmul.h"

enum { M = 64, N = 96, K = 128 };

static float a[M][K], b[K][N], c[M][N];

int main(void) {
    for (int i = 0; i < M; ++i)
        for (int k = 0; k < K; ++k) a[i][k] = (float)((i * 7 + k * 3) % 11) - 5.0f;
    for (int k = 0; k < K; ++k)
        for (int j = 0; j < N; ++j) b[k][j] = (float)((k * 5 + j * 2) % 13) - 6.0f;

    int32_t code = tir_matmul(&a[0][0], &b[0][0], &c[0][0]);
    if (code != 0) {
        fprintf(stderr, "the kernel stopped with code %d; matmul.h says what it stands for\n", (int)code);
        return 1;
    }

    float worst = 0.0f;
    for (int i = 0; i < M; ++i)
        for (int j = 0; j < N; ++j) {
            float want = 0.0f;
            for (int k = 0; k < K; ++k) want += a[i][k] * b[k][j];
            worst = fmaxf(worst, fabsf(want - c[i][j]));
        }
    printf("largest difference: %g\n", worst);
    return worst != 0.0f;
}
