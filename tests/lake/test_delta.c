// SPDX-License-Identifier: Apache-2.0
/* Goal:   what is written to a log is what a reader of the log gets; a log that cannot be trusted
 *         is refused, and the fault says which version or line.
 * Method: texts of actions against the protocol's examples; logs in memory, random adds and removes
 *         against a plain list; checkpoints written and read; one damaged log per rule. */
#include "lake/delta.h"

#include <inttypes.h>

#include "lake/delta_priv.h"
#include "tests/check.h"

/* --- a table folder in memory --- */

#define FILES_MAX 512u

struct folder {
    char           *names[FILES_MAX];
    struct cup_text texts[FILES_MAX];
    uint32_t        count, get_count;
};

static struct cup_text *folder_file(struct folder *folder, const char *name)
{
    for (uint32_t i = 0; i < folder->count; i++)
        if (strcmp(folder->names[i], name) == 0) return &folder->texts[i];
    return NULL;
}

static struct cup_text *folder_put(struct folder *folder, const char *name)
{
    struct cup_text *text = folder_file(folder, name);

    if (text != NULL) {
        cup_text_clear(text);
        return text;
    }
    CHECK(folder->count < FILES_MAX);
    folder->names[folder->count] = strdup(name);
    return &folder->texts[folder->count++];
}

static void folder_remove(struct folder *folder, const char *name)
{
    for (uint32_t i = 0; i < folder->count; i++) {
        if (strcmp(folder->names[i], name) != 0) continue;
        free(folder->names[i]);
        cup_text_free(&folder->texts[i]);
        folder->count--;
        folder->names[i]             = folder->names[folder->count];
        folder->texts[i]             = folder->texts[folder->count];
        folder->texts[folder->count] = (struct cup_text){0};
        return;
    }
    CHECK(!"no such file");
}

static void folder_free(struct folder *folder)
{
    while (folder->count > 0)
        folder_remove(folder, folder->names[0]);
}

static enum cup_err get(void *arg, const char *name, struct cup_text *out,
                        struct cup_fault *out_fault)
{
    struct folder   *folder = arg;
    struct cup_text *text   = folder_file(folder, name);

    folder->get_count++;
    if (text == NULL) return cup_fault_set(out_fault, CUP_NOT_FOUND, "get", name);
    cup_text_put(out, text->at, text->bytes);
    return CUP_OK;
}

static enum cup_err list(void *arg, const char *name, void (*each)(void *, const char *),
                         void *each_arg, struct cup_fault *out_fault)
{
    struct folder *folder = arg;
    size_t         bytes  = strlen(name);

    (void)out_fault;
    for (uint32_t i = folder->count; i > 0; i--) /* any order */
        if (strncmp(folder->names[i - 1], name, bytes) == 0 && folder->names[i - 1][bytes] == '/')
            each(each_arg, folder->names[i - 1] + bytes + 1);
    return CUP_OK;
}

static struct cup_delta_io io_of(struct folder *folder)
{
    return (struct cup_delta_io){.arg = folder, .get = get, .list = list};
}

