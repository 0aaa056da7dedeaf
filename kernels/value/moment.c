// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/moment.h"

#include <string.h>

#include "kernels/value/digits_priv.h"

#define YEAR_DIGITS_MAX    10u /* "+292278994": what producers print for infinite dates */
#define FRACTION_DIGITS    6u  /* microseconds */
#define OFFSET_HOURS_MAX   18u /* the widest offset that java.time prints */
#define US_PER_SECOND      1000000ll
#define SECONDS_PER_MINUTE 60u
#define SECONDS_PER_HOUR   3600u
#define USUAL_FORM         "YYYY-MM-DDTHH:MM:SSZ" /* or a fraction before the Z */

struct reader {
    const uint8_t *text;
    size_t         at, bytes;
};

static bool take(struct reader *reader, char byte)
{
    if (reader->at == reader->bytes || reader->text[reader->at] != (uint8_t)byte) return false;
    reader->at++;
    return true;
}

static bool is_digit(const struct reader *reader)
{
    return reader->at < reader->bytes && reader->text[reader->at] >= '0' &&
           reader->text[reader->at] <= '9';
}

static bool take_two(struct reader *reader, uint32_t most, uint32_t *out_number)
{
    if (reader->bytes - reader->at < 2) return false;
    uint32_t tens = (uint32_t)reader->text[reader->at] - '0';
    uint32_t ones = (uint32_t)reader->text[reader->at + 1] - '0';
    if (tens > 9 || ones > 9 || tens * 10 + ones > most) return false;
    reader->at += 2;
    *out_number = tens * 10 + ones;
    return true;
}

/* Four digits, or a sign and four to ten. */
static bool take_year(struct reader *reader, int64_t *out_year)
{
    bool    negative  = take(reader, '-');
    bool    is_signed = negative || take(reader, '+');
    size_t  count     = 0;
    int64_t year      = 0;

    for (; is_digit(reader) && count < YEAR_DIGITS_MAX; count++)
        year = year * 10 + (reader->text[reader->at++] - '0');
    if (count < 4 || (count > 4 && !is_signed)) return false;
    *out_year = negative ? -year : year;
    return true;
}

