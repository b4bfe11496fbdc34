#include "crc32c.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* bits reflected: x^0 is the highest */
#define ONE (1u << 31)

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        table[byte] = crc;
    }
}

static uint32_t by_table(uint32_t crc, const unsigned char *bytes, size_t count)
{
    pthread_once(&table_once, fill_table);
    while (count--)
        crc = table[(crc ^ *bytes++) & 255] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
/* One instruction for 8 bytes, and each waits for the one before: some 8 GB/s at 3 GHz. */
__attribute__((target("sse4.2")))
static uint32_t by_instruction(uint32_t crc, const unsigned char *bytes, size_t count)
{
    uint64_t wide = crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    while (count--)
        crc = __builtin_ia32_crc32qi(crc, *bytes++);
    return crc;
}
#endif

uint32_t crc32c(uint32_t before, const void *bytes, size_t count)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~by_instruction(~before, bytes, count);
#endif
    return ~by_table(~before, bytes, count);
}

/* The product of two polynomials, modulo the polynomial. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t bit = ONE; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? (b >> 1) ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

uint32_t crc32c_combine(uint32_t first, uint32_t second, uint64_t second_bytes)
{
    uint32_t shift = ONE;          /* becomes x^(8 * second_bytes) */
    uint32_t square = ONE >> 8;    /* x^8, x^16, x^32, ... */
    for (; second_bytes; second_bytes >>= 1) {
        if (second_bytes & 1)
            shift = multiply(shift, square);
        square = multiply(square, square);
    }
    return multiply(shift, first) ^ second;
}
