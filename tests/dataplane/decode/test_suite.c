// SPDX-License-Identifier: Apache-2.0
/* Goal:   what the product makes of every file of the public JSONTestSuite, one file one record, is
 *         decided and stays so, whatever the kernels.
 * Method: each file is a record of a batch (an LF in it is white space, no bound) and goes through
 *         decode under the product's defaults at every level; outcome and byte must be those of a
 *         reviewed table (argument 2). With --print the table is written instead. In message mode
 * no n_ file may come further than the syntax, and no y_ file may be stopped by it. */
#include <dirent.h>
#include <stdlib.h>

#include "kernels/json/json.h"
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define FILES          318u
#define FILE_BYTES_MAX (1u << 20)
#define NAME_BYTES     160u

struct decision {
    char     name[NAME_BYTES], outcome[32];
    unsigned byte; /* UINT32_MAX: no one byte */
};

static char            names[FILES + 1][NAME_BYTES];
static struct decision golden[FILES + 1];

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static uint32_t list_files(const char *folder)
{
    uint32_t count = 0;
    DIR     *dir   = opendir(folder);

    CHECK(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strchr("yni", entry->d_name[0]) == NULL || entry->d_name[1] != '_') continue;
        CHECK(count < FILES && strlen(entry->d_name) < NAME_BYTES);
        memcpy(names[count++], entry->d_name, strlen(entry->d_name) + 1);
    }
    CHECK(closedir(dir) == 0);
    qsort(names, count, NAME_BYTES, by_name);
    return count;
}

static void add_file(struct cup_harness *harness, const char *folder, const char *name)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    char           path[1024];

    CHECK(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t count = fread(bytes, 1, sizeof bytes, file);
    CHECK(count < sizeof bytes && fclose(file) == 0);
    struct cup_record *record = cup_harness_add_bytes(harness, bytes, count, NULL);
    if (count == 0) record->value_kind = CUP_VALUE_EMPTY;
}

static bool is_syntax(const char *outcome)
{
    static const char *const all[] = {"json_syntax", "utf8", "depth", "empty_value",
                                      "unsupported_encoding"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i], outcome) == 0) return true;
    return false;
}

static void check_file(const struct decision *due, const char *outcome, unsigned byte)
{
    if (strcmp(due->outcome, outcome) != 0 || due->byte != byte)
        fprintf(stderr, "%s: %s at %u, the table says %s at %u\n", due->name, outcome, byte,
                due->outcome, due->byte);
    CHECK(strcmp(due->outcome, outcome) == 0 && due->byte == byte);
    if (due->name[0] == 'n') CHECK(is_syntax(outcome));
    if (due->name[0] == 'y') CHECK(!is_syntax(outcome));
}

static void run(const char *level, const char *folder, uint32_t count, bool print)
{
    static const struct cup_spec_column columns[] = {{"id", "long", "int64", .key = 1}};
    static const struct cup_spec_table  tables[]  = {
          {.schema = "s", .table = "t", .columns = columns, .column_count = 1}};
    struct cup_plan *plan =
        cup_spec_plan(&(struct cup_spec){.kernels = level, .tables = tables, .table_count = 1});
    struct cup_harness *harness = cup_harness_open(plan, 16u << 20);
    uint32_t            next    = 0;

    for (uint32_t i = 0; i < count; i++)
        add_file(harness, folder, names[i]);
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE && next == count);
    for (uint32_t i = 0; i < count; i++) {
        const struct cup_verdict *verdict = &harness->verdicts[i];
        const char               *outcome = cup_outcome_name((enum cup_outcome)verdict->outcome);
        if (print)
            printf("%s\t%s\t%d\n", names[i], outcome, (int)verdict->bad_at);
        else
            check_file(&golden[i], outcome, verdict->bad_at);
    }
    cup_harness_close(harness);
}

static void read_table(const char *path, uint32_t count)
{
    FILE *file = fopen(path, "r");
    int   byte;

    CHECK(file != NULL);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(fscanf(file, "%159[^\t]\t%31[^\t]\t%d\n", golden[i].name, golden[i].outcome, &byte) ==
              3);
        golden[i].byte = (unsigned)byte;
        CHECK(strcmp(golden[i].name, names[i]) == 0);
    }
    CHECK(fgetc(file) == EOF && fclose(file) == 0);
}

static bool can_run(const char *level)
{
    struct cup_json *json;
    struct cup_fault fault;

    if (cup_json_open(level, 1u << 16, CUP_JSON_LIMITS_DEFAULT, &json, &fault) != CUP_OK)
        return false;
    cup_json_close(json);
    return true;
}

int main(int argc, char **argv)
{
    static const char *const levels[] = {"scalar", "sse42", "avx2", "avx512"};

    CHECK(argc > 2);
    bool     print = strcmp(argv[2], "--print") == 0;
    uint32_t count = list_files(argv[1]);
    CHECK(count == FILES);
    if (!print) read_table(argv[2], count);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (can_run(levels[i]))
            run(levels[i], argv[1], count, print);
        else
            printf("this CPU cannot run %s\n", levels[i]);
        CHECK(i > 0 || can_run(levels[i]));
        if (print) break;
    }
    return 0;
}
