// SPDX-License-Identifier: Apache-2.0
/* Goal:   what a parser remembers of earlier records never changes what it says of a record; equal
 *         key ids mean equal keys behind equal keys.
 * Method: seeded records over few keys, some of them spoilt, go through a parser that remembers and
 *         one that never does: verdict, place and nodes must be equal. Every key id is compared
 *         with the key and the key before it that it stood for first. Then rubbish fills the tree
 *         until it is begun anew. At level scalar and at the best level of this CPU. */
#include "kernels/json/json_priv.h"

#include "tests/check.h"

#define RECORD_BYTES  8192u /* of a slice */
#define RECORDS_MAX   4u    /* of a slice */
#define RECORDS       20000u
#define RUBBISH       100000u /* more than it takes to begin anew */
#define MEMBERS_MAX   12u
#define KEY_BYTES_MAX 70u

struct meaning {             /* of a key id */
    uint32_t key_id, before; /* before: id of the key before it, or of the object's own */
    uint32_t key_bytes;
    bool     first;
    uint8_t  key[CUP_JSON_HABIT_BYTES];
};

static uint8_t        buf[RECORD_BYTES + CUP_JSON_PADDING];
static uint32_t       used, ends[RECORDS_MAX], record_count; /* ends: of records, at their LF */
static struct meaning meanings[CUP_JSON_KEY_IDS];
static uint64_t       verdicts[CUP_JSON_EMPTY + 1], known_count, renewed_count;

/* Of all lengths around words, of equal heads, of equal tails, and at the longest habit. */
static const char *const keys[] = {"a",
                                   "b",
                                   "\\u0062",
                                   "id",
                                   "op",
                                   "",
                                   "ts_ms",
                                   "ts_us",
                                   "before",
                                   "after1",
                                   "1234567",
                                   "12345678",
                                   "123456789",
                                   "thirteen_long",
                                   "fourteen_long_",
                                   "transaction_id",
                                   "transaction_ix",
                                   "xransaction_id",
                                   "a_key_with_a_middle_1_in_it",
                                   "a_key_with_a_middle_2_in_it",
                                   "sixty_one_bytes_are_the_longest_key_that_can_be_a_habit_of_it",
                                   "sixty_two_bytes_are_one_more_than_the_longest_key_of_a_habit_x",
                                   "caf\xc3\xa9"};
#define KEY_COUNT (sizeof keys / sizeof *keys)

static void put(const char *text)
{
    size_t bytes = strlen(text);
    if (used + bytes > RECORD_BYTES - RECORDS_MAX) return;
    memcpy(buf + used, text, bytes);
    used += (uint32_t)bytes;
}

static void put_key(struct cup_rnd *rnd, uint32_t key)
{
    put("\"");
    put(keys[key]);
    put(cup_rnd_below(rnd, 30) == 0 ? "\" :" : "\":");
    if (cup_rnd_below(rnd, 10) == 0) put(" ");
}

/* Members mostly follow one of some orders, so that ways are taken again. */
static void put_object(struct cup_rnd *rnd, uint32_t levels)
{
    static const char *const scalars[] = {"1", "\"x\"", "null", "true", "-2.5", "\"\\n\"", "[]"};
    uint32_t                 key = cup_rnd_below(rnd, 4) * 5, count = cup_rnd_below(rnd, 9);

    put("{");
    for (uint32_t i = 0; i < count; i++) {
        key = cup_rnd_below(rnd, 25) == 0 ? cup_rnd_below(rnd, KEY_COUNT) : (key + 1) % KEY_COUNT;
        if (i > 0) put(",");
        put_key(rnd, key);
        uint32_t kind = cup_rnd_below(rnd, 12);
        if (kind < 3 && levels > 0) {
            if (kind == 0) put("[");
            put_object(rnd, levels - 1);
            if (kind == 0) put(",");
            if (kind == 0) put_object(rnd, levels - 1);
            if (kind == 0) put("]");
        } else {
            put(scalars[cup_rnd_below(rnd, sizeof scalars / sizeof *scalars)]);
        }
    }
    put("}");
}

static void spoil(struct cup_rnd *rnd, uint32_t from)
{
    static const char bytes[] = "\"\\:,{}[] 0a\x01\xff";

    if (used == from || cup_rnd_below(rnd, 4) != 0) return;
    if (cup_rnd_below(rnd, 2) == 0)
        used = from + cup_rnd_below(rnd, used - from);
    else
        buf[from + cup_rnd_below(rnd, used - from)] =
            (uint8_t)bytes[cup_rnd_below(rnd, sizeof bytes - 1)];
}

/* `before` of the first member is the object's own id; 0 stands for anything unknown. */
static void check_id(const struct cup_json_node *node, uint32_t before, bool first)
{
    struct meaning *is = &meanings[node->key_id % CUP_JSON_KEY_IDS];

    known_count++;
    CHECK((node->flags & CUP_JSON_KEY_ESCAPED) == 0);
    CHECK(node->key_bytes <= CUP_JSON_HABIT_BYTES - 3);
    if (is->key_id != node->key_id) {
        CHECK(node->key_id > is->key_id); /* ids never come back */
        *is = (struct meaning){
            .key_id = node->key_id, .before = before, .first = first, .key_bytes = node->key_bytes};
        memcpy(is->key, buf + node->key_at, node->key_bytes);
    }
    CHECK(is->before == before && is->first == first);
    CHECK(is->key_bytes == node->key_bytes);
    CHECK(memcmp(is->key, buf + node->key_at, node->key_bytes) == 0);
}

