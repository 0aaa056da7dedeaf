// SPDX-License-Identifier: Apache-2.0
/* Goal:   pipeline.yaml fills every setting, and each mistake is told with file, line, key and what
 *         is allowed.
 * Method: a file with every key; then one file per mistake. */
#include "control/config/pipeline.h"

#include "lake/parquet.h"
#include "tests/control/fixture.h"

static struct cup_keep keep;
static struct cup_text says;
static const char     *folder;

static enum cup_err load(const char *text, struct cup_settings *settings)
{
    (void)fixture_file(&keep, folder, "p/pipeline.yaml", text);
    char path[512];
    snprintf(path, sizeof(path), "%s/p", folder);
    cup_settings_default(settings);
    return cup_pipeline_load(&keep, cup_keep_string(&keep, path), settings, &says);
}

static void check_all_keys(void)
{
    struct cup_settings s;

    CHECK(setenv("CUPEL_TEST_LAKE", "lakes", 1) == 0);
    CHECK(load("domain: retail\nsource: core\nowner: me\nlake: ${CUPEL_TEST_LAKE}/a$b\n"
               "input:\n  - files: 'x/*.json'\n  - files: [a, /b]\n    form: dump\n"
               "    independent: true\n"
               "limits: {record_bytes_max: 2MiB, depth_max: 5, members_max: 6, key_bytes_max: 7,\n"
               "  number_bytes_max: 8}\ncommit:\n  interval: 5s\n  bytes: 2MiB\n"
               "bronze: {enabled: false}\nsilver: {enabled: true}\nquarantine: {inline: true, "
               "bytes_max: 3MiB}\n"
               "codec: snappy\nstore: posix\nlog_retention: 2d\nfiles:\n  bytes: 2MiB\n  rows: "
               "5000\nkernels: scalar\nworkers: 3\nmemory: 32MiB\nunavailable: gone\n"
               "drift: {columns: ignore, types: quarantine, tables: halt}\n",
               &s) == CUP_OK);
    CHECK(says.bytes == 0);
    CHECK(strcmp(s.name, "p") == 0 && strcmp(s.domain, "retail") == 0);
    CHECK(strcmp(s.source, "core") == 0 && strcmp(s.owner, "me") == 0);
    CHECK(strstr(s.lake, "/p/lakes/a$b") != NULL && s.lake[0] == '/');
    CHECK(s.input_count == 2 && s.inputs[0].pattern_count == 1 && s.inputs[1].pattern_count == 2);
    CHECK(strstr(s.inputs[0].patterns[0], "/p/x/*.json") != NULL);
    CHECK(strcmp(s.inputs[1].patterns[1], "/b") == 0 && s.inputs[1].form == CUP_FORM_DUMP);
    CHECK(s.inputs[1].independent && !s.inputs[0].independent);
    CHECK(s.record_bytes_max == 2u << 20 && s.depth_max == 5 && s.members_max == 6);
    CHECK(s.key_bytes_max == 7 && s.number_bytes_max == 8);
    CHECK(s.commit_ns_max == 5000000000u && s.commit_bytes_max == 2u << 20);
    CHECK(!s.bronze && s.silver && s.quarantine_inline && s.codec == CUP_CODEC_SNAPPY);
    CHECK(s.store == 2 && s.log_retention_ns == 48ull * 3600 * 1000000000);
    CHECK(s.quarantine_max == 3u << 20);
    CHECK(s.file_bytes_max == 2u << 20 && s.file_rows_max == 5000);
    CHECK(strcmp(s.kernels, "scalar") == 0 && s.worker_count == 3 && s.pool_bytes == 32u << 20);
    CHECK(strcmp(s.unavailable, "gone") == 0);
    CHECK(s.drift.of[CUP_CHANGE_COLUMNS] == CUP_DRIFT_IGNORE &&
          s.drift.of[CUP_CHANGE_TYPES] == CUP_DRIFT_QUARANTINE);
    CHECK(s.drift.of[CUP_CHANGE_TABLES] == CUP_DRIFT_HALT);
    CHECK(load("name: other\n", &s) == CUP_OK && strcmp(s.name, "other") == 0);
}

static void check_mistakes(void)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"domain: a\nlimts: {}\n",
         "p/pipeline.yaml:2: limts: there is no such key; allowed here: "
         "name, domain, source, owner, lake, format, metadata_prefix, input, limits, commit, "},
        {"limts: {}\n", "(did you mean limits?)"},
        {"kafka: {password: secret}\n", "(did you mean password_file?)"},
        {"limits:\n  depth: 3\n", ":2: limits.depth: there is no such key; allowed here: "
                                  "record_bytes_max, depth_max, members_max, key_bytes_max, "
                                  "number_bytes_max (did you mean depth_max?)\n"},
        {"limits:\n  depth_max: 0\n",
         ":2: limits.depth_max: 0 is out of range; allowed: 1 to 1024"},
        {"\n\nmemory: lots\n", ":3: memory: \"lots\" is no bytes; allowed: 16777216 to"},
        {"codec: lz4\n", ":1: codec: \"lz4\" is not known; allowed: zstd | snappy | none"},
        {"bronze: {enabled: yes}\n", ":1: bronze.enabled: \"yes\" is not known; allowed: false"},
        {"drift: {types: ignore}\n", "allowed: evolve | quarantine | halt"},
        {"bronze: true\n", ":1: bronze: must be a mapping; allowed here: enabled, encrypt\n"},
        {"name: [a]\n", ":1: name: a list is not allowed; allowed: text"},
        {"lake:\n", ":1: lake: nothing is not allowed; allowed: path"},
        {"input: x\n", ":1: input: must be a list; allowed: - files: 'GLOB'"},
        {"input: []\n", "input: must be a list"},
        {"input:\n  - form: dump\n", ":2: input[].files: is missing; give a glob"},
        {"input:\n  - files: {a: b}\n", ":2: input[].files: must be a glob or a list of globs"},
        {"input:\n  - file: a\n", ":2: input[].file: there is no such key; allowed here: files, "
                                  "form, independent, topics, start (did you mean files?)"},
        {"domain: a\nowner: b\ndomain: c\n", ":3: domain stands twice; the first is in line 1"},
        {"lake: ${CUPEL_NO_SUCH}\n", ":1: the environment has no variable CUPEL_NO_SUCH"},
        {"a: [\n", "p/pipeline.yaml:2: "},
        {"- a\n", ":1: must be a mapping"},
        {"", ":1: must be a mapping"},
    };
    struct cup_settings settings;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(load(cases[i].text, &settings) == CUP_BAD_CONFIG);
        CHECK(fixture_said(&says, cases[i].said));
    }
    CHECK(load("codec: a\nkernels: b\n", &settings) == CUP_BAD_CONFIG); /* all, not the first */
    CHECK(strstr(says.at, ":1: codec") != NULL && fixture_said(&says, ":2: kernels"));
    CHECK(cup_pipeline_load(&keep, "/nonexistent-folder", &settings, &says) == CUP_NOT_FOUND);
    CHECK(fixture_said(&says, "/nonexistent-folder: No such file"));
    CHECK(cup_pipeline_load(&keep, folder, &settings, &says) == CUP_NOT_FOUND);
    CHECK(fixture_said(&says, "/pipeline.yaml: No such file"));
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep   = fixture_keep();
    folder = fixture_folder(&keep);
    check_all_keys();
    check_mistakes();
    fixture_remove(folder);
    cup_keep_close(&keep);
    return 0;
}
