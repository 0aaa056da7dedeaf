// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/json/json.h"
#include "kernels/value/utf8.h"
#include "lake/tool/tool_commands.h"
#include "lake/tool/tool_value.h"

#define HEADERS_BYTES_MAX (32u << 20) /* a record is at most 16 MiB, with escapes twice that */
#define HEADERS_BYTES_MIN (16u << 10) /* nearly all */
#define LINE_BYTES_KEEP   (1u << 20)  /* a longer line's buffer is given back */

struct replay {
    const struct cup_replay_options *options;
    struct cup_records               records;
    struct cup_values                values;
    struct cup_json                 *json; /* for headers of up to json_bytes */
    size_t                           json_bytes;
    struct cup_text                  line, scratch, erased; /* erased: what is, in words */
    struct cup_texts                 made;                  /* inputs whose file was made */
    FILE                            *out, *file;
    uint32_t                         file_input; /* whose file is open */
    bool                             base64;     /* the record's bytes are written so */
    uint64_t                         record_count, left_count; /* left: lines that are no record */
};

/* --- where records go --- */

/* The path of an input's file: no way out of the folder, no .gz, because it is plain text. */
static enum cup_err input_path(const struct replay *replay, const char *input, char *out,
                               struct cup_fault *out_fault)
{
    size_t bytes = strlen(input);

    if (bytes > 3 && strcmp(input + bytes - 3, ".gz") == 0) bytes -= 3;
    for (const char *part = input; part != NULL;) {
        size_t count = strcspn(part, "/");
        if (count == 0 || (count == 1 && part[0] == '.') ||
            (count == 2 && part[0] == '.' && part[1] == '.'))
            return cup_fault_set(out_fault, CUP_CORRUPT,
                                 "an input's name leads out of the folder; replay it alone, to "
                                 "standard output",
                                 input);
        part = part[count] == '/' ? part + count + 1 : NULL;
    }
    int used = snprintf(out, CUP_PATH_BYTES, "%s/%.*s", replay->options->to, (int)bytes, input);
    if (used >= (int)CUP_PATH_BYTES)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", input);
    return CUP_OK;
}

static enum cup_err make_folders(char *path, struct cup_fault *out_fault)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at        = '\0';
        int result = mkdir(path, 0700);
        if (result != 0 && errno != EEXIST)
            return cup_fault_set(out_fault, CUP_IO, "make a folder", path);
        *at = '/';
    }
    return CUP_OK;
}

static enum cup_err close_file(struct replay *replay, struct cup_fault *out_fault)
{
    FILE *file = replay->file;

    replay->file = NULL;
    if (file != NULL && fclose(file) != 0)
        return cup_fault_set(out_fault, CUP_IO, "write", replay->options->to);
    return CUP_OK;
}

/* Opens the file of a record's input: made when it is the first, else appended to. */
static enum cup_err turn_to(struct replay *replay, uint32_t input, struct cup_fault *out_fault)
{
    char        path[CUP_PATH_BYTES];
    const char *name = replay->records.names.list[input];

    if (replay->options->to == NULL) return CUP_OK;
    if (replay->file != NULL && replay->file_input == input) return CUP_OK;
    enum cup_err err = close_file(replay, out_fault);
    if (err == CUP_OK) err = input_path(replay, name, path, out_fault);
    if (err == CUP_OK) err = make_folders(path, out_fault);
    if (err != CUP_OK) return err;
    bool again = cup_texts_find(&replay->made, name, strlen(name)) != CUP_NAME_NONE;
    int  fd    = open(path, O_WRONLY | O_CLOEXEC | (again ? O_APPEND : O_CREAT | O_EXCL), 0600);
    if (fd < 0 && errno == EEXIST)
        return cup_fault_set(out_fault, CUP_EXISTS, "write an input; choose an empty folder", path);
    if (fd < 0) return cup_fault_set(out_fault, CUP_IO, "write an input", path);
    replay->file = fdopen(fd, "a");
    if (replay->file == NULL) {
        close(fd);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "write an input", path);
    }
    if (cup_texts_put(&replay->made, name, strlen(name)) == CUP_NAME_NONE)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "write an input", path);
    replay->file_input = input;
    return CUP_OK;
}

static enum cup_err put_bytes(struct replay *replay, const void *bytes, size_t count,
                              struct cup_fault *out_fault)
{
    FILE *to = replay->file != NULL ? replay->file : replay->out;

