// SPDX-License-Identifier: Apache-2.0
#include "control/config/settings.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/config/cluster.h"
#include "lake/parquet.h"

static const struct cup_key_row rows[CUP_KEY_COUNT] = {
#define CUP_KEY(id, key, unit, least, most, standard, text)                                        \
    {key, unit, standard, text, least, most},
#include "control/config/key.def"
#undef CUP_KEY
};

/* Suffixes of numbers; the first that is a prefix of what is left must end the text. */
static const struct {
    const char *kind, *suffix;
    uint64_t    factor;
} suffixes[] = {
    {"time", "ms", 1000000},
    {"time", "s", CUP_NS_PER_S},
    {"time", "min", 60 * CUP_NS_PER_S},
    {"time", "h", 3600 * CUP_NS_PER_S},
    {"time", "d", 24 * 3600 * CUP_NS_PER_S},
    {"time", "", 1000000}, /* a bare time is milliseconds */
    {"bytes", "KiB", 1u << 10},
    {"bytes", "MiB", 1u << 20},
    {"bytes", "GiB", 1u << 30},
    {"bytes", "k", 1000},
    {"bytes", "M", 1000000},
    {"bytes", "G", 1000000000},
    {"bytes", "", 1},
    {"count", "", 1},
    {"share", "%", 10000},
    {"share", "ppm", 1},
    {"share", "", 10000}, /* a bare share is percent */
};

const struct cup_key_row *cup_key_row(enum cup_key key)
{
    CUP_ASSERT(key < CUP_KEY_COUNT);
    return &rows[key];
}

static void put_amount(struct cup_text *says, const struct cup_key_row *row, uint64_t value)
{
    if (strcmp(row->unit, "time") == 0)
        cup_text_printf(says, "%llums", (unsigned long long)value / 1000000);
    else
        cup_text_printf(says, "%llu", (unsigned long long)value);
}

static void put_allowed(struct cup_text *says, const struct cup_key_row *row)
{
    cup_text_puts(says, "; allowed: ");
    put_amount(says, row, row->least);
    cup_text_puts(says, " to ");
    put_amount(says, row, row->most);
    if (strcmp(row->unit, "bytes") == 0) cup_text_puts(says, " bytes (KiB, MiB, GiB may follow)");
    if (strcmp(row->unit, "time") == 0) cup_text_puts(says, " (ms, s, min, h, d may follow)");
    if (strcmp(row->unit, "share") == 0) cup_text_puts(says, " ppm (or %, as 5%)");
}

static bool scale(const char *kind, const char *suffix, uint64_t *value)
{
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(suffixes[i].kind, kind) != 0 || strcmp(suffixes[i].suffix, suffix) != 0)
            continue;
        if (__builtin_mul_overflow(*value, suffixes[i].factor, value)) *value = UINT64_MAX;
        return true; /* out of range, which is said */
    }
    return false;
}

bool cup_settings_number(enum cup_key key, const char *text, uint64_t *out_value,
                         struct cup_text *says)
{
    const struct cup_key_row *row = cup_key_row(key);
    char                     *end = NULL;
    uint64_t                  value;

    CUP_ASSERT(row->most > 0);
    errno     = 0;
    value     = strtoull(text, &end, 10);
    bool good = isdigit((unsigned char)*text) && errno == 0;
    while (good && *end == ' ')
        end++;
    good = good && scale(row->unit, end, &value);
    if (!good) {
        cup_text_printf(says, "\"%s\" is no %s", text,
                        strcmp(row->unit, "count") == 0 ? "count" : row->unit);
    } else if (value < row->least || value > row->most) {
        cup_text_printf(says, "%s is out of range", text);
        good = false;
    }
    if (!good)
        put_allowed(says, row);
    else
        *out_value = value;
    return good;
}

bool cup_settings_word(enum cup_key key, const char *text, uint32_t *out_index,
                       struct cup_text *says)
{
    const struct cup_key_row *row   = cup_key_row(key);
    const char               *word  = row->unit;
    size_t                    bytes = strlen(text);

    for (uint32_t i = 0; word != NULL; i++) {
        size_t word_bytes = strcspn(word, " ");
        if (word_bytes == bytes && memcmp(word, text, bytes) == 0) {
            *out_index = i;
            return true;
        }
        word = strstr(word, " | ");
        if (word != NULL) word += 3;
    }
    cup_text_printf(says, "\"%s\" is not known; allowed: %s", text, row->unit);
    return false;
}

static uint64_t standard_number(enum cup_key key)
{
    struct cup_text says  = {0};
    uint64_t        value = 0;
    bool            good  = cup_settings_number(key, cup_key_row(key)->standard, &value, &says);

    CUP_ASSERT(good);
    cup_text_free(&says);
    return value;
}

