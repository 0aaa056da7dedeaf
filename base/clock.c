// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#include "base/err.h"

static _Atomic int64_t set_us; /* 0: not set */

static uint64_t read_ns(clockid_t id)
{
    struct timespec now;

    CUP_ASSERT(clock_gettime(id, &now) == 0);
    return (uint64_t)now.tv_sec * CUP_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t cup_clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t cup_clock_wall_us(void)
{
    int64_t wall_us = atomic_load_explicit(&set_us, memory_order_relaxed);

    return wall_us != 0 ? wall_us : (int64_t)(read_ns(CLOCK_REALTIME) / 1000);
}

void cup_clock_wall_set(int64_t wall_us)
{
    CUP_ASSERT(wall_us >= 0);
    atomic_store_explicit(&set_us, wall_us, memory_order_relaxed);
}

void cup_clock_day_text(int64_t wall_us, char out_day[CUP_DAY_TEXT_BYTES])
{
    time_t    seconds = (time_t)(wall_us / CUP_US_PER_S);
    struct tm utc;

    CUP_ASSERT(gmtime_r(&seconds, &utc) != NULL);
    CUP_ASSERT(strftime(out_day, CUP_DAY_TEXT_BYTES, "%Y-%m-%d", &utc) == CUP_DAY_TEXT_BYTES - 1);
}
