// SPDX-License-Identifier: Apache-2.0
#include "control/config/pipeline.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/pipeline_priv.h"
#include "control/schema/names.h"
#include "lake/parquet.h"

void cup_pipeline_priv_fail(struct cup_work *work, const struct cup_yaml_node *node,
                            const char *key, const char *what)
{
    cup_yaml_at(&work->yaml, node, work->says);
    cup_text_printf(work->says, "%s%s: %s\n", work->above, key, what);
    work->failed = true;
}

void cup_pipeline_priv_kind(struct cup_work *work, const struct cup_yaml_node *node,
                            enum cup_key key)
{
    struct cup_text why = {0};

    cup_text_printf(&why, "%s is not allowed; allowed: %s",
                    node->kind == CUP_YAML_SCALAR ? "nothing" : cup_yaml_kind_name(node),
                    cup_key_row(key)->unit);
    cup_pipeline_priv_fail(work, node, cup_key_row(key)->key, why.failed ? "is wrong" : why.at);
    cup_text_free(&why);
}

const char *cup_pipeline_priv_path(struct cup_work *work, const char *path)
{
    struct cup_text text = {0};

    if (path[0] == '/') return path;
    cup_text_printf(&text, "%s/%s", work->folder, path);
    const char *joined = text.failed ? path : cup_keep_text(work->keep, text.at, text.bytes);
    cup_text_free(&text);
    return joined;
}

/* --- values --- */

void cup_pipeline_priv_number(struct cup_work *work, const struct cup_yaml_node *node,
                              enum cup_key key, uint64_t *value)
{
    struct cup_text why = {0};

    if (!cup_settings_number(key, node->text, value, &why))
        cup_pipeline_priv_fail(work, node, cup_key_row(key)->key, why.failed ? "is wrong" : why.at);
    cup_text_free(&why);
}

uint32_t cup_pipeline_priv_word(struct cup_work *work, const struct cup_yaml_node *node,
                                enum cup_key key, uint32_t before)
{
    struct cup_text why   = {0};
    uint32_t        index = before;

    if (!cup_settings_word(key, node->text, &index, &why))
        cup_pipeline_priv_fail(work, node, cup_key_row(key)->key, why.failed ? "is wrong" : why.at);
    cup_text_free(&why);
    return index;
}

void cup_pipeline_priv_bool(struct cup_work *work, const struct cup_yaml_node *node,
                            enum cup_key key, bool *value)
{
    *value = cup_pipeline_priv_word(work, node, key, *value) == 1; /* "false | true" */
}

static void set_limit(struct cup_work *work, const struct cup_yaml_node *node, enum cup_key key)
{
    struct cup_settings *settings = work->settings;

    switch (key) {
    case CUP_KEY_RECORD_BYTES_MAX:
        cup_pipeline_priv_number(work, node, key, &settings->record_bytes_max);
        break;
    case CUP_KEY_DEPTH_MAX: cup_pipeline_priv_number(work, node, key, &settings->depth_max); break;
    case CUP_KEY_MEMBERS_MAX:
        cup_pipeline_priv_number(work, node, key, &settings->members_max);
        break;
    case CUP_KEY_KEY_BYTES_MAX:
        cup_pipeline_priv_number(work, node, key, &settings->key_bytes_max);
        break;
    case CUP_KEY_NUMBER_BYTES_MAX:
        cup_pipeline_priv_number(work, node, key, &settings->number_bytes_max);
        break;
    case CUP_KEY_COMMIT_INTERVAL:
        cup_pipeline_priv_number(work, node, key, &settings->commit_ns_max);
        break;
    case CUP_KEY_COMMIT_BYTES:
        cup_pipeline_priv_number(work, node, key, &settings->commit_bytes_max);
        break;
    case CUP_KEY_FILES_BYTES:
        cup_pipeline_priv_number(work, node, key, &settings->file_bytes_max);
        break;
    case CUP_KEY_FILES_ROWS:
        cup_pipeline_priv_number(work, node, key, &settings->file_rows_max);
        break;
    case CUP_KEY_LOG_RETENTION:
        cup_pipeline_priv_number(work, node, key, &settings->log_retention_ns);
        break;
    case CUP_KEY_UPKEEP_SMALL_FILES:
        cup_pipeline_priv_number(work, node, key, &settings->compact_files);
        break;
    case CUP_KEY_UPKEEP_TARGET:
        cup_pipeline_priv_number(work, node, key, &settings->compact_bytes);
        break;
    case CUP_KEY_QUARANTINE_BYTES_MAX:
        cup_pipeline_priv_number(work, node, key, &settings->quarantine_max);
        break;
    case CUP_KEY_BREAKER_RATE:
        cup_pipeline_priv_number(work, node, key, &settings->breaker_ppm);
        break;
    case CUP_KEY_BREAKER_RECORDS:
        cup_pipeline_priv_number(work, node, key, &settings->breaker_records);
        break;
    case CUP_KEY_BREAKER_PAUSE:
        cup_pipeline_priv_number(work, node, key, &settings->breaker_pause_ns);
        break;
    case CUP_KEY_WORKERS: cup_pipeline_priv_number(work, node, key, &settings->worker_count); break;
    default:
        cup_pipeline_priv_number(work, node, key, &settings->pool_bytes);
        break; /* CUP_KEY_MEMORY */
    }
}