    if (fwrite(bytes, 1, count, to) != count || putc('\n', to) == EOF)
        return cup_fault_set(out_fault, CUP_IO, "write a record",
                             replay->file != NULL ? replay->options->to : "standard output");
    return CUP_OK;
}

/* --- one record --- */

static void put_text(struct cup_text *line, const char *name, struct cup_index_text text)
{
    cup_text_puts(line, name);
    if (text.at == NULL)
        cup_text_puts(line, "null");
    else
        cup_text_json(line, text.at, text.bytes);
}

/* What is no text is {"base64":".."}. */
static void put_bytes_of(struct cup_text *line, const char *name, struct cup_index_text bytes)
{
    if (bytes.at == NULL || cup_utf8_valid(bytes.at, bytes.bytes)) {
        put_text(line, name, bytes);
        return;
    }
    cup_text_puts(line, name);
    cup_text_puts(line, "{\"base64\":");
    cup_value_put_base64(line, bytes.at, bytes.bytes);
    cup_text_puts(line, "}");
}

/* Names that an object can hold: texts, none twice. */
static bool names_differ(const struct cup_json_doc *doc, const uint8_t *at)
{
    for (uint32_t a = 1; a < doc->node_count; a = doc->nodes[a].next) {
        if (doc->nodes[a + 1].kind != CUP_JSON_STRING) return false;
        for (uint32_t b = doc->nodes[a].next; b < doc->node_count; b = doc->nodes[b].next) {
            const struct cup_json_node *x = &doc->nodes[a + 1], *y = &doc->nodes[b + 1];
            if (x->bytes == y->bytes && memcmp(at + x->at, at + y->at, x->bytes) == 0) return false;
        }
    }
    return true;
}

/* {"base64":".."}: bytes that are no text. */
static bool is_base64(const struct cup_json_doc *doc, uint32_t at)
{
    const struct cup_json_node *node = &doc->nodes[at];
    return node->kind == CUP_JSON_OBJECT && node->child_count == 1 &&
           doc->nodes[at + 1].kind == CUP_JSON_STRING;
}

static bool are_pairs(const struct cup_json_doc *doc)
{
    const struct cup_json_node *nodes = doc->nodes;

    if (doc->verdict != CUP_JSON_OK || nodes[0].kind != CUP_JSON_ARRAY) return false;
    for (uint32_t i = 1; i < doc->node_count; i = nodes[i].next) {
        if (nodes[i].kind != CUP_JSON_ARRAY || nodes[i].child_count != 2) return false;
        uint32_t name = i + 1, value = nodes[name].next;
        if (nodes[name].kind != CUP_JSON_STRING && !is_base64(doc, name)) return false;
        if (nodes[value].kind != CUP_JSON_STRING && nodes[value].kind != CUP_JSON_NULL &&
            !is_base64(doc, value))
            return false;
    }
    return true;
}

/* A text or null as it stands in the index. */
static void put_raw(struct cup_text *line, const uint8_t *at, const struct cup_json_node *node)
{
    bool quoted = node->kind == CUP_JSON_STRING; /* its quotes are not its own */

    cup_text_puts(line, quoted ? "\"" : "");
    cup_text_put(line, at + node->at, node->bytes);
    cup_text_puts(line, quoted ? "\"" : "");
}

/* ["name", value] pairs as an object; as they are where one cannot hold them. */
static bool put_pairs(struct cup_text *line, const struct cup_json_doc *doc, const uint8_t *at)
{
    const struct cup_json_node *nodes = doc->nodes;

    if (!are_pairs(doc)) return false;
    if (!names_differ(doc, at)) {
        cup_text_put(line, at + nodes[0].at, nodes[0].bytes);
        return true;
    }
    cup_text_puts(line, "{");
    for (uint32_t i = 1; i < doc->node_count; i = nodes[i].next) {
        cup_text_puts(line, i > 1 ? "," : "");
        put_raw(line, at, &nodes[i + 1]);
        cup_text_puts(line, ":");
        put_raw(line, at, &nodes[nodes[i + 1].next]);
    }
    cup_text_puts(line, "}");
    return true;
}

/* A parser takes memory in proportion to its longest text: it is remade for a longer one. */
static enum cup_err grow_parser(struct replay *replay, size_t bytes, struct cup_fault *out_fault)
{
    struct cup_json_limits limits = CUP_JSON_LIMITS_DEFAULT;

