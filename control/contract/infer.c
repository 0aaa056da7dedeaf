// SPDX-License-Identifier: Apache-2.0
#include "control/contract/infer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/detect.h"
#include "control/contract/guess.h"
#include "control/schema/names.h"

#define CANDIDATES_MAX 8u

/* --- YAML --- */

static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};

    if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))) return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i], text) == 0) return false;
    }
    return text[strspn(
               text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

/* YAML takes no raw control characters at all. */
void cup_infer_put_string(struct cup_text *text, const char *string)
{
    if (is_plain(string)) {
        cup_text_puts(text, string);
        return;
    }
    cup_text_puts(text, "\"");
    for (const unsigned char *at = (const unsigned char *)string; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            cup_text_printf(text, "\\%c", *at);
        else if (*at < ' ' || *at == 0x7F)
            cup_text_printf(text, "\\u%04x", *at);
        else if (*at == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F)
            cup_text_printf(text, "\\u%04x", *++at);
        else
            cup_text_put(text, at, 1);
    }
    cup_text_puts(text, "\"");
}

static void put_comment(struct cup_text *text, const char *indent, const struct cup_text *comment)
{
    const char *at = comment->at == NULL ? "" : comment->at;

    while (*at != '\0') {
        size_t bytes = strcspn(at, "\n");
        cup_text_printf(text, "%s# %.*s\n", indent, (int)bytes, at);
        at += bytes + (at[bytes] != '\0');
    }
}

static void put_property(struct cup_text *text, const char *indent, const char *property,
                         const char *value, const char *comment)
{
    cup_text_printf(text, "%s- {property: %s, value: ", indent, property);
    cup_infer_put_string(text, value);
    cup_text_printf(text, "}%s%s\n", *comment == '\0' ? "" : " # ", comment);
}

/* --- contracts --- */

static void put_column(struct cup_text *text, const struct cup_sample_table *table,
                       const struct cup_sample_column *column)
{
    struct cup_guess guess;
    char             scale[16];

    cup_guess_column(table, column, &guess);
    if (!guess.storable) {
        cup_text_puts(text, "      # column ");
        cup_infer_put_string(text, column->name);
        cup_text_puts(text, " is left out:\n");
    }
    put_comment(text, "      ", &guess.comment);
    if (guess.storable) {
        cup_text_puts(text, "      - name: ");
        cup_infer_put_string(text, column->name);
        if (*column->comment != '\0') {
            cup_text_puts(text, "\n        description: ");
            cup_infer_put_string(text, column->comment);
        }
        cup_text_printf(text, "\n        logicalType: %s\n        physicalType: %s\n",
                        guess.logical, guess.physical.name);
        if (column->key_place > 0)
            cup_text_printf(text, "        primaryKey: true\n        primaryKeyPosition: %u\n",
                            column->key_place);
        if (guess.required) cup_text_puts(text, "        required: true\n");
        if (guess.physical.wire != NULL) {
            cup_text_puts(text, "        customProperties:\n");
            put_property(text, "          ", "wire", guess.physical.wire, "");
        }
        snprintf(scale, sizeof(scale), "%d", guess.physical.scale);
        if (guess.physical.has_scale)
            cup_text_printf(text, "          - {property: scale, value: \"%s\"}\n", scale);
    }
    cup_guess_free(&guess);
}

/* What a table's format leaves open. */
static void put_format(struct cup_text *text, const struct cup_sample_table *table,
                       enum cup_format format)
{
    if (table->topic != NULL)
        put_property(text, "      ", "topic", table->topic, "its records do not name the table");
    if (format == CUP_FORMAT_DMS)
        cup_text_puts(text,
                      "      # an update may leave columns out: say missing: null or keep, or it "
                      "is refused\n      # - {property: missing, value: \"null\"}\n");
}

/* Images are told by Debezium's envelopes only. */
static void put_identity(struct cup_text *text, const struct cup_sample_table *table,
                         enum cup_format format)
{
    struct cup_text why  = {0};
    bool            full = table->before_full > 0 && table->before_none == 0;

    if (format != CUP_FORMAT_DEBEZIUM && format != CUP_FORMAT_CLOUDEVENTS) return;
    if (table->key_count == 0 && !full) return; /* without a key only whole rows can be named */
    if (table->before_full + table->before_none == 0) {
        cup_text_puts(&why, "no update shows it: confirm");
    } else {
        cup_guess_put_count(&why, full ? table->before_full : table->before_none);
        cup_text_puts(&why, full ? " updates came with the whole row before"
                                 : " updates came without the row before");
    }
    put_property(text, "      ", "replicaIdentity", full ? "full" : "default",
                 why.at == NULL ? "" : why.at);
    cup_text_free(&why);
}

/* Without record keys a person must say the key; what it may be is told. */
static void put_missing_key(struct cup_text *text, struct cup_sample_table *table)
{
    uint32_t count = 0;

    if (table->key_count > 0) return;
    cup_text_puts(text,
                  table->may_have_key
                      ? "    # the records have no key: a table without one, or say primaryKey\n"
                      : "    # these files show no record keys: add primaryKey: true to the "
                        "columns of the key\n");
    for (uint32_t i = 0; i < table->column_count && count < CANDIDATES_MAX; i++) {
        if (!cup_sample_is_unique(table, &table->columns[i])) continue;
        cup_text_puts(text,
                      count == 0 ? "    # never null, never twice in what was inserted: " : ", ");
        cup_infer_put_string(text, table->columns[i].name);
        count++;
    }
    if (count > 0) cup_text_puts(text, "\n");
}

/* The folder above the table's. */
static const char *schema_of(const struct cup_sample_table *table)
{
    const char *schema = *table->schema == '\0' ? table->db : table->schema;
    return *schema == '\0' ? "default" : schema;
}

static void put_head(struct cup_text *text, const struct cup_sample_table *table)
{
    struct cup_text id = {0};

    cup_text_puts(text, "# Inferred by `cupel contract infer` from ");
    cup_guess_put_count(text, table->record_count);
    cup_text_puts(text, table->schema_count > 0
                            ? " records with embedded schemas, which say all types.\n"
                            : " records without schemas: no type is certain.\n# A comment above a "
                              "column says what was seen, and what else it may be. Confirm or "
                              "change it, then delete it.\n");
    if (*table->source != '\0') cup_text_printf(&id, "%s-", table->source);
    cup_text_printf(&id, "%s-%s", schema_of(table), table->table);
    cup_text_puts(text, "apiVersion: v3.1.0\nkind: DataContract\nid: ");
    cup_infer_put_string(text, id.at == NULL ? "" : id.at);
    cup_text_puts(text, "\nname: ");
    cup_infer_put_string(text, table->table);
    cup_text_puts(text, "\nversion: 1.0.0\nstatus: draft\n"
                        "# team: who answers for it; slaProperties: what is promised; "
                        "cupel contract check asks for both\nschema:\n  - name: ");
    cup_infer_put_string(text, table->table);
    cup_text_puts(text, "\n");
    cup_text_free(&id);
}

void cup_infer_put_table(struct cup_text *text, struct cup_sample_table *table,
                         enum cup_format format, const char *source)
{
    CUP_ASSERT(*table->table != '\0');
    put_head(text, table);
    cup_text_puts(text, "    customProperties:\n");
    if (source == NULL && *table->source != '\0')
        put_property(text, "      ", "sourceName", table->source, "");
    if (*table->db != '\0') put_property(text, "      ", "sourceDatabase", table->db, "");
    if (*table->schema != '\0' || *table->db == '\0')
        put_property(text, "      ", "sourceSchema", schema_of(table),
                     *table->schema == '\0' ? "the records name none: choose" : "");
    put_identity(text, table, format);
    put_format(text, table, format);
    put_missing_key(text, table);
    cup_text_puts(text, "    properties:\n");
    for (uint32_t i = 0; i < table->column_count; i++)
        put_column(text, table, &table->columns[i]);
}

/* --- files --- */

static const char *file_name(struct cup_keep *keep, const struct cup_sample_table *table)
{
    struct cup_text text = {0};

    cup_text_printf(&text, "%s.%s", schema_of(table), table->table);
    const char *name = cup_names_folder(keep, text.at == NULL ? "_" : text.at);
    cup_text_free(&text);
    return name;
}

/* A new file; one that exists is somebody's work. */
static enum cup_err write_new(const char *folder, const char *name, const struct cup_text *text,
                              struct cup_text *says)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= PATH_MAX) {
        cup_text_printf(says, "%s: the path is too long\n", folder);
        return CUP_BAD_CONFIG;
    }
    FILE *file = fopen(path, "wxe");
    if (file == NULL) {
        cup_text_printf(says, "%s: %s%s\n", path, strerror(errno),
                        errno == EEXIST ? "; remove it, or choose another folder with --out" : "");
        return errno == EEXIST ? CUP_BAD_CONFIG : CUP_IO;
    }
    bool good = !text->failed && text->at != NULL && fputs(text->at, file) >= 0;
    good &= fclose(file) == 0;
    if (!good) cup_text_printf(says, "%s: cannot be written: %s\n", path, strerror(errno));
    return good ? CUP_OK : CUP_IO;
}

