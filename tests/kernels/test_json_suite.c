// SPDX-License-Identifier: Apache-2.0
/* Goal:   our strictness is that of the public JSONTestSuite, and what it leaves open is decided.
 * Method: every file of its test_parsing folder (the first argument) at every level: y_ must be
 *         accepted (but duplicate keys), n_ refused, i_ as the list below says. Exit 77 when the
 *         folder is not there. */
#include "kernels/json/json.h"

#include <dirent.h>

#include "tests/check.h"

#define FILE_BYTES_MAX (1u << 20)

/* Every i_ file that is accepted, and each refused one with its verdict. A number is text here:
 * whether a column can hold it is decided later. */
static const struct {
    const char           *start; /* of the name */
    enum cup_json_verdict verdict;
} decisions[] = {
    {"i_number_", CUP_JSON_OK},
    {"i_object_key_lone_2nd_surrogate", CUP_JSON_UTF8},
    {"i_string_1st_surrogate_but_2nd_missing", CUP_JSON_UTF8},
    {"i_string_1st_valid_surrogate_2nd_invalid", CUP_JSON_UTF8},
    {"i_string_UTF-16LE_with_BOM", CUP_JSON_UTF8},
    {"i_string_UTF-8_invalid_sequence", CUP_JSON_UTF8},
    {"i_string_UTF8_surrogate_U+D800", CUP_JSON_UTF8},
    {"i_string_incomplete_surrogate", CUP_JSON_UTF8},
    {"i_string_invalid_", CUP_JSON_UTF8},
    {"i_string_inverted_surrogates_U+1D11E", CUP_JSON_UTF8},
    {"i_string_iso_latin_1", CUP_JSON_UTF8},
    {"i_string_lone_", CUP_JSON_UTF8},
    {"i_string_not_in_unicode_range", CUP_JSON_UTF8},
    {"i_string_overlong_sequence_", CUP_JSON_UTF8},
    {"i_string_truncated-utf-8", CUP_JSON_UTF8},
    {"i_string_utf16BE_no_BOM", CUP_JSON_SYNTAX},
    {"i_string_utf16LE_no_BOM", CUP_JSON_SYNTAX},
    {"i_structure_500_nested_arrays", CUP_JSON_DEPTH},
    {"i_structure_UTF-8_BOM_empty_object", CUP_JSON_SYNTAX},
    {"y_object_duplicated_key", CUP_JSON_DUPLICATE_KEY},
    {"y_", CUP_JSON_OK},
};

static bool as_decided(const char *name, enum cup_json_verdict verdict)
{
    if (strncmp(name, "n_", 2) == 0) return verdict != CUP_JSON_OK;
    for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++)
        if (strncmp(name, decisions[i].start, strlen(decisions[i].start)) == 0)
            return verdict == decisions[i].verdict;
    return false;
}

static uint32_t read_file(const char *folder, const char *name, uint8_t *out)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t bytes = fread(out, 1, FILE_BYTES_MAX, file);
    CHECK(bytes < FILE_BYTES_MAX && fclose(file) == 0);
    return (uint32_t)bytes;
}

static uint32_t run(const char *level, const char *folder)
{
    static uint8_t   buf[FILE_BYTES_MAX + CUP_JSON_PADDING];
    struct cup_json *json;
    struct cup_fault fault;
    uint32_t         file_count = 0;

    if (cup_json_open(level, FILE_BYTES_MAX, CUP_JSON_LIMITS_DEFAULT, &json, &fault) != CUP_OK) {
        printf("this CPU cannot run %s\n", level);
        return 0;
    }
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        struct cup_json_doc doc;
        const char         *name = entry->d_name;
        if (strchr("yni", name[0]) == NULL || name[1] != '_') continue;
        uint32_t bytes = read_file(folder, name, buf);
        cup_json_text(json, buf, bytes, &doc);
        if (!as_decided(name, doc.verdict))
            fprintf(stderr, "%s %s: verdict %d at %u\n", level, name, (int)doc.verdict, doc.bad_at);
        CHECK(as_decided(name, doc.verdict));
        file_count++;
    }
    CHECK(closedir(dir) == 0);
    cup_json_close(json);
    return file_count;
}

int main(int argc, char **argv)
{
    static const char *const levels[] = {"scalar", "sse42", "avx2", "avx512"};

    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    if (dir == NULL) {
        printf("skipped: no folder of JSONTestSuite given\n");
        return 77;
    }
    CHECK(closedir(dir) == 0);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        uint32_t file_count = run(levels[i], argv[1]);
        CHECK(file_count == 318 || (file_count == 0 && i > 0));
    }
    return 0;
}