    if (replay->json != NULL && bytes <= replay->json_bytes) return CUP_OK;
    if (bytes > HEADERS_BYTES_MAX)
        return cup_fault_set(out_fault, CUP_CORRUPT, "an index row has headers beyond any record",
                             replay->records.index->path);
    cup_json_close(replay->json);
    replay->json       = NULL;
    replay->json_bytes = HEADERS_BYTES_MIN;
    while (replay->json_bytes < bytes)
        replay->json_bytes *= 2;
    return cup_json_open("auto", replay->json_bytes, limits, &replay->json, out_fault);
}

static enum cup_err put_headers(struct replay *replay, struct cup_index_text headers,
                                struct cup_fault *out_fault)
{
    static const char   padding[CUP_JSON_PADDING];
    struct cup_json_doc doc;

    cup_text_puts(&replay->line, ",\"headers\":");
    if (headers.at == NULL) {
        cup_text_puts(&replay->line, "{}");
        return CUP_OK;
    }
    enum cup_err err = grow_parser(replay, headers.bytes, out_fault);
    if (err != CUP_OK) return err;
    cup_text_clear(&replay->scratch);
    cup_text_put(&replay->scratch, headers.at, headers.bytes);
    cup_text_put(&replay->scratch, padding, sizeof padding);
    if (replay->scratch.failed)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read headers", NULL);
    const uint8_t *at = (const uint8_t *)replay->scratch.at;
    cup_json_text(replay->json, at, headers.bytes, &doc);
    if (put_pairs(&replay->line, &doc, at)) return CUP_OK;
    return cup_fault_set(out_fault, CUP_CORRUPT, "an index row has bad headers",
                         replay->records.index->path);
}

static enum cup_err put_dump(struct replay *replay, const struct cup_index_record *record,
                             const struct cup_value *value, struct cup_fault *out_fault)
{
    struct cup_text      *line  = &replay->line;
    struct cup_index_text topic = {0};

    if (record->topic != CUP_NAME_NONE) {
        const char *name = replay->records.names.list[record->topic];
        topic            = (struct cup_index_text){(const uint8_t *)name, (uint32_t)strlen(name)};
    }
    if (line->cap > LINE_BYTES_KEEP) cup_text_free(line);
    cup_text_clear(line);
    put_text(line, "{\"topic\":", topic);
    if (record->has_partition) cup_text_printf(line, ",\"partition\":%" PRId32, record->partition);
    if (record->has_offset) cup_text_printf(line, ",\"offset\":%" PRId64, record->offset);
    if (record->has_timestamp) /* Kafka's timestamps are milliseconds */
        cup_text_printf(line, ",\"timestamp\":%" PRId64, record->timestamp_us / 1000);
    put_bytes_of(line, ",\"key\":", value->key);
    put_bytes_of(line, ",\"value\":", value->value);
    enum cup_err err = put_headers(replay, value->headers, out_fault);
    if (err != CUP_OK) return err;
    cup_text_puts(line, "}");
    if (line->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "write a record", NULL);
    return put_bytes(replay, line->at, line->bytes, out_fault);
}

static enum cup_err put_record(struct replay *replay, const struct cup_index_record *record,
                               struct cup_fault *out_fault)
{
    struct cup_value value = {0};

    enum cup_err err = cup_values_read(&replay->values, record, &value, out_fault);
    if (err == CUP_NOT_FOUND) return CUP_OK; /* erased, and counted */
    if (err == CUP_OK) err = turn_to(replay, record->input, out_fault);
    if (err != CUP_OK) return err;
    if (replay->options->dump && record->kind == CUP_KIND_LINE) {
        replay->left_count++;
        return CUP_OK;
    }
    replay->record_count++;
    if (replay->options->dump || (record->dump && record->kind != CUP_KIND_LINE))
        return put_dump(replay, record, &value, out_fault);
    return put_bytes(replay, value.value.at, value.value.bytes, out_fault);
}

/* --- all of them --- */

static enum cup_err put_all(struct replay *replay, struct cup_fault *out_fault)
{
    for (;;) {
        enum cup_err err = cup_records_next(&replay->records, out_fault);
        if (err == CUP_END) break;
        for (uint64_t i = 0; err == CUP_OK && i < replay->records.count; i++)
            err = put_record(replay, &replay->records.list[i], out_fault);
        if (err != CUP_OK) return err;
    }
    return close_file(replay, out_fault);
}