/* Tables whose records name no source need one from the pipeline. */
static bool needs_source(const struct cup_sample *sample)
{
    for (uint32_t i = 0; i < sample->table_count; i++) {
        if (*sample->tables[i].source == '\0') return true;
    }
    return false;
}

static void put_files(struct cup_text *text, const struct cup_infer *infer)
{
    char here[PATH_MAX];

    if (getcwd(here, sizeof(here)) == NULL) here[0] = '\0';
    cup_text_puts(text, "input:\n  - files:\n");
    for (uint32_t i = 0; i < infer->pattern_count; i++) {
        struct cup_text path    = {0};
        const char     *pattern = infer->patterns[i];
        if (*pattern != '/' && *pattern != '~') cup_text_printf(&path, "%s/", here);
        cup_text_puts(&path, pattern);
        cup_text_puts(text, "      - ");
        cup_infer_put_string(text, path.at == NULL ? "" : path.at);
        cup_text_puts(text, "\n");
        cup_text_free(&path);
    }
}

static enum cup_err write_pipeline(const struct cup_infer *infer, const struct cup_sample *sample,
                                   struct cup_text *says)
{
    struct cup_text text = {0};

    cup_text_printf(&text,
                    "# Proposed by `%s`; `cupel help config` explains each key.\n"
                    "#   cupel run FOLDER --lake LAKE --until-end\n",
                    infer->by != NULL ? infer->by : "cupel contract infer");
    if (infer->source != NULL || needs_source(sample)) {
        cup_text_puts(&text, "source: ");
        cup_infer_put_string(&text, infer->source != NULL ? infer->source : "source");
        cup_text_puts(&text, infer->source != NULL ? "\n" : " # the records name none: choose\n");
    }
    if (sample->format != CUP_FORMAT_DEBEZIUM)
        cup_text_printf(&text, "format: %s\n", cup_format_name(sample->format));
    cup_text_puts(&text, "# owner: who answers for the data\n");
    if (infer->input != NULL)
        cup_text_puts(&text, infer->input);
    else
        put_files(&text, infer);
    enum cup_err err = write_new(infer->out, "pipeline.yaml", &text, says);
    cup_text_free(&text);
    return err;
}

