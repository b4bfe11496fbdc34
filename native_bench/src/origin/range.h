/* Range: the one stretch of bytes that a request asks for (RFC 9110, section 14). */
#pragma once

#include <stdint.h>

enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_UNSATISFIABLE };

/* Of no header (NULL), and of one that cannot be understood, the answer is the whole. */
enum range_kind range_parse(const char *header, uint64_t size_bytes, uint64_t *first,
                            uint64_t *count);
