// SPDX-License-Identifier: Apache-2.0
/* Goal:   patterns name the files that they should, in order, with their forms; and errors name
 *         pattern or file.
 * Method: a folder with files of each form, plain and gzip; groups and topics; each error. */
#include "control/config/inputs.h"

#include <zlib.h>

#include "tests/control/fixture.h"

#define DUMP_LINE "{\"topic\":\"t\",\"partition\":0,\"offset\":7,\"key\":null,\"value\":null}\n"

static struct cup_keep keep;
static struct cup_text says;

static enum cup_err find(const char *const *patterns, uint32_t count, bool independent,
                         uint8_t form, struct cup_inputs_file **out_files, uint32_t *out_count)
{
    struct cup_settings_input input = {.patterns      = (const char **)(uintptr_t)patterns,
                                       .pattern_count = count,
                                       .independent   = independent,
                                       .form          = form};
    struct cup_settings       settings;

    cup_settings_default(&settings);
    settings.inputs      = &input;
    settings.input_count = 1;
    return cup_inputs_find(&keep, &settings, out_files, out_count, &says);
}

static const char *join(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return cup_keep_string(&keep, path);
}

static void write_gzip(const char *path, const char *text)
{
    gzFile file = gzopen(path, "wb");
    CHECK(file != NULL);
    CHECK(gzputs(file, text) > 0 && gzclose(file) == Z_OK);
}

static void check_forms(const char *folder)
{
    struct cup_inputs_file *files;
    uint32_t                count;
    const char             *all[] = {join(folder, "forms/*")};

    (void)fixture_file(&keep, folder, "forms/1-plain", "\n \r\n{\"op\":\"c\"}\n");
    (void)fixture_file(&keep, folder, "forms/2-dump", "\n\n  " DUMP_LINE);
    write_gzip(join(folder, "forms/3-gz"), DUMP_LINE);
    write_gzip(join(folder, "forms/4-gz"), "{\"topic\":1,\"value\":2}\n");
    (void)fixture_file(&keep, folder, "forms/5-empty", "");
    (void)fixture_file(&keep, folder, "forms/6-broken", "{\"topic\":\n");
    (void)fixture_file(&keep, folder, "forms/7-other", "{\"topic\":\"t\",\"offset\":1}\n");
    CHECK(find(all, 1, false, CUP_FORM_AUTO, &files, &count) == CUP_OK && count == 7);
    CHECK(files[6].form == CUP_INPUT_NDJSON);
    CHECK(files[0].form == CUP_INPUT_NDJSON && !files[0].gzip);
    CHECK(files[1].form == CUP_INPUT_DUMP && !files[1].gzip);
    CHECK(files[2].form == CUP_INPUT_DUMP && files[2].gzip);
    CHECK(files[3].form == CUP_INPUT_NDJSON && files[3].gzip);
    CHECK(files[4].form == CUP_INPUT_NDJSON && files[4].bytes == 0);
    CHECK(files[5].form == CUP_INPUT_NDJSON);
    CHECK(strcmp(files[0].topic, "1-plain") == 0 && files[0].path[0] == '/');
    CHECK(find(all, 1, false, CUP_FORM_DUMP, &files, &count) == CUP_OK);
    CHECK(files[0].form == CUP_INPUT_DUMP && files[3].form == CUP_INPUT_DUMP);
}

static void check_order_and_groups(const char *folder)
{
    struct cup_inputs_file *files;
    uint32_t                count;
    const char             *two[] = {join(folder, "in/b*/x"), join(folder, "in/*/x")};

    (void)fixture_file(&keep, folder, "in/c/x", "{}");
    (void)fixture_file(&keep, folder, "in/a/x", "{}");
    (void)fixture_file(&keep, folder, "in/b/x", "{}");
    CHECK(find(two, 2, false, CUP_FORM_AUTO, &files, &count) == CUP_OK && count == 3);
    CHECK(strstr(files[0].path, "/in/a/x") && strstr(files[2].path, "/in/c/x"));
    CHECK(strcmp(files[0].topic, "a/x") == 0); /* below the last plain folder of its pattern */
    CHECK(files[0].group == 0 && files[2].group == 0);
    CHECK(find(two, 2, true, CUP_FORM_AUTO, &files, &count) == CUP_OK && count == 3);
    CHECK(files[0].group == 0 && files[1].group == 1 && files[2].group == 2);
    const char *one[] = {join(folder, "in/a/x")};
    CHECK(find(one, 1, false, CUP_FORM_AUTO, &files, &count) == CUP_OK);
    CHECK(count == 1 && strcmp(files[0].topic, "x") == 0);
}

/* Entries go to the shards in turn; what is left has groups without holes. */
static void check_shards(const char *folder)
{
    struct cup_inputs_file   *files;
    uint32_t                  count, sum = 0;
    const char               *patterns[3];
    struct cup_settings_input inputs[3];
    struct cup_settings       settings;

    for (uint32_t i = 0; i < 3; i++) {
        static const char *const names[] = {"in/*/x", "forms/*", "more/*"};
        patterns[i]                      = join(folder, names[i]);
        inputs[i]                        = (struct cup_settings_input){.patterns = &patterns[i]};
        inputs[i].pattern_count          = 1;
        inputs[i].independent            = i == 0;
    }
    (void)fixture_file(&keep, folder, "more/a", "{}");
    cup_settings_default(&settings);
    settings.inputs      = inputs;
    settings.input_count = 3;
    settings.shard_count = 2;
    for (settings.shard = 0; settings.shard < 2; settings.shard++) {
        CHECK(cup_inputs_find(&keep, &settings, &files, &count, &says) == CUP_OK && count == 11);
        count = cup_inputs_keep(&settings, files, count);
        sum += count;
        CHECK(count == (settings.shard == 0 ? 4 : 7));
        for (uint32_t i = 0; i < count; i++) {
            CHECK(files[i].entry % 2 == settings.shard);
            CHECK(files[i].group == (settings.shard == 0 ? i : 0));
        }
    }
    CHECK(sum == 11);
    settings.shard_count = 5;
    settings.shard       = 4;
    CHECK(cup_inputs_find(&keep, &settings, &files, &count, &says) == CUP_OK);
    CHECK(cup_inputs_keep(&settings, files, count) == 0);
}

static void check_errors(const char *folder)
{
    struct cup_inputs_file *files  = NULL;
    uint32_t                count  = 77;
    const char             *none[] = {join(folder, "none/*")}, *dir[] = {join(folder, "in/a")};
    const char             *same[] = {join(folder, "in/a/x")};

    CHECK(find(none, 1, false, CUP_FORM_AUTO, &files, &count) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "none/*: no file matches"));
    CHECK(find(dir, 1, false, CUP_FORM_AUTO, &files, &count) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "in/a: is a folder"));
    struct cup_settings_input twice[2] = {{.patterns = same, .pattern_count = 1},
                                          {.patterns = same, .pattern_count = 1}};
    struct cup_settings       settings;
    cup_settings_default(&settings);
    settings.inputs      = twice;
    settings.input_count = 2;
    CHECK(cup_inputs_find(&keep, &settings, &files, &count, &says) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "in/a/x: belongs to two entries"));
    CHECK(files == NULL && count == 77); /* untouched */
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep               = fixture_keep();
    const char *folder = fixture_folder(&keep);
    check_forms(folder);
    check_order_and_groups(folder);
    check_shards(folder);
    check_errors(folder);
    fixture_remove(folder);
    cup_keep_close(&keep);
    return 0;
}
