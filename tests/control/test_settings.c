// SPDX-License-Identifier: Apache-2.0
/* Goal:   every key takes its range and nothing beyond, and says what is allowed; no row of a table
 *         lacks its sentence.
 * Method: both edges of every numeric key, made from key.def; units; words; the checks of whole
 *         settings. */
#include "control/config/settings.h"

#include "control/cli/args.h"
#include "tests/control/fixture.h"

static struct cup_text says;

/* What a bare number counts. */
static uint64_t bare_unit(const struct cup_key_row *row)
{
    if (strcmp(row->unit, "time") == 0) return 1000000;
    return strcmp(row->unit, "share") == 0 ? 10000 : 1;
}

static void check_edges(void)
{
    for (int i = 0; i < CUP_KEY_COUNT; i++) {
        const struct cup_key_row *row  = cup_key_row((enum cup_key)i);
        uint64_t                  unit = bare_unit(row), value = 7;
        char                      text[32];
        if (row->most == 0) continue;
        snprintf(text, sizeof(text), "%llu", (unsigned long long)(row->least / unit));
        CHECK(cup_settings_number((enum cup_key)i, text, &value, &says) && value == row->least);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)(row->most / unit));
        CHECK(cup_settings_number((enum cup_key)i, text, &value, &says) && value == row->most);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)(row->most / unit + 1));
        CHECK(!cup_settings_number((enum cup_key)i, text, &value, &says));
        CHECK(value == row->most && fixture_said(&says, "is out of range; allowed: "));
        snprintf(text, sizeof(text), "%llu", (unsigned long long)(row->least / unit - 1));
        CHECK(!cup_settings_number((enum cup_key)i, text, &value, &says));
        CHECK(fixture_said(&says, "is out of range; allowed: "));
    }
}

static void check_units(void)
{
    uint64_t value = 0;

    CHECK(cup_settings_number(CUP_KEY_COMMIT_INTERVAL, "10s", &value, &says));
    CHECK(value == 10000000000u);
    CHECK(cup_settings_number(CUP_KEY_COMMIT_INTERVAL, "500", &value, &says));
    CHECK(value == 500000000u);
    CHECK(cup_settings_number(CUP_KEY_COMMIT_INTERVAL, "2 min", &value, &says));
    CHECK(value == 120000000000u);
    CHECK(cup_settings_number(CUP_KEY_MEMORY, "96MiB", &value, &says) && value == 96u << 20);
    CHECK(cup_settings_number(CUP_KEY_MEMORY, "1G", &value, &says) && value == 1000000000u);
    CHECK(!cup_settings_number(CUP_KEY_MEMORY, "1GB", &value, &says));
    CHECK(fixture_said(&says, "\"1GB\" is no bytes; allowed: 16777216 to"));
    CHECK(cup_settings_number(CUP_KEY_BREAKER_RATE, "5%", &value, &says) && value == 50000);
    CHECK(cup_settings_number(CUP_KEY_BREAKER_RATE, "5", &value, &says) && value == 50000);
    CHECK(cup_settings_number(CUP_KEY_BREAKER_RATE, "250ppm", &value, &says) && value == 250);
    CHECK(!cup_settings_number(CUP_KEY_BREAKER_RATE, "101%", &value, &says));
    CHECK(fixture_said(&says, "101% is out of range; allowed: 0 to 1000000 ppm (or %, as 5%)"));
    value = 1000000000u;
    CHECK(!cup_settings_number(CUP_KEY_WORKERS, "1k", &value, &says));
    CHECK(fixture_said(&says, "is no count"));
    CHECK(!cup_settings_number(CUP_KEY_MEMORY, "-1", &value, &says));
    CHECK(!cup_settings_number(CUP_KEY_MEMORY, "", &value, &says));
    CHECK(!cup_settings_number(CUP_KEY_COMMIT_BYTES, "17179869184GiB", &value, &says)); /* 2^64 */
    CHECK(!cup_settings_number(CUP_KEY_COMMIT_BYTES, "99999999999999999999", &value, &says));
    CHECK(value == 1000000000u);
    cup_text_free(&says);
}

static void check_words(void)
{
    uint32_t index = 9;

    CHECK(cup_settings_word(CUP_KEY_CODEC, "zstd", &index, &says) && index == 0);
    CHECK(cup_settings_word(CUP_KEY_CODEC, "none", &index, &says) && index == 2);
    CHECK(!cup_settings_word(CUP_KEY_CODEC, "zst", &index, &says) && index == 2);
    CHECK(fixture_said(&says, "\"zst\" is not known; allowed: zstd | snappy | none"));
    CHECK(!cup_settings_word(CUP_KEY_CODEC, "|", &index, &says));
    CHECK(!cup_settings_word(CUP_KEY_CODEC, "", &index, &says));
    cup_text_free(&says);
}

static void check_whole(void)
{
    struct cup_settings settings;

    cup_settings_default(&settings);
    CHECK(settings.worker_count >= 1 && settings.worker_count <= CUP_PLAN_WORKERS_MAX);
    CHECK(cup_settings_check(&settings, &says) == CUP_BAD_CONFIG);
    CHECK(strstr(says.at, "there is no lake") && fixture_said(&says, "there is no input"));
    settings.lake        = "/lake";
    settings.input_count = 1;
    CHECK(cup_settings_check(&settings, &says) == CUP_OK && says.bytes == 0);
    settings.bronze = settings.silver = false;
    CHECK(cup_settings_check(&settings, &says) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "both off"));
    settings.bronze      = true;
    settings.domain      = "../x";
    settings.name        = "..";
    settings.unavailable = "";
    CHECK(cup_settings_check(&settings, &says) == CUP_BAD_CONFIG);
    CHECK(strstr(says.at, "domain: ") && strstr(says.at, "name: "));
    CHECK(fixture_said(&says, "unavailable: "));
}

static void check_sentences(void)
{
    for (int i = 0; i < CUP_KEY_COUNT; i++)
        CHECK(strlen(cup_key_row((enum cup_key)i)->text) > 8);
    for (int i = 0; i < CUP_OPTION_COUNT; i++)
        CHECK(strlen(cup_option_row((enum cup_option)i)->text) > 8);
    for (int i = 0; i < CUP_COMMAND_COUNT; i++)
        CHECK(strlen(cup_command_row((enum cup_command)i)->text) > 8);
}

/* The words of `format` are the rows of format.def, and auto behind them. */
static void check_formats(void)
{
    struct cup_text why = {0};
    uint32_t        index;

    for (uint32_t i = 0; i < CUP_FORMAT_COUNT; i++) {
        CHECK(cup_settings_word(CUP_KEY_FORMAT, cup_format_name((enum cup_format)i), &index, &why));
        CHECK(index == i);
    }
    CHECK(cup_settings_word(CUP_KEY_FORMAT, "auto", &index, &why) && index == CUP_FORMAT_COUNT);
    CHECK(why.bytes == 0);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_edges();
    check_units();
    check_words();
    check_whole();
    check_sentences();
    check_formats();
    return 0;
}
