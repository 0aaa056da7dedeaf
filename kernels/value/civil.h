// SPDX-License-Identifier: Apache-2.0
/* civil: day counts and moments as dates of the calendar.
 *
 * Holds     nothing.
 * Threads   any.
 * Bounds    years -9999..9999 give texts of the usual width; others are longer, never wrong.
 * Source    ISO 8601; the proleptic Gregorian calendar
 * Tests     tests/kernels/test_token.c, tests/dataplane/test_partition.c
 */
#ifndef CUP_KERNELS_VALUE_CIVIL_H
#define CUP_KERNELS_VALUE_CIVIL_H

#include <stddef.h>
#include <stdint.h>

#define CUP_CIVIL_US_PER_DAY (24ll * 3600 * 1000000)
#define CUP_CIVIL_TEXT_BYTES 40u

/* cup_civil_day_text writes YYYY-MM-DD of days since 1970-01-01. */
void cup_civil_day_text(int64_t days, char out[CUP_CIVIL_TEXT_BYTES]);

/* cup_civil_moment_text writes YYYY-MM-DDTHH:MM:SS.ffffff of microseconds since 1970-01-01. */
void cup_civil_moment_text(int64_t us, char out[CUP_CIVIL_TEXT_BYTES]);

/* cup_civil_day is the day of a moment; cup_civil_year_day is January 1st of a day's year. */
int64_t cup_civil_day(int64_t us);
int64_t cup_civil_year_day(int64_t days);

#endif
