// SPDX-License-Identifier: Apache-2.0
/* moment: ISO-8601 texts to days and microseconds, and the range that tables can hold.
 *
 *   2024-02-29                          date: days since 1970-01-01
 *   2024-02-29T12:34[:56[.1]][Z|+02:00] timestamp: microseconds
 *
 * Holds     nothing. Pure functions over caller memory.
 * Threads   any.
 * Bounds    0001-01-01 to 9999-12-31 (proleptic Gregorian); signed and longer years are read as
 *           dates and then out of range.
 * Tests     tests/kernels/test_value.c
 */
#ifndef CUP_KERNELS_VALUE_MOMENT_H
#define CUP_KERNELS_VALUE_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernels/value/fit.h"

#define CUP_MOMENT_DAYS_MIN   (-719162) /* 0001-01-01 */
#define CUP_MOMENT_DAYS_MAX   2932896   /* 9999-12-31 */
#define CUP_MOMENT_US_PER_DAY 86400000000ll
#define CUP_MOMENT_US_MIN     (CUP_MOMENT_DAYS_MIN * CUP_MOMENT_US_PER_DAY)
#define CUP_MOMENT_US_MAX     ((CUP_MOMENT_DAYS_MAX + 1) * CUP_MOMENT_US_PER_DAY - 1)
_Static_assert(CUP_MOMENT_US_MIN == -62135596800000000ll, "0001-01-01T00:00:00");

/* cup_moment_date reads YYYY-MM-DD; a Z behind it is decoration.
 *
 * Returns   CUP_FIT_FORM; CUP_FIT_RANGE for "infinity", "-infinity" and years beyond the range. */
CUP_MUST_CHECK enum cup_fit cup_moment_date(const uint8_t *text, size_t bytes, int32_t *out_days);

/* cup_moment_local reads a date and time without zone; a Z behind it is decoration, an offset is
 * refused (CUP_FIT_FORM). cup_moment_instant reads one that must have Z or an offset, and gives
 * UTC.
 *
 * Returns   as cup_moment_date; CUP_FIT_PRECISION for digits below the microsecond that are not 0:
 *           *out_us is then the microsecond before. */
CUP_MUST_CHECK enum cup_fit cup_moment_local(const uint8_t *text, size_t bytes, int64_t *out_us);
CUP_MUST_CHECK enum cup_fit cup_moment_instant(const uint8_t *text, size_t bytes, int64_t *out_us);

/* cup_moment_time reads HH:MM[:SS[.fraction]] as microseconds of the day; a Z behind it is
 * decoration. cup_moment_time_zoned reads one that must have Z or an offset, which it leaves out.
 *
 * Returns   as cup_moment_local. */
CUP_MUST_CHECK enum cup_fit cup_moment_time(const uint8_t *text, size_t bytes, int64_t *out_us);
CUP_MUST_CHECK enum cup_fit cup_moment_time_zoned(const uint8_t *text, size_t bytes,
                                                  int64_t *out_us);

/* cup_moment_days is the day of a date: year as astronomers count, |year| <= 10^9; any range.
 *
 * Returns   CUP_FIT_FORM when there is no such month or day. */
CUP_MUST_CHECK enum cup_fit cup_moment_days(int64_t year, uint32_t month, uint32_t day,
                                            int64_t *out_days);

#endif