static enum cup_err make_folder(const char *path, struct cup_text *says)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST) return CUP_OK;
    cup_text_printf(says, "%s: %s\n", path, strerror(errno));
    return CUP_IO;
}

static enum cup_err write_folder(const struct cup_infer *infer, struct cup_sample *sample,
                                 struct cup_text *says)
{
    char contracts[PATH_MAX];

    if (snprintf(contracts, sizeof(contracts), "%s/contracts", infer->out) >= PATH_MAX) {
        cup_text_printf(says, "%s: the path is too long\n", infer->out);
        return CUP_BAD_CONFIG;
    }
    enum cup_err err = make_folder(infer->out, says);
    if (err == CUP_OK) err = make_folder(contracts, says);
    for (uint32_t i = 0; err == CUP_OK && i < sample->table_count; i++) {
        struct cup_sample_table *table = &sample->tables[i];
        struct cup_text          text = {0}, name = {0};
        if (table->refused != NULL) continue;
        cup_infer_put_table(&text, table, sample->format, infer->source);
        cup_text_printf(&name, "%s.odcs.yaml", file_name(infer->keep, table));
        err = name.at == NULL ? CUP_NO_MEMORY : write_new(contracts, name.at, &text, says);
        if (err == CUP_OK) cup_text_printf(says, "wrote %s/%s\n", contracts, name.at);
        cup_text_free(&name);
        cup_text_free(&text);
    }
    if (err == CUP_OK) err = write_pipeline(infer, sample, says);
    if (err == CUP_OK) cup_text_printf(says, "wrote %s/pipeline.yaml\n", infer->out);
    return err;
}