static uint64_t processor_count(void)
{
    cpu_set_t set;
    int       count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    if (count < 1) return 1;
    return count > (int)CUP_PLAN_WORKERS_MAX ? CUP_PLAN_WORKERS_MAX : (uint64_t)count;
}

void cup_settings_default(struct cup_settings *out_settings)
{
    CUP_ASSERT(out_settings != NULL);
    *out_settings = (struct cup_settings){
        .name             = "run",
        .domain           = cup_key_row(CUP_KEY_DOMAIN)->standard,
        .owner            = "",
        .kernels          = cup_key_row(CUP_KEY_KERNELS)->standard,
        .unavailable      = cup_key_row(CUP_KEY_UNAVAILABLE)->standard,
        .metadata_prefix  = cup_key_row(CUP_KEY_METADATA_PREFIX)->standard,
        .record_bytes_max = standard_number(CUP_KEY_RECORD_BYTES_MAX),
        .depth_max        = standard_number(CUP_KEY_DEPTH_MAX),
        .members_max      = standard_number(CUP_KEY_MEMBERS_MAX),
        .key_bytes_max    = standard_number(CUP_KEY_KEY_BYTES_MAX),
        .number_bytes_max = standard_number(CUP_KEY_NUMBER_BYTES_MAX),
        .commit_ns_max    = standard_number(CUP_KEY_COMMIT_INTERVAL),
        .commit_bytes_max = standard_number(CUP_KEY_COMMIT_BYTES),
        .worker_count     = processor_count(),
        .pool_bytes       = standard_number(CUP_KEY_MEMORY),
        .file_bytes_max   = standard_number(CUP_KEY_FILES_BYTES),
        .file_rows_max    = standard_number(CUP_KEY_FILES_ROWS),
        .log_retention_ns = standard_number(CUP_KEY_LOG_RETENTION),
        .compact_files    = standard_number(CUP_KEY_UPKEEP_SMALL_FILES),
        .compact_bytes    = standard_number(CUP_KEY_UPKEEP_TARGET),
        .quarantine_max   = standard_number(CUP_KEY_QUARANTINE_BYTES_MAX),
        .breaker_ppm      = standard_number(CUP_KEY_BREAKER_RATE),
        .breaker_records  = standard_number(CUP_KEY_BREAKER_RECORDS),
        .breaker_action   = CUP_ACTION_PAUSE,
        .breaker_pause_ns = standard_number(CUP_KEY_BREAKER_PAUSE),
        .compact          = true,
        .codec            = CUP_CODEC_ZSTD,
        .bronze           = true,
        .silver           = true,
        .drift            = cup_drift_default(),
        .shard_count      = 1,
        .output = {.create = true, .partition_count = standard_number(CUP_KEY_OUTPUT_PARTITIONS)},
    };
}

bool cup_settings_consumes(const struct cup_settings *settings)
{
    return settings->input_count > 0 && settings->inputs != NULL &&
           settings->inputs[0].topic_count > 0;
}

/* A name that becomes one folder; sanitised names would let two pipelines meet in one folder. */
static bool is_folder_name(const char *name)
{
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return false;
    for (const char *at = name; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F || strchr(" ,;{}()=/\\%:*?\"<>|#", *at))
            return false;
    }
    return true;
}

enum cup_err cup_settings_check(const struct cup_settings *settings, struct cup_text *says)
{
    size_t before = says->bytes;

    CUP_ASSERT(settings->name != NULL && settings->domain != NULL);
    if (settings->lake == NULL || *settings->lake == '\0')
        cup_text_puts(says, "there is no lake: give lake: in pipeline.yaml or --lake FOLDER\n");
    if (settings->input_count == 0)
        cup_text_puts(says, "there is no input: give input: in pipeline.yaml, --input 'GLOB', or "
                            "--brokers HOST:PORT --topics 'NAMES'\n");
    if (!settings->bronze && !settings->silver)
        cup_text_puts(says, "bronze and silver are both off: nothing would be written\n");
    if (!is_folder_name(settings->name))
        cup_text_printf(says,
                        "name: \"%s\" cannot be a folder; leave out spaces and "
                        ", ; { } ( ) = / \\ %% : * ? \" < > | #\n",
                        settings->name);
    if (!is_folder_name(settings->domain))
        cup_text_printf(says,
                        "domain: \"%s\" cannot be a folder; leave out spaces and "
                        ", ; { } ( ) = / \\ %% : * ? \" < > | #\n",
                        settings->domain);
    if (*settings->unavailable == '\0')
        cup_text_puts(says,
                      "unavailable: an empty text would make every empty value unavailable\n");
    cup_cluster_check(settings, says);
    return says->bytes == before ? CUP_OK : CUP_BAD_CONFIG;
}
