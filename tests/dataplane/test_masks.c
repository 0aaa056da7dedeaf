// SPDX-License-Identifier: Apache-2.0
/* Goal:   each mask makes of each value what mask.def says, and leaves nothing of it in any vector;
 *         unmasked columns, nulls and the indexes of columns stay; partitions follow the tokens.
 * Method: one table with a column for every mask and type it serves; rows with values at their
 *         edges, nulls, empty texts, characters of several bytes; expected texts written by hand,
 *         tokens computed with cup_token_text, which tests/kernels/test_token.c holds to the RFCs.
 *         2,048 rows of longest values fill the room that was measured. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/abi/partition.h"
#include "dataplane/transform/masks.h"
#include "kernels/token/canon.h"
#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

enum { ID, MAIL, CARD, NAME, BORN, SEEN, GONE, NOTE, TAGS, PAIRS, PLAIN, PRICE, COLUMNS };

static const struct cup_spec_column columns[COLUMNS] = {
    [ID]    = {"id", "long", "int64", .key = 1, .mask = CUP_MASK_HMAC},
    [MAIL]  = {"mail", "string", "string", .mask = CUP_MASK_HMAC},
    [CARD]  = {"card", "string", "string", .mask = CUP_MASK_KEEP_LAST, .mask_keep = 4},
    [NAME]  = {"name", "string", "string", .mask = CUP_MASK_CONSTANT, .mask_text = "(hidden)"},
    [BORN]  = {"born", "date", "date_days", .mask = CUP_MASK_YEAR},
    [SEEN]  = {"seen", "timestamp", "timestamp_zoned", .mask = CUP_MASK_YEAR},
    [GONE]  = {"gone", "string", "string", .mask = CUP_MASK_DROP},
    [NOTE]  = {"note", "string", "string", .mask = CUP_MASK_NULL},
    [TAGS]  = {"tags", "string", "list", "string", .mask = CUP_MASK_NULL},
    [PAIRS] = {"pairs", "map", "map", .mask = CUP_MASK_NULL},
    [PLAIN] = {"plain", "string", "string"},
    [PRICE] = {"price", "decimal(9,2)", "decimal_text", .scale = 2, .mask = CUP_MASK_HMAC},
};

struct world {
    struct cup_plan   *plan;
    struct cup_pool    pool;
    struct cup_decode *decode;
    struct cup_masks  *masks;
    struct cup_token  *token;
};

static const char *topic_of(const void *arg, uint32_t topic)
{
    (void)arg, (void)topic; /* no record is decoded here */
    return "t";
}

static void open_world(struct world *world)
{
    static const struct cup_spec_table tables[] = {
        {.schema = "s", .table = "plain", .columns = &columns[PLAIN], .column_count = 1},
        {.schema       = "s",
         .table        = "t",
         .columns      = columns,
         .column_count = COLUMNS,
         .partitions   = {"id"}}};
    struct cup_fault fault;
    uint8_t          key[32];

    world->plan = cup_spec_plan(
        &(struct cup_spec){.tables = tables, .table_count = 2, .token_id = "k1", .until_end = 1});
    memset(key, 'T', sizeof key);
    CHECK(cup_pool_init(&world->pool, world->plan->pool_bytes, &fault) == CUP_OK);
    CHECK(cup_decode_open(world->plan, &world->pool, topic_of, NULL, &world->decode, &fault) ==
          CUP_OK);
    CHECK(cup_masks_open(world->plan, world->decode, &world->masks, &fault) == CUP_OK);
    CHECK(cup_token_open(key, sizeof key, "k1", &world->token, &fault) == CUP_OK);
}

static void close_world(struct world *world)
{
    cup_token_close(world->token);
    cup_masks_close(world->masks);
    cup_decode_close(world->decode);
    cup_pool_fini(&world->pool);
    free(world->plan);
}

/* --- rows of decode, made by hand --- */

#define ROWS 5u

static const char *const texts[ROWS]   = {"a@example.org", "", "1234", "12345",
                                          "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80pq"};
static int64_t           ids[ROWS]     = {1, -7, INT64_MAX, 0, 99};
static int32_t           days[ROWS]    = {19753, -1, 0, 11016, -719162};
static int64_t           moments[ROWS] = {1706702400000001, -1, 0, 951782400000000, 5};
static cup_i128          prices[ROWS]  = {150, -1, 0, 99999, 5};
static uint8_t           all_valid[1] = {0x1F}, some_valid[1]     = {0x1D}; /* row 1 is null */
static uint32_t          offsets[ROWS + 1], tag_offsets[ROWS + 1] = {0, 1, 2, 3, 4, 5};
static uint8_t           text[256];
static struct cup_column tag, pairs[2];
static struct cup_column made[COLUMNS + CUP_SILVER_COUNT];

static struct cup_changes rows_of(const struct world *world)
{
    struct cup_changes changes = cup_decode_changes(world->decode, 1);
    uint32_t           used    = 0;