/* drift.NAME: the words are those of the kind of change, as key.def says them. */
static void set_drift(struct cup_work *work, const struct cup_yaml_node *node, enum cup_key key)
{
    const char *name = cup_key_row(key)->key + strlen("drift.");

    (void)cup_pipeline_priv_word(work, node, key, 0); /* says what is allowed */
    for (int i = 0; i < CUP_CHANGE_COUNT; i++) {
        if (strcmp(cup_change_row((enum cup_change)i)->name, name) == 0)
            (void)cup_drift_parse((enum cup_change)i, node->text, &work->settings->drift.of[i]);
    }
}

static void set_codec(struct cup_work *work, const struct cup_yaml_node *node)
{
    static const uint32_t codecs[] = {CUP_CODEC_ZSTD, CUP_CODEC_SNAPPY, CUP_CODEC_NONE};
    work->settings->codec          = codecs[cup_pipeline_priv_word(work, node, CUP_KEY_CODEC, 0)];
}

/* A glob, or a list of globs. */
static void set_files(struct cup_work *work, const struct cup_yaml_node *node)
{
    const char *key   = cup_key_row(CUP_KEY_INPUT_FILES)->key;
    bool        one   = node->kind == CUP_YAML_SCALAR;
    uint32_t    count = one ? 1 : node->count;

    if (node->kind == CUP_YAML_MAP || count == 0) {
        cup_pipeline_priv_fail(work, node, key, "must be a glob or a list of globs");
        return;
    }
    work->input->patterns = cup_keep_bytes(work->keep, count * sizeof(*work->input->patterns));
    for (uint32_t i = 0; i < count; i++) {
        const struct cup_yaml_node *item = one ? node : node->children[i];
        if (item->kind != CUP_YAML_SCALAR || item->is_null || *item->text == '\0') {
            cup_pipeline_priv_fail(work, item, key, "must be a glob or a list of globs");
            return;
        }
        work->input->patterns[i] = cup_pipeline_priv_path(work, item->text);
    }
    work->input->pattern_count = count;
}

/* masks: each key a classification, each value a mask. An unquoted null is the mask null. */
static void read_masks(struct cup_work *work, const struct cup_yaml_node *node)
{
    struct cup_settings *settings = work->settings;

    if (node->kind != CUP_YAML_MAP) {
        cup_pipeline_priv_fail(work, node, "masks",
                               "must be a mapping; allowed: CLASSIFICATION: MASK");
        return;
    }
    settings->masks = cup_keep_bytes(work->keep, (node->count + 1ul) * sizeof(*settings->masks));
    for (uint32_t i = 0; i < node->count; i++) {
        const struct cup_yaml_node *value = node->children[i];
        struct cup_mask_rule       *rule  = &settings->masks[settings->mask_count];
        struct cup_text             why   = {0};
        bool                        one   = value->kind == CUP_YAML_SCALAR;
        const char                 *text  = one && value->is_null ? "null" : value->text;
        if (one && cup_mask_parse(text, &rule->choice, &why)) {
            rule->classification = node->keys[i]->text;
            settings->mask_count++;
            continue;
        }
        cup_yaml_at(&work->yaml, value, work->says);
        cup_text_printf(work->says, "masks.%s: %s\n", node->keys[i]->text,
                        one && !why.failed ? why.at : "must be a mask");
        work->failed = true;
        cup_text_free(&why);
    }
}

