// SPDX-License-Identifier: Apache-2.0
/* Goal:   sums and ranks of partitions' lags are right, and a damaged message changes nothing.
 * Method: messages made by hand, cut at every byte; more partitions than a summary lists. */
#include "control/supervise/lag.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

static void put(struct cup_text *message, const char *topic, int32_t partition, int64_t visible,
                int64_t high, int64_t ms)
{
    struct cup_wire_lag lag = {.consumed    = visible + 2,
                               .committed   = visible + 1,
                               .visible     = visible,
                               .high        = high,
                               .visible_ms  = ms,
                               .partition   = partition,
                               .topic_bytes = (uint32_t)strlen(topic)};

    cup_text_put(message, &lag, sizeof(lag));
    cup_text_puts(message, topic);
}

static bool says(const struct cup_text *text, const char *piece)
{
    bool found = text->at != NULL && strstr(text->at, piece) != NULL;

    if (!found) fprintf(stderr, "wanted: %s\nsaid:   %s\n", piece, text->at);
    return found;
}

static void check_sums(void)
{
    struct cup_lag  lag     = {0};
    struct cup_text message = {0}, text = {0};

    cup_lag_progress(&lag, &text);
    CHECK(strcmp(text.at, "  0 partitions") == 0);
    put(&message, "a", 0, 100, 1234567, 1500);
    put(&message, "b", 1, 50, 50, 0);
    put(&message, "c", 2, 60, 50, 90); /* its end is older than what was read */
    put(&message, "d", 3, 70, -1, -1); /* not known */
    CHECK(cup_lag_take(&lag, &message));
    CHECK(lag.count == 4 && lag.records == 1234467 && lag.ms == 1500 && lag.unknown_count == 1);
    cup_text_clear(&text);
    cup_lag_progress(&lag, &text);
    CHECK(strcmp(text.at, "  4 partitions, 1,234,467 records and 1.5 s behind (1 not known yet)") ==
          0);
    for (size_t bytes = 1; bytes < message.bytes; bytes++) {
        struct cup_text cut = {.at = message.at, .bytes = bytes};
        struct cup_lag  one = {0};
        bool            row = bytes % (sizeof(struct cup_wire_lag) + 1) == 0;
        CHECK(cup_lag_take(&one, &cut) == row);
        cup_lag_free(&one);
        if (!row) CHECK(!cup_lag_take(&lag, &cut) && lag.records == 1234467);
    }
    cup_text_clear(&message);
    CHECK(cup_lag_take(&lag, &message) && lag.count == 0 && lag.records == 0);
    cup_text_clear(&text);
    cup_lag_summary(&lag, &text);
    CHECK(text.bytes == 0);
    cup_lag_free(&lag);
    cup_text_free(&message);
    cup_text_free(&text);
}

static void check_worst(void)
{
    struct cup_lag  lag     = {0};
    struct cup_text message = {0}, text = {0};
    const char     *last = NULL;

    for (int i = 0; i < 30; i++)
        put(&message, "t", i, 1000, 1000 + i * 7 % 30, i);
    put(&message, "u", 0, 1000, 1000 + 29, 4000); /* as many, and for longer */
    CHECK(cup_lag_take(&lag, &message));
    cup_lag_summary(&lag, &text);
    CHECK(says(&text, "4.0  u/0\n"));
    last = strstr(text.at, "u/0");
    for (int behind = 29; behind > 20; behind--) { /* most behind first */
        char piece[128];
        int  partition = 0;
        while (partition * 7 % 30 != behind)
            partition++;
        snprintf(piece, sizeof(piece), "%15d %14d %14d %14d %14d %8.1f  t/%d\n", 1002, 1001, 1000,
                 1000 + behind, behind, partition / 1000.0, partition);
        CHECK(says(&text, piece));
        CHECK(last == NULL || strstr(text.at, piece) > last);
        last = strstr(text.at, piece);
    }
    CHECK(says(&text, "21 partitions more that are not further behind\n"));
    cup_lag_free(&lag);
    cup_text_free(&message);
    cup_text_free(&text);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_sums();
    check_worst();
    return 0;
}