    for (uint32_t i = 0; i < ROWS; i++) {
        memcpy(text + used, texts[i], strlen(texts[i]));
        used += (uint32_t)strlen(texts[i]);
        offsets[i + 1] = used;
    }
    tag      = (struct cup_column){.validity  = all_valid,
                                   .text      = text,
                                   .offsets   = offsets,
                                   .row_count = ROWS,
                                   .vec       = CUP_VEC_VAR};
    pairs[0] = pairs[1] = tag;
    for (uint32_t i = 0; i < COLUMNS + CUP_SILVER_COUNT; i++)
        made[i] = (struct cup_column){.validity   = some_valid,
                                      .text       = text,
                                      .offsets    = offsets,
                                      .row_count  = ROWS,
                                      .row_cap    = ROWS,
                                      .null_count = 1,
                                      .text_cap   = sizeof text,
                                      .vec        = CUP_VEC_VAR};
    made[ID]    = (struct cup_column){.validity = all_valid, .i64 = ids, .vec = CUP_VEC_I64};
    made[BORN]  = (struct cup_column){.validity = some_valid, .i32 = days, .vec = CUP_VEC_I32};
    made[SEEN]  = (struct cup_column){.validity = some_valid, .i64 = moments, .vec = CUP_VEC_I64};
    made[PRICE] = (struct cup_column){.validity = some_valid, .i128 = prices, .vec = CUP_VEC_I128};
    made[PAIRS] = (struct cup_column){.validity    = all_valid,
                                      .offsets     = tag_offsets,
                                      .children    = pairs,
                                      .child_count = 2,
                                      .vec         = CUP_VEC_LIST};
    made[TAGS]  = (struct cup_column){.validity    = all_valid,
                                      .offsets     = tag_offsets,
                                      .children    = &tag,
                                      .child_count = 1,
                                      .vec         = CUP_VEC_LIST};
    for (uint32_t i = 0; i < COLUMNS; i++)
        made[i].row_count = ROWS;
    changes.columns   = made;
    changes.row_count = ROWS;
    return changes;
}

static void check_text(const struct cup_column *column, uint32_t row, const char *want,
                       size_t bytes)
{
    uint32_t got = column->offsets[row + 1] - column->offsets[row];

    CHECK(!cup_column_is_null(column, row));
    if (got != bytes || memcmp(column->text + column->offsets[row], want, bytes) != 0)
        fprintf(stderr, "row %u: %.*s, not %s\n", row, (int)got,
                (const char *)column->text + column->offsets[row], want);
    CHECK(got == bytes && memcmp(column->text + column->offsets[row], want, bytes) == 0);
}

static void check_token(const struct world *world, const struct cup_column *column, uint32_t row,
                        const char *form)
{
    char token[CUP_TOKEN_TEXT_MAX];

    check_text(column, row, token, cup_token_text(world->token, form, strlen(form), token));
}

static void check_values(const struct world *world, const struct cup_column *got)
{
    static const char *const forms[ROWS] = {"1", "-7", "9223372036854775807", "0", "99"};
    static const char *const cards[ROWS] = {"****.org", "", "****", "****2345",
                                            "****\xE2\x82\xAC\xF0\x9F\x98\x80pq"};
    static const char *const money[ROWS] = {"1.50", "", "0.00", "999.99", "0.05"};
    static const int32_t born[ROWS] = {19723, 0, 0, 10957, -719162}; /* 2024, null, 1970, 2000, 1 */
    static const int64_t seen[ROWS] = {1704067200000000, 0, 0, 946684800000000, 0};

    for (uint32_t row = 0; row < ROWS; row++) {
        check_token(world, &got[ID], row, forms[row]);
        CHECK(cup_column_is_null(&got[GONE], row) && cup_column_is_null(&got[NOTE], row));
        CHECK(cup_column_is_null(&got[TAGS], row));
        CHECK(got[NOTE].offsets[row + 1] == 0 && got[TAGS].offsets[row + 1] == 0);
        CHECK(got[BORN].i32[row] == born[row] && got[SEEN].i64[row] == seen[row]);
        CHECK(cup_column_is_null(&got[BORN], row) == (row == 1));
        CHECK(cup_column_is_null(&got[MAIL], row) == (row == 1));
        if (row == 1) {
            CHECK(got[MAIL].offsets[2] == got[MAIL].offsets[1]);
            continue;
        }
        check_token(world, &got[MAIL], row, texts[row]);
        check_token(world, &got[PRICE], row, money[row]);
        check_text(&got[CARD], row, cards[row], strlen(cards[row]));
        check_text(&got[NAME], row, "(hidden)", 8);
    }
}