/* Ids of the members of one object; those of its place are `own`. */
static void check_ids(const struct cup_json_doc *doc, uint32_t object)
{
    uint32_t at = object + 1, before = doc->nodes[object].key_id;
    bool     lost = false;

    for (uint32_t i = 0; i < doc->nodes[object].child_count; i++, at = doc->nodes[at].next) {
        uint32_t id = doc->nodes[at].key_id;
        CHECK(!lost || id == 0); /* behind a key that is not known, none is */
        lost = id == 0;
        /* an object in an array has no key of its own: its way starts with the array's */
        if (!lost && (i > 0 || before != 0)) check_id(&doc->nodes[at], before, i == 0);
        before = id;
    }
}

static void compare_record(struct cup_json *warm, struct cup_json *cold, uint32_t at,
                           uint32_t bytes)
{
    struct cup_json_doc a, b;
    uint32_t            base = warm->key_id_base;

    cold->habit_count         = CUP_JSON_KEY_IDS; /* full: it learns nothing */
    cold->habit_refused_count = 0;
    cup_json_parse(warm, at, bytes, NULL, 0, &a);
    cup_json_parse(cold, at, bytes, NULL, 0, &b);
    renewed_count += warm->key_id_base != base;
    verdicts[b.verdict]++;
    CHECK(a.verdict == b.verdict && a.bad_at == b.bad_at && a.node_count == b.node_count);
    for (uint32_t i = 0; i < a.node_count; i++) {
        struct cup_json_node node = a.nodes[i];
        node.key_id               = 0;
        CHECK(memcmp(&node, &b.nodes[i], sizeof node) == 0);
        if (node.kind == CUP_JSON_OBJECT) check_ids(&a, i);
    }
}

/* Compares the records of a slice. */
static void compare(struct cup_json *warm, struct cup_json *cold)
{
    memset(buf + used, '"', CUP_JSON_PADDING);
    cup_json_index(warm, buf, 0, used);
    cup_json_index(cold, buf, 0, used);
    for (uint32_t i = 0; i < record_count; i++)
        compare_record(warm, cold, i == 0 ? 0 : ends[i - 1] + 1,
                       ends[i] - (i == 0 ? 0 : ends[i - 1] + 1));
    used = record_count = 0;
}

static void end_record(void)
{
    ends[record_count++] = used;
    buf[used++]          = '\n';
}

/* Few keys make many ways; many keys crowd one place. */
static void put_rubbish(struct cup_rnd *rnd, uint32_t key_count)
{
    char key[32];

    put("{");
    for (uint32_t i = 0; i < 4; i++) {
        (void)snprintf(key, sizeof key, "%s\"%x\":1", i > 0 ? "," : "",
                       cup_rnd_below(rnd, key_count));
        put(key);
    }
    put("}");
}

static struct cup_json *open_parser(const char *level)
{
    struct cup_json_limits limits = CUP_JSON_LIMITS_DEFAULT;
    struct cup_json       *json;
    struct cup_fault       fault;

    limits.members_max   = MEMBERS_MAX / 2;
    limits.key_bytes_max = KEY_BYTES_MAX;
    CHECK(cup_json_open(level, RECORD_BYTES, limits, &json, &fault) == CUP_OK);
    return json;
}

static void put_slices(struct cup_rnd *rnd, struct cup_json *warm, struct cup_json *cold,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = used;
        put_object(rnd, 3);
        spoil(rnd, from);
        end_record();
        if (record_count == RECORDS_MAX || used > RECORD_BYTES / 2) compare(warm, cold);
    }
    compare(warm, cold);
}

static void check_level(struct cup_rnd *rnd, const char *level, uint32_t key_count)
{
    struct cup_json *warm = open_parser(level), *cold = open_parser(level);

    memset(meanings, 0, sizeof meanings);
    put_slices(rnd, warm, cold, RECORDS);
    CHECK(renewed_count == 0);
    for (uint32_t i = 0; i < RUBBISH; i++) {
        put_rubbish(rnd, key_count);
        end_record();
        compare(warm, cold);
    }
    CHECK(renewed_count >= 1);
    put_slices(rnd, warm, cold, RECORDS / 4);
    renewed_count = 0;
    cup_json_close(warm);
    cup_json_close(cold);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    check_level(&rnd, "scalar", 1u << 20);
    check_level(&rnd, "auto", 40);
    for (int i = CUP_JSON_OK; i <= CUP_JSON_DUPLICATE_KEY; i++)
        CHECK(verdicts[i] > 100);
    CHECK(verdicts[CUP_JSON_MEMBERS] > 100);
    CHECK(known_count > RECORDS);
    return 0;
}
