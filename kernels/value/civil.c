// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/civil.h"

#include <inttypes.h>
#include <stdio.h>

#define US_PER_S   1000000ll
#define ERA_DAYS   146097 /* 400 years */
#define EPOCH_DAYS 719468 /* 1970-01-01, counted from March 1st of year 0 */

struct date {
    int64_t  year;
    uint32_t month, day;
};

/* Rounds towards the past. */
static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* Years of 400 from March 1st of year 0: then the leap day is the last of its year. */
static struct date date_of(int64_t days)
{
    int64_t  shifted = days + EPOCH_DAYS;
    int64_t  era     = floor_div(shifted, ERA_DAYS);
    uint32_t day     = (uint32_t)(shifted - era * ERA_DAYS);
    uint32_t year    = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint32_t in_year = day - (365 * year + year / 4 - year / 100);
    uint32_t month   = (5 * in_year + 2) / 153;

    return (struct date){.year  = (int64_t)year + era * 400 + (month >= 10),
                         .month = month < 10 ? month + 3 : month - 9,
                         .day   = in_year - (153 * month + 2) / 5 + 1};
}

void cup_civil_day_text(int64_t days, char out[CUP_CIVIL_TEXT_BYTES])
{
    struct date date = date_of(days);

    snprintf(out, CUP_CIVIL_TEXT_BYTES, "%04" PRId64 "-%02" PRIu32 "-%02" PRIu32, date.year,
             date.month, date.day);
}

int64_t cup_civil_day(int64_t us)
{
    return floor_div(us, CUP_CIVIL_US_PER_DAY);
}

void cup_civil_moment_text(int64_t us, char out[CUP_CIVIL_TEXT_BYTES])
{
    char    day[CUP_CIVIL_TEXT_BYTES];
    int64_t days = cup_civil_day(us), rest = us - days * CUP_CIVIL_US_PER_DAY, s = rest / US_PER_S;

    cup_civil_day_text(days, day);
    snprintf(out, CUP_CIVIL_TEXT_BYTES, "%.16sT%02u:%02u:%02u.%06u", day, (unsigned)(s / 3600),
             (unsigned)(s / 60 % 60), (unsigned)(s % 60), (unsigned)(rest % US_PER_S));
}

/* March to December lie in the shifted year that begins with their own year. */
int64_t cup_civil_year_day(int64_t days)
{
    int64_t year = date_of(days).year - 1; /* January 1st is in the shifted year before its own */
    int64_t era = floor_div(year, 400), rest = year - era * 400;

    return era * ERA_DAYS + rest * 365 + rest / 4 - rest / 100 + 306 - EPOCH_DAYS;
}
