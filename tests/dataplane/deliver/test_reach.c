// SPDX-License-Identifier: Apache-2.0
/* Goal:   the text of a marker gives back where an epoch's records are; damaged text gives nothing.
 * Method: random spans written and read again; each byte of the text replaced, each length cut. */
#include "dataplane/deliver/reach.h"

#include "tests/check.h"

#define TOPICS 5u

static void name_of(uint32_t i, char out[32])
{
    snprintf(out, 32, "bank.t-%u_%u", i, i * 7);
}

static void fill(struct cup_rnd *rnd, struct cup_reach *reach)
{
    char     name[32];
    uint32_t topic;

    for (uint32_t i = 0; i < TOPICS; i++) {
        uint32_t count = 1 + (uint32_t)cup_rnd_below(rnd, 6);
        name_of(i, name);
        CHECK(cup_reach_topic(reach, name, count, &topic, NULL) == CUP_OK && topic == i);
        for (uint32_t p = 0; p < count; p++) {
            struct cup_kafka_span *span = &reach->topics[i].parts[p].span;
            CHECK(span->first == -1);
            if (cup_rnd_below(rnd, 3) == 0) continue;
            span->first = (int64_t)cup_rnd_below(rnd, 1u << 31) << 8;
            span->last  = span->first + (int64_t)cup_rnd_below(rnd, 1000);
        }
    }
}

/* Each part of a that has records is in b, and b has no other. */
static void check_same(const struct cup_reach *a, const struct cup_reach *b)
{
    uint32_t parts = 0, found = 0, count;

    for (uint32_t i = 0; i < a->topic_count; i++) {
        uint32_t at = cup_reach_find(b, a->topics[i].name);
        for (uint32_t p = 0; p < a->topics[i].part_count; p++) {
            const struct cup_kafka_span *span = &a->topics[i].parts[p].span;
            if (span->first < 0) continue;
            parts++;
            CHECK(at != UINT32_MAX && b->topics[at].part_count == a->topics[i].part_count);
            CHECK(memcmp(span, &b->topics[at].parts[p].span, sizeof *span) == 0);
        }
    }
    struct cup_kafka_place *places = cup_reach_places(b, &count);
    CHECK(places != NULL && count == parts);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = cup_reach_find(a, places[i].topic);
        found += a->topics[at].parts[places[i].partition].span.last == places[i].offset;
    }
    CHECK(found == parts);
    free(places);
}

static void test_round_trip(struct cup_rnd *rnd)
{
    struct cup_reach reach = {0}, back = {0};
    struct cup_text  text = {0};

    fill(rnd, &reach);
    cup_reach_write(&reach, &text);
    cup_text_puts(&text, ",\"more\":1}");
    CHECK(!text.failed && cup_reach_read(&back, text.at, text.bytes));
    check_same(&reach, &back);
    cup_reach_free(&back);
    cup_text_free(&text);
    cup_reach_free(&reach);
}

/* Nothing is read behind the text, and what is read has its parts. */
static void test_damage(struct cup_rnd *rnd)
{
    struct cup_reach reach = {0};
    struct cup_text  text  = {0};
    uint32_t         count;

    fill(rnd, &reach);
    cup_reach_write(&reach, &text);
    for (size_t cut = 0; cut < text.bytes; cut++) {
        struct cup_reach back = {0};
        char            *copy = malloc(cut + 1);
        memcpy(copy, text.at, cut);
        CHECK(!cup_reach_read(&back, copy, cut));
        if (cut > 0) {
            memcpy(copy, text.at, cut);
            copy[cut - 1] = (char)cup_rnd_u64(rnd);
            (void)cup_reach_read(&back, copy, cut);
        }
        free(cup_reach_places(&back, &count));
        free(copy);
        cup_reach_free(&back);
    }
    cup_text_free(&text);
    cup_reach_free(&reach);
}

/* What was kept keeps its place; the rest is to be sent. */
static void test_drop(void)
{
    struct cup_reach reach = {0};
    uint32_t         topic, count;

    CHECK(cup_reach_topic(&reach, "a", 2, &topic, NULL) == CUP_OK);
    reach.topics[0].parts[0] = (struct cup_reach_part){.span = {5, 9}, .kept = true};
    reach.topics[0].parts[1] = (struct cup_reach_part){.span = {6, 7}};
    cup_reach_drop(&reach);
    CHECK(reach.topics[0].parts[0].span.last == 9 && reach.topics[0].parts[1].span.first == -1);
    struct cup_kafka_place *places = cup_reach_places(&reach, &count);
    CHECK(count == 0);
    free(places);
    cup_reach_free(&reach);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    for (uint32_t i = 0; i < 50; i++) {
        test_round_trip(&rnd);
        test_damage(&rnd);
    }
    test_drop();
    return 0;
}