static void set_value(struct cup_work *work, const struct cup_yaml_node *node, enum cup_key key)
{
    struct cup_settings *settings = work->settings;

    switch (key) {
    case CUP_KEY_INPUT_FILES: set_files(work, node); break;
    case CUP_KEY_NAME: settings->name = node->text; break;
    case CUP_KEY_DOMAIN: settings->domain = node->text; break;
    case CUP_KEY_SOURCE: settings->source = node->text; break;
    case CUP_KEY_OWNER: settings->owner = node->text; break;
    case CUP_KEY_KEYS_FOLDER:
        settings->key_folder = cup_pipeline_priv_path(work, node->text);
        break;
    case CUP_KEY_KEYS_CURRENT: settings->token_id = node->text; break;
    case CUP_KEY_BRONZE_ENCRYPT:
        settings->bronze_encrypt = cup_pipeline_priv_word(work, node, key, 0) == 1;
        break;
    case CUP_KEY_LAKE: settings->lake = cup_pipeline_priv_path(work, node->text); break;
    case CUP_KEY_UNAVAILABLE: settings->unavailable = node->text; break;
    case CUP_KEY_FORMAT: settings->format = cup_pipeline_priv_word(work, node, key, 0); break;
    case CUP_KEY_METADATA_PREFIX: settings->metadata_prefix = node->text; break;
    case CUP_KEY_INPUT_FORM:
        work->input->form = (uint8_t)cup_pipeline_priv_word(work, node, key, 0);
        break;
    case CUP_KEY_INPUT_INDEPENDENT:
        cup_pipeline_priv_bool(work, node, key, &work->input->independent);
        break;
    case CUP_KEY_BRONZE_ENABLED: cup_pipeline_priv_bool(work, node, key, &settings->bronze); break;
    case CUP_KEY_SILVER_ENABLED: cup_pipeline_priv_bool(work, node, key, &settings->silver); break;
    case CUP_KEY_QUARANTINE_INLINE:
        cup_pipeline_priv_bool(work, node, key, &settings->quarantine_inline);
        break;
    case CUP_KEY_UPKEEP_COMPACT:
        settings->compact = cup_pipeline_priv_word(work, node, key, 0) == 0;
        break;
    case CUP_KEY_STORE: settings->store = cup_pipeline_priv_word(work, node, key, 0); break;
    case CUP_KEY_BREAKER_ACTION:
        settings->breaker_action = cup_pipeline_priv_word(work, node, key, 0);
        break;
    case CUP_KEY_CODEC: set_codec(work, node); break;
    case CUP_KEY_KERNELS:
        (void)cup_pipeline_priv_word(work, node, key, 0); /* the name itself goes into the plan */
        settings->kernels = node->text;
        break;
    case CUP_KEY_DRIFT_COLUMNS:
    case CUP_KEY_DRIFT_MISSING:
    case CUP_KEY_DRIFT_WIDEN:
    case CUP_KEY_DRIFT_SCALE:
    case CUP_KEY_DRIFT_TYPES:
    case CUP_KEY_DRIFT_UNITS:
    case CUP_KEY_DRIFT_TABLES:
    case CUP_KEY_DRIFT_DROPPED: set_drift(work, node, key); break;
    default: set_limit(work, node, key); break;
    }
}

/* --- keys --- */

/* password for password_file: a whole word of it. */
static bool begins(const char *key, const char *word)
{
    size_t bytes = strlen(word);
    return bytes > 0 && strncmp(key, word, bytes) == 0 && key[bytes] == '_';
}

static void put_allowed_keys(struct cup_work *work, const char *prefix, const char *wrong)
{
    size_t      bytes = strlen(prefix);
    const char *near = NULL, *comma = "";

    cup_text_puts(work->says, "; allowed here: ");
    for (int i = 0; i < CUP_KEY_COUNT; i++) {
        const char *key  = cup_key_row((enum cup_key)i)->key;
        const char *last = i == 0 ? "" : cup_key_row((enum cup_key)(i - 1))->key;
        if (strncmp(key, prefix, bytes) != 0) continue;
        size_t word = strcspn(key + bytes, ".[");
        bool   same = strncmp(last, key, bytes + word) == 0 && strcspn(last + bytes, ".[") == word;
        if (same) continue;
        cup_text_printf(work->says, "%s%.*s", comma, (int)word, key + bytes);
        comma            = ", ";
        const char *name = cup_keep_text(work->keep, key + bytes, word);
        if (near == NULL && (cup_names_near(wrong, name) || begins(name, wrong))) near = name;
    }
    if (near != NULL) cup_text_printf(work->says, " (did you mean %s?)", near);
    cup_text_puts(work->says, "\n");
}

/* The row whose key is prefix + name; CUP_KEY_COUNT when there is none. */
static enum cup_key find_key(const char *prefix, const char *name)
{
    size_t bytes = strlen(prefix), name_bytes = strlen(name);

    for (int i = 0; i < CUP_KEY_COUNT; i++) {
        const char *key = cup_key_row((enum cup_key)i)->key;
        if (strncmp(key, prefix, bytes) != 0 || strncmp(key + bytes, name, name_bytes) != 0)
            continue;
        const char *rest = key + bytes + name_bytes; /* .<name>: a mapping of any names */
        if (*rest == '\0' || strncmp(rest, ".<", 2) == 0) return (enum cup_key)i;
    }
    return CUP_KEY_COUNT;
}

