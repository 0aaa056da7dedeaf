// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/civil.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

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

/* `count` digits of a number that has no more. */
static void put_digits(char *at, uint32_t value, uint32_t count)
{
    for (; count > 0; value /= 10)
        at[--count] = (char)('0' + value % 10);
}

void cup_civil_day_text(int64_t days, char out[CUP_CIVIL_TEXT_BYTES])
{
    struct date date = date_of(days);

    if (date.year >= 0 && date.year <= 9999) {
        memcpy(out, "yyyy-mm-dd", 11);
        put_digits(out, (uint32_t)date.year, 4);
        put_digits(out + 5, date.month, 2);
        put_digits(out + 8, date.day, 2);
        return;
    }
    snprintf(out, CUP_CIVIL_TEXT_BYTES, "%04" PRId64 "-%02" PRIu32 "-%02" PRIu32, date.year,
             date.month, date.day);
}

int64_t cup_civil_day(int64_t us)
{
    return floor_div(us, CUP_CIVIL_US_PER_DAY);
}

void cup_civil_moment_text(int64_t us, char out[CUP_CIVIL_TEXT_BYTES])
{
    int64_t days = cup_civil_day(us), rest = us - days * CUP_CIVIL_US_PER_DAY, s = rest / US_PER_S;

    cup_civil_day_text(days, out);
    size_t bytes = strlen(out);
    CUP_ASSERT(bytes + sizeof "Thh:mm:ss.ffffff" <= CUP_CIVIL_TEXT_BYTES); /* 106 million days */
    char *time = out + bytes;
    memcpy(time, "Thh:mm:ss.ffffff", 17);
    put_digits(time + 1, (uint32_t)(s / 3600), 2);
    put_digits(time + 4, (uint32_t)(s / 60 % 60), 2);
    put_digits(time + 7, (uint32_t)(s % 60), 2);
    put_digits(time + 10, (uint32_t)(rest % US_PER_S), 6);
}

/* March to December lie in the shifted year that begins with their own year. */
int64_t cup_civil_year_day(int64_t days)
{
    int64_t year = date_of(days).year - 1; /* January 1st is in the shifted year before its own */
    int64_t era = floor_div(year, 400), rest = year - era * 400;

    return era * ERA_DAYS + rest * 365 + rest / 4 - rest / 100 + 306 - EPOCH_DAYS;
}