static enum cup_err replay_pipeline(struct replay *replay, const struct cup_pipeline *pipeline,
                                    struct cup_fault *out_fault)
{
    char              bronze[CUP_PATH_BYTES], name[CUP_PATH_BYTES];
    struct cup_table *index;
    const char       *lake = replay->options->lake;

    int used =
        snprintf(bronze, sizeof bronze, "%s/%s/bronze/%s", lake, pipeline->domain, pipeline->name);
    snprintf(name, sizeof name, "%s/bronze/%s/_index", pipeline->domain, pipeline->name);
    if (used >= (int)sizeof bronze)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", lake);
    enum cup_err err = cup_table_open(lake, name, &index, out_fault);
    if (err == CUP_NOT_FOUND)
        return cup_fault_set(out_fault, err, "find the bronze index; was bronze switched off?",
                             bronze);
    if (err != CUP_OK) return err;
    err = cup_values_open(&replay->values, bronze, replay->options->keys, pipeline->domain,
                          pipeline->name, out_fault);
    replay->values.records = &replay->records;
    if (err == CUP_OK)
        err = cup_records_open(index, &replay->options->filter, &replay->records, out_fault);
    if (err == CUP_OK) err = put_all(replay, out_fault);
    if (err == CUP_OK && replay->record_count + replay->values.keys.erased == 0 &&
        replay->options->filter.input != NULL)
        err = cup_fault_set(out_fault, CUP_NOT_FOUND, "find records of the input",
                            replay->options->filter.input);
    (void)close_file(replay, NULL); /* after a failure nothing is promised of the file */
    cup_records_close(&replay->records);
    cup_keys_put_erased(&replay->values.keys, &replay->erased);
    cup_values_close(&replay->values);
    cup_table_close(index);
    return err;
}

static enum cup_exit run(struct replay *replay, const struct cup_pipelines *pipelines)
{
    const struct cup_replay_options *options = replay->options;
    struct cup_fault                 fault   = {0};

    if (pipelines->count != 1) {
        fprintf(stderr, "cupel-lake: %s: %s\n", options->lake,
                pipelines->count == 0 ? "no such pipeline has a ledger below _cupel"
                                      : "choose one of these with --domain and --pipeline:");
        for (uint32_t i = 0; i < pipelines->count; i++)
            fprintf(stderr, "  %s %s\n", pipelines->list[i].domain, pipelines->list[i].name);
        return pipelines->count == 0 ? CUP_EXIT_PROBLEMS : CUP_EXIT_USAGE;
    }
    if (replay_pipeline(replay, &pipelines->list[0], &fault) == CUP_OK) {
        fprintf(stderr, "cupel-lake: %" PRIu64 " records%s%s\n", replay->record_count,
                replay->erased.bytes > 0 ? "; " : "",
                replay->erased.bytes > 0 ? replay->erased.at : "");
        if (replay->left_count > 0)
            fprintf(stderr,
                    "cupel-lake: %" PRIu64 " lines of dumps that are no records are left out\n",
                    replay->left_count);
        return CUP_EXIT_OK;
    }
    fprintf(stderr, "cupel-lake: %s: %s: %s%s%s", cup_err_text(fault.err), fault.what, fault.where,
            fault.os_errno ? ": " : "", fault.os_errno ? strerror(fault.os_errno) : "");
    if (fault.at_offset > 0) fprintf(stderr, ", at byte %" PRIu64, fault.at_offset);
    fprintf(stderr, " (after %" PRIu64 " records)\n", replay->record_count);
    return CUP_EXIT_PROBLEMS;
}

enum cup_exit cup_replay_run(const struct cup_replay_options *options, FILE *out)
{
    struct cup_pipelines pipelines = {0};
    struct cup_fault     fault     = {0};
    struct replay        replay    = {.options = options, .out = out};

    CUP_ASSERT(options->lake != NULL);
    if (cup_pipelines_find(options->lake, options->domain, options->pipeline, &pipelines, &fault) !=
        CUP_OK) {
        fprintf(stderr, "cupel-lake: %s: this is no lake of cupel (%s)\n", options->lake,
                cup_err_text(fault.err));
        return CUP_EXIT_PROBLEMS;
    }
    enum cup_exit code = run(&replay, &pipelines);
    cup_json_close(replay.json);
    cup_text_free(&replay.line);
    cup_text_free(&replay.scratch);
    cup_text_free(&replay.erased);
    cup_texts_free(&replay.made);
    cup_pipelines_free(&pipelines);
    return code;
}