static uint32_t days_in_month(int64_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool                 leap   = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Days since 1970-01-01. Years start in March here, so that the leap day is their last. */
static int64_t days_of(int64_t year, uint32_t month, uint32_t day)
{
    int64_t shifted = month > 2 ? year : year - 1;
    int64_t era     = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t of_era  = shifted - era * 400;
    int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool take_date(struct reader *reader, int64_t *out_days)
{
    int64_t  year;
    uint32_t month, day;

    if (!take_year(reader, &year) || !take(reader, '-') || !take_two(reader, 12, &month) ||
        !take(reader, '-') || !take_two(reader, 31, &day))
        return false;
    if (month == 0 || day == 0 || day > days_in_month(year, month)) return false;
    *out_days = days_of(year, month, day);
    return true;
}

/* The fraction behind the point: microseconds, and whether a lower digit was not 0. */
static bool take_fraction(struct reader *reader, int64_t *out_us, bool *out_finer)
{
    size_t  count = 0;
    int64_t us    = 0;
    bool    finer = false;

    for (; is_digit(reader); count++) {
        uint32_t digit = (uint32_t)reader->text[reader->at++] - '0';
        if (count < FRACTION_DIGITS)
            us = us * 10 + digit;
        else
            finer |= digit != 0;
    }
    if (count == 0) return false;
    for (; count < FRACTION_DIGITS; count++)
        us *= 10;
    *out_us    = us;
    *out_finer = finer;
    return true;
}

static bool take_time(struct reader *reader, int64_t *out_us, bool *out_finer)
{
    uint32_t hour, minute, second = 0;
    int64_t  fraction = 0;

    *out_finer = false;
    if (!take_two(reader, 23, &hour) || !take(reader, ':') || !take_two(reader, 59, &minute))
        return false;
    if (take(reader, ':')) {
        if (!take_two(reader, 59, &second)) return false;
        if (take(reader, '.') && !take_fraction(reader, &fraction, out_finer)) return false;
    }
    uint32_t seconds = hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE + second;
    *out_us          = seconds * US_PER_SECOND + fraction;
    return true;
}

/* Z, +HH, +HH:MM or +HH:MM:SS. */
static bool take_offset(struct reader *reader, int64_t *out_us)
{
    uint32_t hour, minute = 0, second = 0;

    *out_us = 0;
    if (take(reader, 'Z')) return true;
    bool west = take(reader, '-');
    if (!west && !take(reader, '+')) return false;
    if (!take_two(reader, OFFSET_HOURS_MAX, &hour)) return false;
    if (take(reader, ':')) {
        if (!take_two(reader, 59, &minute)) return false;
        if (take(reader, ':') && !take_two(reader, 59, &second)) return false;
    }
    int64_t seconds = hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE + second;
    *out_us         = (west ? -seconds : seconds) * US_PER_SECOND;
    return true;
}

/* PostgreSQL's two times without end are texts of their own. */
static bool is_infinity(const uint8_t *text, size_t bytes)
{
    return (bytes == 8 && memcmp(text, "infinity", 8) == 0) ||
           (bytes == 9 && memcmp(text, "-infinity", 9) == 0);
}

enum cup_fit cup_moment_date(const uint8_t *text, size_t bytes, int32_t *out_days)
{
    struct reader reader = {.text = text, .bytes = bytes};
    int64_t       days;

    CUP_ASSERT(text != NULL || bytes == 0);
    CUP_ASSERT(out_days != NULL);
    if (is_infinity(text, bytes)) return CUP_FIT_RANGE;
    if (!take_date(&reader, &days)) return CUP_FIT_FORM;
    (void)take(&reader, 'Z'); /* decoration: may be missing */
    if (reader.at != bytes) return CUP_FIT_FORM;
    if (days < CUP_MOMENT_DAYS_MIN || days > CUP_MOMENT_DAYS_MAX) return CUP_FIT_RANGE;
    *out_days = (int32_t)days;
    return CUP_FIT_OK;
}

static uint64_t load8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* The digits between the point and Z as microseconds; without a point there are none. They are read
 * with what stands before them, eight bytes in all. */
static bool read_fraction(const uint8_t *text, size_t bytes, int64_t *out_us)
{
    size_t digits = bytes - sizeof USUAL_FORM;

    *out_us = 0;
    if (bytes == sizeof USUAL_FORM - 1) return true;
    if (text[19] != '.' || digits < 1 || digits > FRACTION_DIGITS) return false;
    uint64_t word = load8(text + bytes - 9) >> (64 - 8 * digits) | CUP_DIGITS_ZEROS << 8 * digits;
    if (!cup_digits_priv_are(word)) return false;
    *out_us = (int64_t)(cup_digits_priv_value(word) / 100);
    return true;
}

/* The form that most producers print, in words of eight bytes; false: another form, or not legal.
 *
 *   2024-02- 19T06:08 :39.024458Z    date and time in UTC, up to six digits behind the point */
static bool read_usual(const uint8_t *text, size_t bytes, int64_t *out_us)
{
    const uint64_t date_marks = 0xff0000ff00000000u, time_marks = 0x0000ff0000ff0000u;
    int64_t        fraction;

    if (bytes < sizeof USUAL_FORM - 1 || bytes > sizeof USUAL_FORM + FRACTION_DIGITS) return false;
    uint64_t date = load8(text), time = load8(text + 8);
    if ((date & date_marks) != (load8((const uint8_t *)USUAL_FORM) & date_marks) ||
        (time & time_marks) != (load8((const uint8_t *)USUAL_FORM + 8) & time_marks) ||
        text[16] != ':' || text[bytes - 1] != 'Z' || !read_fraction(text, bytes, &fraction))
        return false;
    date          = (date & ~date_marks) | (CUP_DIGITS_ZEROS & date_marks);
    time          = (time & ~time_marks) | (CUP_DIGITS_ZEROS & time_marks);
    uint32_t tens = (uint32_t)text[17] - '0', ones = (uint32_t)text[18] - '0';
    if (!cup_digits_priv_are(date) || !cup_digits_priv_are(time) || tens > 5 || ones > 9)
        return false;
    uint32_t number = (uint32_t)cup_digits_priv_value(date); /* YYYY0MM0 */
    uint32_t year = number / 10000, month = number % 10000 / 10;
    number       = (uint32_t)cup_digits_priv_value(time); /* DD0HH0MM */
    uint32_t day = number / 1000000, hour = number / 1000 % 1000, minute = number % 1000;
    if (year == 0 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59) return false;
    if (day > 28 && day > days_in_month(year, month)) return false;
    uint32_t seconds = hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE + tens * 10 + ones;
    *out_us =
        days_of(year, month, day) * CUP_MOMENT_US_PER_DAY + seconds * US_PER_SECOND + fraction;
    return true;
}

static enum cup_fit parse(const uint8_t *text, size_t bytes, bool instant, int64_t *out_us)
{
    struct reader reader = {.text = text, .bytes = bytes};
    int64_t       days, us, offset_us = 0;
    bool          finer;

    CUP_ASSERT(text != NULL || bytes == 0);
    CUP_ASSERT(out_us != NULL);
    if (read_usual(text, bytes, out_us)) return CUP_FIT_OK;
    if (is_infinity(text, bytes)) return CUP_FIT_RANGE;
    if (!take_date(&reader, &days) || !take(&reader, 'T') || !take_time(&reader, &us, &finer))
        return CUP_FIT_FORM;
    if (instant && !take_offset(&reader, &offset_us)) return CUP_FIT_FORM;
    if (!instant) (void)take(&reader, 'Z'); /* decoration: may be missing */
    if (reader.at != bytes) return CUP_FIT_FORM;
    if (days < CUP_MOMENT_DAYS_MIN - 1 || days > CUP_MOMENT_DAYS_MAX + 1) return CUP_FIT_RANGE;
    us += days * CUP_MOMENT_US_PER_DAY - offset_us;
    if (us < CUP_MOMENT_US_MIN || us > CUP_MOMENT_US_MAX) return CUP_FIT_RANGE;
    *out_us = us;
    return finer ? CUP_FIT_PRECISION : CUP_FIT_OK;
}

enum cup_fit cup_moment_local(const uint8_t *text, size_t bytes, int64_t *out_us)
{
    return parse(text, bytes, false, out_us);
}

enum cup_fit cup_moment_instant(const uint8_t *text, size_t bytes, int64_t *out_us)
{
    return parse(text, bytes, true, out_us);
}

static enum cup_fit parse_time(const uint8_t *text, size_t bytes, bool zoned, int64_t *out_us)
{
    struct reader reader = {.text = text, .bytes = bytes};
    int64_t       us, offset_us;
    bool          finer;

    CUP_ASSERT(text != NULL || bytes == 0);
    CUP_ASSERT(out_us != NULL);
    if (!take_time(&reader, &us, &finer)) return CUP_FIT_FORM;
    if (zoned && !take_offset(&reader, &offset_us)) return CUP_FIT_FORM;
    if (!zoned) (void)take(&reader, 'Z'); /* decoration: may be missing */
    if (reader.at != bytes) return CUP_FIT_FORM;
    *out_us = us;
    return finer ? CUP_FIT_PRECISION : CUP_FIT_OK;
}

enum cup_fit cup_moment_time(const uint8_t *text, size_t bytes, int64_t *out_us)
{
    return parse_time(text, bytes, false, out_us);
}

enum cup_fit cup_moment_time_zoned(const uint8_t *text, size_t bytes, int64_t *out_us)
{
    return parse_time(text, bytes, true, out_us);
}

enum cup_fit cup_moment_days(int64_t year, uint32_t month, uint32_t day, int64_t *out_days)
{
    CUP_ASSERT(out_days != NULL);
    CUP_ASSERT(year >= -1000000000 && year <= 1000000000);
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return CUP_FIT_FORM;
    *out_days = days_of(year, month, day);
    return CUP_FIT_OK;
}
