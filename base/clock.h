// SPDX-License-Identifier: Apache-2.0
/* clock: the two clocks of the project. Wall time is for stamps and folder names, never for order.
 */
#ifndef CUP_BASE_CLOCK_H
#define CUP_BASE_CLOCK_H

#include <stdint.h>

#define CUP_NS_PER_S  1000000000ull
#define CUP_US_PER_MS 1000ll
#define CUP_US_PER_S  1000000ll

/* cup_clock_mono_ns is monotonic time in nanoseconds. */
uint64_t cup_clock_mono_ns(void);

/* cup_clock_wall_us is microseconds since 1970-01-01 UTC. */
int64_t cup_clock_wall_us(void);

/* cup_clock_wall_set makes that clock stand at wall_us until it is set again; 0: the real time. For
 * tests only. */
void cup_clock_wall_set(int64_t wall_us);

#define CUP_DAY_TEXT_BYTES 11 /* YYYY-MM-DD and NUL */

/* cup_clock_day_text writes the UTC day of wall_us. */
void cup_clock_day_text(int64_t wall_us, char out_day[CUP_DAY_TEXT_BYTES]);

#endif