/* Whether prefix + name is the front of keys, as limits is of limits.depth_max. */
static bool is_group(const char *name)
{
    size_t bytes = strlen(name);

    for (int i = 0; i < CUP_KEY_COUNT; i++) {
        const char *key = cup_key_row((enum cup_key)i)->key;
        if (strncmp(key, name, bytes) == 0 && key[bytes] == '.') return true;
    }
    return false;
}

static void read_key(struct cup_work *work, const char *prefix, const struct cup_yaml_node *name,
                     const struct cup_yaml_node *node)
{
    enum cup_key key = find_key(prefix, name->text);

    if (key == CUP_KEY_COUNT) {
        cup_yaml_at(&work->yaml, name, work->says);
        cup_text_printf(work->says, "%s%s%s: there is no such key", work->above, prefix,
                        name->text);
        put_allowed_keys(work, prefix, name->text);
        work->failed = true;
        return;
    }
    if (!cup_pipeline_priv_takes_any(key) && (node->kind != CUP_YAML_SCALAR || node->is_null)) {
        cup_pipeline_priv_kind(work, node, key);
        return;
    }
    if (cup_pipeline_priv_kafka(work, node, key)) return;
    set_value(work, node, key);
}

void cup_pipeline_priv_group(struct cup_work *work, const char *prefix,
                             const struct cup_yaml_node *node)
{
    if (node->kind != CUP_YAML_MAP) {
        cup_yaml_at(&work->yaml, node, work->says);
        cup_text_printf(work->says, "%s%.*s: must be a mapping", work->above,
                        (int)strcspn(prefix, ".["), prefix);
        put_allowed_keys(work, prefix, "");
        work->failed = true;
        return;
    }
    for (uint32_t i = 0; i < node->count; i++)
        read_key(work, prefix, node->keys[i], node->children[i]);
}

static void read_inputs(struct cup_work *work, const struct cup_yaml_node *node)
{
    if (node->kind != CUP_YAML_LIST || node->count == 0) {
        cup_pipeline_priv_fail(work, node, "input",
                               "must be a list; allowed: - files: 'GLOB', - topics: NAME");
        return;
    }
    work->settings->input_count = node->count;
    work->settings->inputs =
        cup_keep_bytes(work->keep, node->count * sizeof(*work->settings->inputs));
    for (uint32_t i = 0; i < node->count; i++) {
        work->input = &work->settings->inputs[i];
        cup_pipeline_priv_group(work, "input[].", node->children[i]);
        cup_pipeline_priv_entry(work, node->children[i]);
    }
}

static void read_root(struct cup_work *work)
{
    const struct cup_yaml_node *root = work->yaml.root;

    for (uint32_t i = 0; i < root->count; i++) {
        const struct cup_yaml_node *name = root->keys[i], *node = root->children[i];
        if (strcmp(name->text, "input") == 0) {
            read_inputs(work, node);
        } else if (strcmp(name->text, "masks") == 0) {
            read_masks(work, node);
        } else if (is_group(name->text)) {
            struct cup_text prefix = {0};
            cup_text_printf(&prefix, "%s.", name->text);
            if (strcmp(name->text, "output") == 0)
                work->settings->output.kind = CUP_OUTPUT_CHANGES; /* unless publish says raw */
            if (!prefix.failed) cup_pipeline_priv_group(work, prefix.at, node);
            cup_text_free(&prefix);
        } else {
            read_key(work, "", name, node);
        }
    }
}

enum cup_err cup_pipeline_load(struct cup_keep *keep, const char *folder,
                               struct cup_settings *settings, struct cup_text *says)
{
    struct cup_work work = {.keep     = keep,
                            .folder   = folder,
                            .settings = settings,
                            .cluster  = &settings->kafka,
                            .above    = "",
                            .says     = says};
    char            resolved[PATH_MAX];

    CUP_ASSERT(folder != NULL && settings != NULL);
    if (realpath(folder, resolved) == NULL) {
        cup_text_printf(says, "%s: %s\n", folder, strerror(errno));
        return CUP_NOT_FOUND;
    }
    const char  *file = cup_pipeline_priv_path(&work, "pipeline.yaml");
    enum cup_err err  = cup_yaml_load(keep, file, true, &work.yaml, says);
    if (err != CUP_OK) return err;
    const char *slash = strrchr(resolved, '/');
    if (slash[1] != '\0') settings->name = cup_keep_string(keep, slash + 1);
    read_root(&work);
    return work.failed ? CUP_BAD_CONFIG : CUP_OK;
}
