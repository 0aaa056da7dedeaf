// SPDX-License-Identifier: Apache-2.0
/* Goal:   replay gives back exactly what came in, and nothing that a checksum does not cover.
 * Method: the inputs of a small lake (NDJSON; a dump with tombstones, empty values, bad lines,
 *         values with a line feed, repeated header names) are compared with the replay; then
 *         bronze is damaged in ways that must end it. */
#include "tests/lake/small_lake_priv.h"

#include "lake/tool/tool_commands.h"

static char     folder[128];
static uint32_t out_number;

static struct small_lake *make(bool no_bronze, uint64_t seed)
{
    struct small_lake *lake = calloc(1, sizeof *lake);
    char               root[200];

    CHECK(lake != NULL);
    snprintf(root, sizeof root, "%s/lake%u", folder, out_number++);
    lake->no_bronze     = no_bronze;
    lake->short_records = seed % 2 == 0; /* one member a file: all start at byte 0 */
    lake_make(lake, root, FAULT_NONE, seed);
    return lake;
}

static void give_back(struct small_lake *lake)
{
    lake_free(lake);
    free(lake);
}

static enum cup_exit replay(const struct small_lake *lake, const char *input, const char *to,
                            struct cup_text *out)
{
    struct cup_replay_options options = {.lake = lake->root, .filter.input = input, .to = to};
    char                     *text    = NULL;
    size_t                    bytes   = 0;
    FILE                     *stream  = open_memstream(&text, &bytes);

    CHECK(stream != NULL);
    enum cup_exit code = cup_replay_run(&options, stream);
    CHECK(fclose(stream) == 0);
    cup_text_clear(out);
    cup_text_put(out, text, bytes);
    free(text);
    return code;
}

static void read_file(const char *path, struct cup_text *out)
{
    char   buffer[65536];
    size_t got;

    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    cup_text_clear(out);
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
        cup_text_put(out, buffer, got);
    fclose(file);
}

static bool equal(const struct cup_text *a, const struct cup_text *b)
{
    return a->bytes == b->bytes && memcmp(a->at, b->at, a->bytes) == 0;
}

static void check_good(uint64_t seed)
{
    struct small_lake *lake = make(false, seed);
    struct cup_text    out  = {0};
    char               to[200], path[400];

    snprintf(to, sizeof to, "%s/out/%u/x", folder, out_number++);
    CHECK(replay(lake, NULL, to, &out) == CUP_EXIT_OK && out.bytes == 0);
    snprintf(path, sizeof path, "%s/sub/a.ndjson", to);
    read_file(path, &out);
    CHECK(equal(&out, &lake->inputs[0]));
    snprintf(path, sizeof path, "%s/d.ndjson", to); /* without .gz */
    read_file(path, &out);
    CHECK(equal(&out, &lake->inputs[1]));

    CHECK(replay(lake, NULL, to, &out) == CUP_EXIT_PROBLEMS); /* never over an existing file */
    CHECK(replay(lake, "sub/a.ndjson", NULL, &out) == CUP_EXIT_OK);
    CHECK(equal(&out, &lake->inputs[0]));
    CHECK(replay(lake, "d.ndjson.gz", NULL, &out) == CUP_EXIT_OK);
    CHECK(equal(&out, &lake->inputs[1]));
    CHECK(replay(lake, NULL, NULL, &out) == CUP_EXIT_OK);
    CHECK(out.bytes == lake->inputs[0].bytes + lake->inputs[1].bytes);
    CHECK(replay(lake, "none.ndjson", NULL, &out) == CUP_EXIT_PROBLEMS && out.bytes == 0);
    cup_text_free(&out);
    give_back(lake);
}

/* The newline of a record is what the index says, so a prefix must end at a record. */
static bool is_prefix(const struct cup_text *part, const struct cup_text *whole)
{
    return part->bytes < whole->bytes && memcmp(part->at, whole->at, part->bytes) == 0 &&
           (part->bytes == 0 || part->at[part->bytes - 1] == '\n');
}

static void check_damage(void)
{
    struct small_lake *lake = make(false, 7);
    struct cup_text    out = {0}, whole = {0};
    char               path[400];
    struct stat        info;
    uint32_t           refused = 0;

    snprintf(path, sizeof path, "%s/default/bronze/run/date=2026-11-21/2.ndjson.gz", lake->root);
    CHECK(stat(path, &info) == 0);
    CHECK(replay(lake, NULL, NULL, &whole) == CUP_EXIT_OK);
    int fd = open(path, O_RDWR);
    for (off_t at = 12; at < info.st_size; at += info.st_size / 9) {
        uint8_t byte;
        CHECK(pread(fd, &byte, 1, at) == 1);
        byte ^= 0x10;
        CHECK(pwrite(fd, &byte, 1, at) == 1);
        /* header fields such as the time are under no checksum, and harmless */
        bool passed = replay(lake, NULL, NULL, &out) == CUP_EXIT_OK;
        CHECK(passed ? equal(&out, &whole) : is_prefix(&out, &whole));
        refused += !passed;
        byte ^= 0x10;
        CHECK(pwrite(fd, &byte, 1, at) == 1);
    }
    CHECK(replay(lake, NULL, NULL, &out) == CUP_EXIT_OK);
    CHECK(refused >= 7);
    CHECK(ftruncate(fd, info.st_size - 1) == 0 && close(fd) == 0);
    CHECK(replay(lake, NULL, NULL, &out) == CUP_EXIT_PROBLEMS);
    CHECK(is_prefix(&out, &whole));
    CHECK(unlink(path) == 0);
    CHECK(replay(lake, NULL, NULL, &out) == CUP_EXIT_PROBLEMS);
    cup_text_free(&out);
    cup_text_free(&whole);
    give_back(lake);
}

static void check_without_bronze(void)
{
    struct small_lake *lake = make(true, 3);
    struct cup_text    out  = {0};

    CHECK(replay(lake, NULL, NULL, &out) == CUP_EXIT_PROBLEMS && out.bytes == 0);
    cup_text_free(&out);
    give_back(lake);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    snprintf(folder, sizeof folder, "/tmp/test_replay_XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    for (uint64_t seed = cup_test_seed; seed < cup_test_seed + 3; seed++)
        check_good(seed);
    check_damage();
    check_without_bronze();
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return 0;
}