static struct cup_text *version_file(struct folder *folder, uint64_t version)
{
    char name[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(name, version);
    return folder_put(folder, name);
}

/* --- writing --- */

static const struct cup_field element[] = {{.name = "element", .type = CUP_TYPE_STRING}};
static const struct cup_field entry[]   = {
      {.name = "key", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_REQUIRED},
      {.name = "value", .type = CUP_TYPE_DECIMAL, .precision = 38, .scale = 10}};
static const struct cup_field inner[] = {
    {.name = "x \"y\"", .type = CUP_TYPE_DATE},
    {.name = "m", .type = CUP_TYPE_MAP, .child_count = 2, .children = entry}};
static const struct cup_field fields[] = {
    {.name = "id", .type = CUP_TYPE_LONG, .comment = "the \"key\"\nof it"},
    {.name = "price", .type = CUP_TYPE_DECIMAL, .precision = 18, .scale = 6},
    {.name = "tags", .type = CUP_TYPE_LIST, .child_count = 1, .children = element},
    {.name = "s", .type = CUP_TYPE_STRUCT, .child_count = 2, .children = inner}};
static const struct cup_field ntz[] = {
    {.name        = "l",
     .type        = CUP_TYPE_LIST,
     .child_count = 1,
     .children = (const struct cup_field[]){{.name = "element", .type = CUP_TYPE_TIMESTAMP_NTZ}}}};

static void expect_text(struct cup_text *text, const char *expected)
{
    if (strcmp(text->at, expected) != 0) fprintf(stderr, "%s\n%s\n", text->at, expected);
    CHECK(strcmp(text->at, expected) == 0);
    cup_text_clear(text);
}

static void check_actions(void)
{
    struct cup_text              text = {0};
    struct cup_delta_commit_info info = {.timestamp_ms = 1700000000000,
                                         .operation    = "WRITE",
                                         .epoch_id     = "u-1",
                                         .epoch        = 7,
                                         .blind_append = true};

    cup_delta_put_commit_info(&text, &info);
    expect_text(
        &text,
        "{\"commitInfo\":{\"timestamp\":1700000000000,\"operation\":\"WRITE\","
        "\"operationParameters\":{},\"isBlindAppend\":true,\"engineInfo\":\"cupel/" CUP_VERSION
        "\",\"txnId\":\"u-1\",\"epochId\":\"u-1\",\"epoch\":7}}\n");
    info.epoch_id = "";
    cup_delta_put_commit_info(&text, &info);
    CHECK(strstr(text.at, "txnId") == NULL && strstr(text.at, "epoch") == NULL);
    cup_text_clear(&text);
    cup_delta_put_txn(&text, "cupel-\"x\"", 4711, 5);
    expect_text(&text,
                "{\"txn\":{\"appId\":\"cupel-\\\"x\\\"\",\"version\":4711,\"lastUpdated\":5}}\n");

    const char *const    partition[] = {"p", "a\"b", "q", NULL, NULL};
    struct cup_delta_add add         = {.path             = "p=a%2Fb c/\xc3\xa9\"#?:+x.parquet",
                                        .partition_values = partition,
                                        .bytes            = 2862,
                                        .modified_ms      = 17,
                                        .stats            = "{\"numRecords\":3}",
                                        .data_change      = true};
    cup_delta_put_add(&text, &add);
    expect_text(&text, "{\"add\":{\"path\":\"p=a%252Fb%20c/%C3%A9%22%23%3F%3A%2Bx.parquet\","
                       "\"partitionValues\":{\"p\":\"a\\\"b\",\"q\":null},\"size\":2862,"
                       "\"modificationTime\":17,\"dataChange\":true,"
                       "\"stats\":\"{\\\"numRecords\\\":3}\"}}\n");
    cup_text_free(&text);
}

static void check_schema_texts(void)
{
    struct cup_text  text     = {0};
    struct cup_field required = {
        .name = "r", .type = CUP_TYPE_TIMESTAMP_NTZ, .flags = CUP_FIELD_REQUIRED};
    struct cup_delta_metadata metadata = {.id = "u", .fields = &required, .field_count = 1};

    cup_delta_put_protocol(&text, fields, 4);
    expect_text(&text, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
    cup_delta_put_protocol(&text, ntz, 1);
    expect_text(&text, "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,"
                       "\"readerFeatures\":[\"timestampNtz\"],"
                       "\"writerFeatures\":[\"timestampNtz\"]}}\n");
    cup_delta_put_protocol(&text, &required, 1);
    CHECK(strstr(text.at, "[\"timestampNtz\",\"invariants\"]}}") != NULL);
    cup_text_clear(&text);
    struct cup_field list = ntz[0], inside = ntz[0].children[0]; /* no invariant: containsNull */
    inside.flags  = CUP_FIELD_REQUIRED;
    list.children = &inside;
    cup_delta_put_protocol(&text, &list, 1);
    CHECK(strstr(text.at, "invariants") == NULL);
    cup_text_clear(&text);
    cup_delta_schema_string(&text, fields, 3);
    expect_text(&text,
                "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":"
                "true,\"metadata\":{\"comment\":\"the \\\"key\\\"\\nof it\"}},{\"name\":\"price\","
                "\"type\":\"decimal(18,6)\",\"nullable\":true,\"metadata\":{}},{\"name\":\"tags\","
                "\"type\":{\"type\":\"array\",\"elementType\":\"string\",\"containsNull\":true},"
                "\"nullable\":true,\"metadata\":{}}]}");
    cup_delta_put_metadata(&text, &metadata);
    expect_text(&text, "{\"metaData\":{\"id\":\"u\",\"format\":{\"provider\":\"parquet\","
                       "\"options\":{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\","
                       "\\\"fields\\\":[{\\\"name\\\":\\\"r\\\",\\\"type\\\":\\\"timestamp_ntz\\\","
                       "\\\"nullable\\\":false,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[],"
                       "\"configuration\":{},\"createdTime\":0}}\n");
    cup_text_free(&text);
}

/* --- a whole table --- */

static void create(struct folder *folder, const char *configuration)
{
    static const char *const  columns[] = {"p", NULL};
    struct cup_delta_metadata metadata  = {.id          = "6f1c0d1e-0000-4000-8000-000000000001",
                                           .description = "a \"table\"",
                                           .configuration_json = configuration,
                                           .fields             = fields,
                                           .field_count        = 4,
                                           .partition_columns  = columns,
                                           .created_ms         = 1700000000000};
    struct cup_text          *text      = version_file(folder, 0);

    cup_delta_put_protocol(text, fields, 4);
    cup_delta_put_metadata(text, &metadata);
}

static void put_add(struct cup_text *text, const char *path, uint64_t bytes, uint64_t rows)
{
    char                 stats[64];
    const char *const    partition[] = {"p", "v w", "q", NULL, NULL};
    struct cup_delta_add add         = {
                .path = path, .partition_values = partition, .bytes = bytes, .stats = stats};

    snprintf(stats, sizeof stats, "{\"numRecords\":%" PRIu64 "}", rows);
    cup_delta_put_add(text, &add);
}

static bool same_fields(const struct cup_field *a, const struct cup_field *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool comments = (a[i].comment == NULL) == (b[i].comment == NULL) &&
                        (a[i].comment == NULL || strcmp(a[i].comment, b[i].comment) == 0);
        if (strcmp(a[i].name, b[i].name) != 0 || a[i].type != b[i].type || !comments ||
            a[i].precision != b[i].precision || a[i].scale != b[i].scale ||
            a[i].flags != b[i].flags || a[i].child_count != b[i].child_count ||
            !same_fields(a[i].children, b[i].children, a[i].child_count))
            return false;
    }
    return true;
}

static const struct cup_delta_file *find(const struct cup_delta_state *state, const char *path)
{
    for (uint64_t i = 0; i < state->file_count; i++)
        if (strcmp(state->files[i].path, path) == 0) return &state->files[i];
    return NULL;
}

static void check_state(const struct cup_delta_state *state)
{
    const struct cup_delta_file *file = find(state, "d e/\xc3\xa9%2F.parquet");

    CHECK(state->min_reader == 1 && state->min_writer == 2);
    CHECK(state->reader_features == NULL && state->writer_features == NULL);
    CHECK(strcmp(state->id, "6f1c0d1e-0000-4000-8000-000000000001") == 0);
    CHECK(strcmp(state->description, "a \"table\"") == 0);
    CHECK(strcmp(state->partition_columns_json, "[\"p\"]") == 0);
    CHECK(strcmp(state->configuration_json, "{\"delta.appendOnly\":\"true\"}") == 0);
    CHECK(state->created_ms == 1700000000000);
    CHECK(state->field_count == 4 && same_fields(state->fields, fields, 4));
    CHECK(file != NULL && file->bytes == 99 && file->row_count == 3);
    CHECK(strcmp(file->stats, "{\"numRecords\":3}") == 0);
    CHECK(strcmp(file->partition_json, "{\"p\":\"v w\",\"q\":null}") == 0);
    CHECK(cup_delta_txn_version(state, "app") == 12);
    CHECK(cup_delta_txn_version(state, "other \"app\"") == 1);
    CHECK(cup_delta_txn_version(state, "ap") == 0);
}

static void store_checkpoint(struct folder *folder, const struct cup_delta_state *state)
{
    struct cup_text file = {0}, last = {0};
    char            name[CUP_DELTA_NAME_BYTES], expected[200];

    CHECK(cup_delta_checkpoint(state, &file, &last, NULL) == CUP_OK);
    snprintf(expected, sizeof expected,
             "{\"version\":%" PRIu64 ",\"size\":%" PRIu64
             ",\"sizeInBytes\":%zu,\"numOfAddFiles\":%" PRIu64 "}",
             state->version, state->file_count + state->txn_count + state->tombstone_count + 2,
             file.bytes, state->file_count);
    CHECK(strcmp(last.at, expected) == 0);
    snprintf(name, sizeof name, "_delta_log/%020" PRIu64 ".checkpoint.parquet", state->version);
    struct cup_text *to = folder_put(folder, name);
    cup_text_put(to, file.at, file.bytes);
    cup_text_free(&file);
    cup_text_free(&last);
}

static void check_table(void)
{
    static struct folder    folder;
    struct cup_delta_io     io = io_of(&folder);
    struct cup_delta_state *state;
    struct cup_fault        fault;

    CHECK(cup_delta_load(&io, &state, &fault) == CUP_NOT_FOUND);
    create(&folder, "{\"delta.appendOnly\":\"true\"}");
    CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
    CHECK(state->version == 0 && state->file_count == 0 && state->txn_count == 0);
    struct cup_text *text = version_file(&folder, 1);
    put_add(text, "d e/\xc3\xa9%2F.parquet", 98, 2);
    put_add(text, "b.parquet", 5, 1);
    cup_delta_put_txn(text, "app", 11, 5);
    cup_text_puts(text, "\r\n  \n{\"unknown\":{\"a\":1}}\r\n");
    text = version_file(&folder, 2);
    put_add(text, "d e/\xc3\xa9%2F.parquet", 99, 3); /* again: replaces */
    cup_text_puts(text, "{\"remove\":{\"path\":\"b.parquet\",\"dataChange\":true}}\n"
                        "{\"remove\":{\"path\":\"never.parquet\",\"dataChange\":true}}\n");
    cup_delta_put_txn(text, "app", 12, 6);
    cup_delta_put_txn(text, "other \"app\"", 1, 0);
    (void)version_file(&folder, 3); /* an empty commit */
    folder.get_count = 0;
    CHECK(cup_delta_refresh(state, &io, NULL) == CUP_OK);
    CHECK(folder.get_count == 4 && state->version == 3 && state->file_count == 1);
    check_state(state);
    CHECK(cup_delta_refresh(state, &io, NULL) == CUP_OK && folder.get_count == 5);

    store_checkpoint(&folder, state);
    cup_delta_state_free(state);
    for (uint64_t version = 0; version < 3; version++) {
        char name[CUP_DELTA_NAME_BYTES];
        cup_delta_version_name(name, version);
        folder_remove(&folder, name);
    }
    text = version_file(&folder, 4);
    cup_delta_put_txn(text, "third", 1, 0);
    CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
    CHECK(state->version == 4 && state->file_count == 1 && state->txn_count == 3);
    check_state(state);
    cup_delta_state_free(state);
    cup_delta_state_free(NULL);
    folder_free(&folder);
}

/* --- features --- */

static void check_features(void)
{
    static struct folder      folder;
    struct cup_delta_io       io       = io_of(&folder);
    struct cup_delta_metadata metadata = {.id = "u", .fields = ntz, .field_count = 1};
    struct cup_delta_state   *state;

    struct cup_text *text = version_file(&folder, 0);
    cup_delta_put_protocol(text, ntz, 1);
    cup_delta_put_metadata(text, &metadata);
    for (int round = 0; round < 2; round++) { /* from JSON, then from the checkpoint */
        CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
        CHECK(state->min_reader == 3 && state->min_writer == 7);
        CHECK(strcmp(state->reader_features[0], "timestampNtz") == 0 && !state->reader_features[1]);
        CHECK(strcmp(state->writer_features[0], "timestampNtz") == 0 && !state->writer_features[1]);
        CHECK(same_fields(state->fields, ntz, 1));
        store_checkpoint(&folder, state);
        cup_delta_state_free(state);
    }
    folder_free(&folder);
}

/* --- refusals --- */

#define PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define METADATA(schema)                                                                           \
    "{\"metaData\":{\"id\":\"u\",\"format\":{},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\","   \
    "\\\"fields\\\":[" schema "]}\",\"partitionColumns\":[],\"configuration\":{}}}\n"
#define ADD(rest) "{\"add\":{\"path\":\"a\",\"partitionValues\":{}," rest "}}\n"

static void check_refusals(void)
{
    static const struct {
        const char  *text;
        enum cup_err err;
        uint64_t     line;
    } cases[] = {
        {PROTOCOL METADATA(""), CUP_OK, 0},
        {PROTOCOL, CUP_CORRUPT, 0},
        {METADATA(""), CUP_CORRUPT, 0},
        {PROTOCOL METADATA("") ADD("\"size\":3"), CUP_OK, 0},
        {PROTOCOL METADATA("") ADD("\"siz\":3"), CUP_CORRUPT, 3},
        {PROTOCOL METADATA("") ADD("\"size\":3.0"), CUP_CORRUPT, 3},
        {PROTOCOL METADATA("") ADD("\"size\":99999999999999999999"), CUP_CORRUPT, 3},
        {PROTOCOL METADATA("") ADD("\"size\":3,\"deletionVector\":{}"), CUP_UNSUPPORTED, 3},
        {PROTOCOL METADATA("") ADD("\"size\":3,\"deletionVector\":null"), CUP_OK, 0},
        {PROTOCOL METADATA("") "\n{\"add\":{\"path\":\"a%2\",\"size\":1}}", CUP_CORRUPT, 4},
        {PROTOCOL METADATA("") "{\"add\":{\"path\":\"a%00\",\"size\":1}}", CUP_CORRUPT, 3},
        {PROTOCOL METADATA("") "{\"add\":{\"path\":\"file:///a\",\"size\":1}}", CUP_UNSUPPORTED, 3},
        {PROTOCOL METADATA("") "{\"add\":{\"path\":\"/a\",\"size\":1}}", CUP_UNSUPPORTED, 3},
        {PROTOCOL METADATA("") "{\"txn\":{\"appId\":\"a\"}}", CUP_CORRUPT, 3},
        {PROTOCOL METADATA("") "{\"add\":3}", CUP_CORRUPT, 3},
        {PROTOCOL METADATA("") "{\"commitInfo\":{\"a\":1}", CUP_CORRUPT, 3},
        {"\xef\xbb\xbf" PROTOCOL METADATA(""), CUP_CORRUPT, 1},
        {PROTOCOL METADATA("{\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"void\\\"}"), CUP_UNSUPPORTED,
         2},
        {PROTOCOL METADATA("{\\\"type\\\":\\\"long\\\"}"), CUP_CORRUPT, 2},
        {PROTOCOL METADATA("{\\\"name\\\":\\\"a\\\"}"), CUP_CORRUPT, 2},
        {"{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":"
         "[\"deletionVectors\"],\"writerFeatures\":[\"deletionVectors\"]}}\n" METADATA(""),
         CUP_UNSUPPORTED, 1},
        {"{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7}}\n" METADATA(""),
         CUP_CORRUPT, 1},
        {"{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2,\"readerFeatures\":[]}}\n",
         CUP_CORRUPT, 1},
        {"{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7}}\n", CUP_CORRUPT, 1},
        {"{\"protocol\":{\"minReaderVersion\":4,\"minWriterVersion\":7}}\n", CUP_UNSUPPORTED, 1},
        {PROTOCOL "{\"metaData\":{\"id\":\"u\",\"schemaString\":\"{}\",\"configuration\":"
                  "{\"delta.columnMapping.mode\":\"name\"}}}\n",
         CUP_UNSUPPORTED, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct folder    folder;
        struct cup_delta_io     io    = io_of(&folder);
        struct cup_delta_state *state = NULL;
        struct cup_fault        fault = {0};
        cup_text_puts(version_file(&folder, 0), cases[i].text);
        enum cup_err err = cup_delta_load(&io, &state, &fault);
        if (err != cases[i].err || fault.at_offset != cases[i].line)
            fprintf(stderr, "case %zu: %d at %" PRIu64 ": %s\n", i, err, fault.at_offset,
                    fault.what ? fault.what : "");
        CHECK(err == cases[i].err && fault.at_offset == cases[i].line);
        if (cases[i].line > 0)
            CHECK(strstr(fault.where, "_delta_log/00000000000000000000.json") != NULL);
        cup_delta_state_free(state);
        folder_free(&folder);
    }
}

/* --- gaps and checkpoints --- */

static void expect_load(struct folder *folder, enum cup_err err, const char *where,
                        uint64_t file_count)
{
    struct cup_delta_io     io    = io_of(folder);
    struct cup_delta_state *state = NULL;
    struct cup_fault        fault = {0};
    enum cup_err            got   = cup_delta_load(&io, &state, &fault);

    if (got != err) fprintf(stderr, "got %d: %s %s\n", got, fault.what, fault.where);
    CHECK(got == err);
    if (err == CUP_OK)
        CHECK(state->file_count == file_count);
    else
        CHECK(state == NULL && strstr(fault.where, where) != NULL);
    cup_delta_state_free(state);
}

static void check_gaps(void)
{
    static struct folder    folder;
    struct cup_delta_io     io = io_of(&folder);
    struct cup_delta_state *state;
    char                    path[32];

    create(&folder, NULL);
    for (uint64_t version = 1; version <= 6; version++) {
        snprintf(path, sizeof path, "%" PRIu64 ".parquet", version);
        put_add(version_file(&folder, version), path, version, 1);
        if (version != 4) continue;
        CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
        store_checkpoint(&folder, state);
        cup_delta_state_free(state);
    }
    cup_text_puts(folder_put(&folder, "_delta_log/1.json"), "not a version");
    cup_text_puts(folder_put(&folder, "_delta_log/.00000000000000000007.json.tmp"), "torn");
    cup_text_puts(folder_put(&folder, "_delta_log/_last_checkpoint"), "{\"version\":77}");
    expect_load(&folder, CUP_OK, NULL, 6);
    folder_remove(&folder, "_delta_log/00000000000000000002.json"); /* below the checkpoint */
    expect_load(&folder, CUP_OK, NULL, 6);

    const char      *name       = "_delta_log/00000000000000000004.checkpoint.parquet";
    struct cup_text *checkpoint = folder_file(&folder, name);
    checkpoint->bytes -= 10;
    expect_load(&folder, CUP_CORRUPT, "_delta_log/00000000000000000002.json", 0);
    put_add(version_file(&folder, 2), "2.parquet", 2,
            1); /* all JSON: the torn one is passed over */
    expect_load(&folder, CUP_OK, NULL, 6);
    folder_remove(&folder, "_delta_log/00000000000000000000.json");
    expect_load(&folder, CUP_CORRUPT, name, 0);
    checkpoint = folder_file(&folder, name);
    checkpoint->bytes += 10;
    expect_load(&folder, CUP_OK, NULL, 6);
    folder_remove(&folder, "_delta_log/00000000000000000005.json");
    expect_load(&folder, CUP_CORRUPT, "_delta_log/00000000000000000005.json", 0);
    folder_remove(&folder, "_delta_log/00000000000000000006.json");
    expect_load(&folder, CUP_OK, NULL, 4);
    folder_remove(&folder, name);
    expect_load(&folder, CUP_CORRUPT, "_delta_log/00000000000000000000.json", 0);
    cup_text_puts(folder_put(&folder, "_delta_log/00000000000000000004.checkpoint."
                                      "80a083e8-7026-4e79-81be-64bd76c43a11.parquet"),
                  "x");
    expect_load(&folder, CUP_UNSUPPORTED, "_delta_log", 0);
    folder_free(&folder);
}

/* --- checkpoints in parts --- */

/* A part of two holds all of a table with one file. */
static void put_part(struct folder *folder, uint32_t part, const char *path)
{
    static struct folder    other;
    struct cup_delta_io     io = io_of(&other);
    struct cup_delta_state *state;
    struct cup_text         file = {0}, last = {0};
    char                    name[128];

    create(&other, NULL);
    put_add(version_file(&other, 1), path, part, 1);
    CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
    CHECK(cup_delta_checkpoint(state, &file, &last, NULL) == CUP_OK);
    snprintf(name, sizeof name, "_delta_log/%020u.checkpoint.%010u.0000000002.parquet", 4u, part);
    cup_text_put(folder_put(folder, name), file.at, file.bytes);
    cup_text_free(&file);
    cup_text_free(&last);
    cup_delta_state_free(state);
    folder_free(&other);
}

static void check_parts(void)
{
    static struct folder    folder;
    struct cup_delta_io     io   = io_of(&folder);
    const char *const       torn = "_delta_log/00000000000000000004.checkpoint.0000000001";
    struct cup_delta_state *state;

    put_part(&folder, 2, "b.parquet");
    expect_load(&folder, CUP_CORRUPT, "_delta_log/00000000000000000004.checkpoint.0000000002", 0);
    put_part(&folder, 1, "a.parquet");
    put_add(version_file(&folder, 5), "c.parquet", 9, 1);
    CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
    CHECK(state->version == 5 && state->file_count == 3);
    CHECK(cup_delta_find(state, "a.parquet")->bytes == 1);
    CHECK(cup_delta_find(state, "b.parquet")->bytes == 2);
    CHECK(cup_delta_find(state, "d.parquet") == NULL);
    cup_delta_state_free(state);
    folder_remove(&folder, "_delta_log/00000000000000000004.checkpoint.0000000002.0000000002."
                           "parquet");
    expect_load(&folder, CUP_CORRUPT, torn, 0);
    folder_free(&folder);
}

/* --- tombstones and properties --- */

static void put_remove(struct cup_text *text, const char *path, int64_t deleted_ms)
{
    struct cup_delta_file file = {
        .path = (char *)(uintptr_t)path, .partition_json = (char *)(uintptr_t) "{}", .bytes = 3};

    cup_delta_put_remove(text, &file, deleted_ms, false);
}

static void check_tombstones(void)
{
    static struct folder    folder;
    struct cup_delta_io     io = io_of(&folder);
    struct cup_delta_state *state, *again;

    create(&folder, NULL);
    struct cup_text *text = version_file(&folder, 1);
    put_remove(text, "old.parquet", 999);
    put_remove(text, "new \xc3\xa9.parquet", 1000);
    put_remove(text, "twice.parquet", 2000);
    put_remove(text, "back.parquet", 5000);
    text = version_file(&folder, 2);
    put_add(text, "back.parquet", 1, 1);
    put_remove(text, "twice.parquet", 3000);
    CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
    cup_delta_forget(state, 1000);
    for (int round = 0; round < 2; round++) {
        CHECK(state->tombstone_count == 2 && state->file_count == 1);
        CHECK(strcmp(state->tombstones[0].path, "new \xc3\xa9.parquet") == 0);
        CHECK(state->tombstones[0].deleted_ms == 1000);
        CHECK(strcmp(state->tombstones[1].path, "twice.parquet") == 0);
        CHECK(state->tombstones[1].deleted_ms == 3000);
        store_checkpoint(&folder, state);
        CHECK(cup_delta_load(&io, &again, NULL) == CUP_OK);
        cup_delta_state_free(state);
        state = again;
    }
    cup_delta_forget(state, INT64_MAX);
    CHECK(state->tombstone_count == 0);
    cup_delta_state_free(state);
    folder_free(&folder);
}

static void check_durations(void)
{
    static const struct {
        const char *text;
        int64_t     us;
    } cases[] = {
        {"interval 30 days", 30 * 86400000000ll},
        {"interval 1 week", 7 * 86400000000ll},
        {"INTERVAL 2 Hours", 7200000000ll},
        {"1 day 1 second", 86401000000ll},
        {"interval 0 seconds", 0},
        {"interval 1 month", -1},
        {"interval", -1},
        {"", -1},
        {"interval 99999999999999 weeks", -1},
        {"interval -1 days", -1},
        {"interval 5", -1},
        {"interval 3 milliseconds", 3000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct folder    folder;
        struct cup_delta_io     io = io_of(&folder);
        struct cup_delta_state *state;
        char                    properties[128];
        snprintf(properties, sizeof properties, "{\"x\":\"y\",\"%s\":\"%s\"}",
                 CUP_DELTA_LOG_RETENTION, cases[i].text);
        create(&folder, properties);
        CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
        CHECK(cup_delta_duration(state, CUP_DELTA_LOG_RETENTION, -1) == cases[i].us);
        CHECK(cup_delta_duration(state, CUP_DELTA_FILE_RETENTION, 7) == 7);
        CHECK(strcmp(cup_delta_property(state, "x"), "y") == 0);
        CHECK(cup_delta_property(state, "y") == NULL);
        cup_delta_state_free(state);
        folder_free(&folder);
    }
}

/* --- many files --- */

#define PATHS 3000u

static void compare(const struct cup_delta_state *state, const uint64_t *live)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < PATHS; i++)
        count += live[i] != 0;
    CHECK(state->file_count == count);
    for (uint64_t i = 0; i < state->file_count; i++) {
        unsigned number;
        CHECK(sscanf(state->files[i].path, "f%u.parquet", &number) == 1 && number < PATHS);
        CHECK(live[number] == state->files[i].bytes && state->files[i].row_count == live[number]);
    }
}

static void check_many(struct cup_rnd *rnd)
{
    static struct folder    folder;
    static uint64_t         live[PATHS];
    struct cup_delta_io     io   = io_of(&folder);
    uint64_t                next = 1;
    struct cup_delta_state *state, *other;
    char                    path[64];

    create(&folder, NULL);
    CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
    for (uint32_t version = 1; version <= 30; version++) {
        struct cup_text *text = version_file(&folder, version);
        for (uint32_t i = 0; i < 600; i++) {
            uint32_t number = cup_rnd_below(rnd, PATHS);
            snprintf(path, sizeof path, "f%u.parquet", number);
            bool remove = cup_rnd_below(rnd, version % 3 == 0 ? 3 : 100) != 0 && version % 3 == 0;
            if (remove)
                cup_text_printf(text, "{\"remove\":{\"path\":\"%s\",\"dataChange\":true}}\n", path);
            else
                put_add(text, path, next, next);
            live[number] = remove ? 0 : next++;
        }
        CHECK(cup_delta_refresh(state, &io, NULL) == CUP_OK && state->version == version);
        compare(state, live);
    }
    cup_delta_forget(state, 0);
    store_checkpoint(&folder, state);
    CHECK(cup_delta_load(&io, &other, NULL) == CUP_OK);
    compare(other, live);
    cup_delta_state_free(other);
    cup_delta_state_free(state);
    folder_free(&folder);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    check_actions();
    check_schema_texts();
    check_table();
    check_features();
    check_refusals();
    check_gaps();
    check_parts();
    check_tombstones();
    check_durations();
    check_many(&rnd);
    return 0;
}