/* --- report --- */

static void put_report(const struct cup_sample *sample, struct cup_text *says)
{
    cup_guess_put_count(says, sample->record_count);
    cup_text_printf(says, " records of %u file%s:", sample->file_count,
                    sample->file_count == 1 ? "" : "s");
    for (int i = 0; i < CUP_SAMPLE_KIND_COUNT; i++) {
        if (sample->counts[i] == 0) continue;
        cup_text_puts(says, " ");
        cup_guess_put_count(says, sample->counts[i]);
        cup_text_printf(says, " %s,", cup_sample_kind_text((enum cup_sample_kind)i));
    }
    cup_text_printf(says, " %u tables\n", sample->table_count);
    if (sample->left_count > 0)
        cup_text_printf(says,
                        "%u of the files were left before their end: all of their tables had "
                        "shown enough records (--records)\n",
                        sample->left_count);
    for (uint32_t i = 0; i < sample->table_count; i++) {
        const struct cup_sample_table *table = &sample->tables[i];
        if (table->refused == NULL) continue;
        cup_text_printf(says, "table %s.%s is left out: %s\n", schema_of(table), table->table,
                        table->refused);
    }
}

static enum cup_err read_files(const struct cup_infer *infer, struct cup_sample *sample,
                               struct cup_text *says)
{
    struct cup_settings_input input = {
        .patterns = infer->patterns, .pattern_count = infer->pattern_count, .form = CUP_FORM_AUTO};
    struct cup_settings     settings = {.inputs = &input, .input_count = 1};
    struct cup_inputs_file *files;
    uint32_t                count = 0;

    enum cup_err err = cup_inputs_find(infer->keep, &settings, &files, &count, says);
    if (err == CUP_OK && sample->format == CUP_FORMAT_COUNT) {
        uint32_t format = CUP_FORMAT_DEBEZIUM;
        err             = cup_detect_format(files, count, &format, says);
        sample->format  = (enum cup_format)format;
    }
    for (uint32_t i = 0; err == CUP_OK && i < count; i++)
        err = cup_sample_file(sample, &files[i], says);
    return err;
}

enum cup_err cup_infer_run(const struct cup_infer *infer, struct cup_text *out_text,
                           struct cup_text *says)
{
    struct cup_sample sample = {
        .keep = infer->keep, .record_max = infer->record_max, .format = infer->format};
    uint32_t good = 0;

    CUP_ASSERT(infer->pattern_count > 0 && infer->record_max > 0);
    enum cup_err err = read_files(infer, &sample, says);
    if (err != CUP_OK) goto out;
    put_report(&sample, says);
    for (uint32_t i = 0; i < sample.table_count; i++)
        good += sample.tables[i].refused == NULL;
    if (good == 0) {
        cup_text_puts(says,
                      "no table can be inferred: there is no row change that can be read; --format "
                      "says how they are written\n");
        err = CUP_BAD_CONFIG;
    } else if (infer->out != NULL) {
        err = write_folder(infer, &sample, says);
    }
    for (uint32_t i = 0; err == CUP_OK && infer->out == NULL && i < sample.table_count; i++) {
        if (sample.tables[i].refused != NULL) continue;
        if (out_text->bytes > 0) cup_text_puts(out_text, "---\n");
        cup_infer_put_table(out_text, &sample.tables[i], sample.format, infer->source);
    }
out:
    cup_sample_close(&sample);
    return err;
}
