/* CRC-32C (Castagnoli), as S3 and iSCSI compute it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The checksum of what came before (0 at first) goes on over some more bytes. */
uint32_t crc32c(uint32_t before, const void *bytes, size_t count);

/* The checksum of two runs of bytes, one after the other, from the checksum of each. */
uint32_t crc32c_combine(uint32_t first, uint32_t second, uint64_t second_bytes);