static void check_masks(const struct world *world)
{
    struct cup_changes      changes = rows_of(world);
    const struct cup_field *raw     = changes.fields;
    const struct cup_field *fields  = cup_masks_fields(world->masks, &changes);

    cup_masks_apply(world->masks, &changes);
    CHECK(changes.fields == fields && fields != raw);
    CHECK(fields[ID].type == CUP_TYPE_STRING && raw[ID].type == CUP_TYPE_LONG);
    CHECK(fields[PRICE].type == CUP_TYPE_STRING && fields[PRICE].precision == 0);
    CHECK(fields[BORN].type == CUP_TYPE_DATE && fields[SEEN].type == CUP_TYPE_TIMESTAMP);
    CHECK(strcmp(fields[COLUMNS].name, raw[COLUMNS].name) == 0);
    check_values(world, changes.columns);
    for (uint32_t i = 0; i < COLUMNS + CUP_SILVER_COUNT; i++) {
        bool same = memcmp(&changes.columns[i], &made[i], sizeof made[i]) == 0;
        CHECK(same == (i == PLAIN || i >= COLUMNS));
        CHECK(changes.columns[i].row_count == ROWS);
    }
    CHECK(changes.columns[NOTE].null_count == ROWS && changes.columns[MAIL].null_count == 1);
    CHECK(changes.columns[TAGS].children->row_count == 0);
    for (int i = 0; i < 2; i++) {
        const struct cup_column *child = &changes.columns[PAIRS].children[i];
        CHECK(child->row_count == 0 && child->vec == CUP_VEC_VAR && child->offsets[0] == 0);
    }
    CHECK(changes.columns[PAIRS].null_count == ROWS && changes.columns[PAIRS].offsets[ROWS] == 0);
    check_values(world, changes.columns); /* and again: nothing was overwritten */

    struct cup_changes plain = cup_decode_changes(world->decode, 0);
    raw                      = plain.fields;
    CHECK(cup_masks_fields(world->masks, &plain) == raw);
    cup_masks_apply(world->masks, &plain);
    CHECK(plain.fields == raw);
}

/* The folder is named after the token; before, only its greatest length is known. */
static void check_partition(const struct world *world)
{
    const struct cup_plan_table *table   = &cup_plan_tables(world->plan)[1];
    struct cup_changes           changes = rows_of(world);
    struct cup_partition_key     key;
    char                         folder[CUP_PARTITION_PATH_BYTES], token[CUP_TOKEN_TEXT_MAX + 1];
    uint32_t                     bad;

    for (uint32_t row = 0; row < ROWS; row++)
        CHECK(cup_partition_check(world->plan, table, changes.columns, row, &bad) ==
              CUP_OUTCOME_ACCEPTED);
    cup_masks_apply(world->masks, &changes);
    CHECK(cup_partition_key(world->plan, table, changes.columns, 4, &key) == CUP_OUTCOME_ACCEPTED);
    cup_partition_folder(world->plan, table, key.at, folder);
    token[cup_token_text(world->token, "99", 2, token)] = '\0';
    CHECK(strncmp(folder, "id=k1%3A", 8) == 0 && strcmp(folder + 8, token + 3) == 0);
}

/* As many rows as there may be, with the longest that each mask makes. */
static void check_full(const struct world *world)
{
    static uint32_t    many[CUP_CHANGES_ROWS + 1];
    static uint8_t     valid[CUP_CHANGES_ROWS / 8], long_text[CUP_CHANGES_ROWS * 20];
    static int64_t     numbers[2 * CUP_CHANGES_ROWS];
    static uint32_t    none[CUP_CHANGES_ROWS + 1];
    struct cup_changes changes = rows_of(world);

    memset(valid, 0xFF, sizeof valid);
    for (uint32_t i = 0; i < CUP_CHANGES_ROWS; i++) {
        memcpy(long_text + 20ul * i,
               "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80"
               "\xF0\x9F\x98\x80",
               20);
        many[i + 1] = 20 * (i + 1);
    }
    for (uint32_t i = 0; i < COLUMNS; i++) {
        made[i].validity  = valid;
        made[i].row_count = CUP_CHANGES_ROWS;
        if (made[i].vec == CUP_VEC_LIST) {
            made[i].offsets = none;
        } else if (made[i].vec == CUP_VEC_VAR) {
            made[i].offsets = many;
            made[i].text    = long_text;
        } else {
            made[i].any = numbers;
        }
    }
    changes.row_count = CUP_CHANGES_ROWS;
    cup_masks_apply(world->masks, &changes);
    check_text(&changes.columns[CARD], CUP_CHANGES_ROWS - 1,
               "****\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80", 20);
    check_text(&changes.columns[NAME], CUP_CHANGES_ROWS - 1, "(hidden)", 8);
    check_token(world, &changes.columns[ID], CUP_CHANGES_ROWS - 1, "0");
    check_token(world, &changes.columns[PRICE], 0, "0.00");
}

int main(void)
{
    struct world world;

    open_world(&world);
    check_masks(&world);
    check_partition(&world);
    check_full(&world);
    close_world(&world);
    return 0;
}
