// SPDX-License-Identifier: Apache-2.0
#include "control/config/topics.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/abi/topic.h"
#include "kernels/pattern/pattern.h"
#include "kernels/value/moment.h"

#define ANCHORS_BYTES 6u /* ^(?:...)$ around it, so that it is for whole names */

static bool check_pattern(const char *text, size_t bytes, struct cup_text *says)
{
    struct cup_pattern *pattern = NULL;
    struct cup_fault    fault   = {0};

    if (bytes > CUP_PATTERN_BYTES_MAX - ANCHORS_BYTES) {
        cup_text_printf(says, "the pattern is longer than %u bytes",
                        CUP_PATTERN_BYTES_MAX - ANCHORS_BYTES);
        return false;
    }
    if (cup_pattern_open(text, bytes, &pattern, &fault) != CUP_OK) {
        cup_text_printf(says, "/%s/ is no pattern: %s at character %llu", text,
                        fault.where[0] != '\0' ? fault.where : fault.what,
                        (unsigned long long)fault.at_offset + 1);
        return false;
    }
    cup_pattern_close(pattern);
    return true;
}

bool cup_topics_one(struct cup_keep *keep, const char *text, struct cup_settings_topic *out_topic,
                    struct cup_text *says)
{
    size_t bytes      = strlen(text);
    bool   is_pattern = bytes > 2 && text[0] == '/' && text[bytes - 1] == '/';

    if (!is_pattern && !cup_topic_is_legal(text, bytes)) {
        cup_text_printf(says,
                        "\"%s\" is no name of a topic; allowed: 1 to %u letters, digits, . _ - or "
                        "a pattern between slashes, as /bank\\..*/",
                        text, CUP_TOPIC_NAME_MAX);
        return false;
    }
    const char *name = is_pattern ? cup_keep_text(keep, text + 1, bytes - 2) : text;
    if (is_pattern && !check_pattern(name, bytes - 2, says)) return false;
    *out_topic = (struct cup_settings_topic){.name = name, .is_pattern = is_pattern};
    return true;
}

/* A pattern goes on to the slash that a comma or the end follows. */
static size_t item_bytes(const char *text)
{
    if (text[0] != '/') return strcspn(text, ",");
    for (size_t i = 1; text[i] != '\0'; i++)
        if (text[i] == '/' && (text[i + 1] == ',' || text[i + 1] == '\0')) return i + 1;
    return strlen(text);
}

bool cup_topics_list(struct cup_keep *keep, const char *text, struct cup_settings_input *out_input,
                     struct cup_text *says)
{
    struct cup_settings_input input = {0};
    uint32_t                  cap   = 0;

    for (;;) {
        size_t bytes = item_bytes(text);
        input.topics =
            cup_keep_grow(keep, input.topics, input.topic_count, &cap, sizeof(*input.topics));
        if (input.topic_count == CUP_PLAN_TOPICS_MAX) {
            cup_text_puts(says, "there are too many topics; use a pattern");
            return false;
        }
        if (!cup_topics_one(keep, cup_keep_text(keep, text, bytes),
                            &input.topics[input.topic_count++], says))
            return false;
        if (text[bytes] == '\0') break;
        text += bytes + 1;
    }
    *out_input = input;
    return true;
}

bool cup_topics_start(const char *text, struct cup_settings_start *out_start, struct cup_text *says)
{
    static const struct {
        const char *word;
        uint8_t     kind;
    } words[]  = {{"earliest", CUP_START_EARLIEST}, {"latest", CUP_START_LATEST}};
    int64_t us = 0;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, text) != 0) continue;
        *out_start = (struct cup_settings_start){.kind = words[i].kind};
        return true;
    }
    enum cup_fit fit = cup_moment_instant((const uint8_t *)text, strlen(text), &us);
    if ((fit == CUP_FIT_OK || fit == CUP_FIT_PRECISION) && us >= 0) {
        bool between = us % 1000 != 0 || fit == CUP_FIT_PRECISION;
        *out_start   = (struct cup_settings_start){.kind    = CUP_START_TIMESTAMP,
                                                   .time_ms = us / 1000 + between};
        return true;
    }
    cup_text_printf(says, "\"%s\" is not known; allowed: %s", text,
                    cup_key_row(CUP_KEY_INPUT_START)->unit);
    return false;
}

static bool read_number(const char *text, uint64_t most, int64_t *out_value)
{
    char *end = NULL;

    errno          = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || value > most) return false;
    *out_value = (int64_t)value;
    return true;
}

bool cup_topics_offset(struct cup_settings_start *start, const char *partition, const char *offset,
                       struct cup_text *says)
{
    int64_t  number = 0, first = 0;
    uint32_t at = start->offset_count;

    if (!read_number(partition, INT32_MAX, &number) || !read_number(offset, INT64_MAX, &first)) {
        cup_text_printf(says, "%s: %s is no partition and offset; allowed: {0: 100, 1: 250}",
                        partition, offset);
        return false;
    }
    while (at > 0 && start->offsets[at - 1].partition >= number)
        at--;
    if (at < start->offset_count && start->offsets[at].partition == number) {
        cup_text_printf(says, "partition %s stands twice", partition);
        return false;
    }
    memmove(&start->offsets[at + 1], &start->offsets[at],
            (start->offset_count - at) * sizeof(*start->offsets));
    start->offsets[at] = (struct cup_plan_offset){.partition = (int32_t)number, .offset = first};
    start->offset_count++;
    return true;
}
