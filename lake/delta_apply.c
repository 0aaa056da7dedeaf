// SPDX-License-Identifier: Apache-2.0
#include "lake/delta_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* The files of a state, found by path: open addressing, linear probing, at most half full. */

static uint64_t hash_path(const char *path)
{
    uint64_t hash = cup_hash_bytes(CUP_HASH_START, path, strlen(path));

    return hash ^ hash >> 29;
}

/* The slot that holds path, or the free slot where it belongs. */
static uint64_t find_slot(const struct cup_delta_state *state, const char *path)
{
    const struct cup_delta_priv_memory *memory = state->memory;
    uint64_t                            mask   = memory->slot_count - 1;
    uint64_t                            slot   = hash_path(path) & mask;

    CUP_ASSERT(memory->slot_count > 0);
    while (memory->slots[slot] != 0 &&
           strcmp(state->files[memory->slots[slot] - 1].path, path) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

static bool grow_slots(struct cup_delta_state *state)
{
    struct cup_delta_priv_memory *memory = state->memory;

    if (memory->slot_count >= 2 * (state->file_count + 1)) return true;
    uint64_t  count = memory->slot_count ? memory->slot_count * 2 : 64;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (slots == NULL) return false;
    free(memory->slots);
    memory->slots      = slots;
    memory->slot_count = count;
    for (uint64_t i = 0; i < state->file_count; i++)
        slots[find_slot(state, state->files[i].path)] = (uint32_t)i + 1;
    return true;
}

static bool grow_files(struct cup_delta_state *state)
{
    struct cup_delta_priv_memory *memory = state->memory;

    if (state->file_count < memory->file_cap) return true;
    if (state->file_count >= UINT32_MAX / 2) return false; /* slots count files in 32 bits */
    uint64_t               cap   = memory->file_cap ? memory->file_cap * 2 : 32;
    struct cup_delta_file *files = realloc(state->files, cap * sizeof *files);
    if (files == NULL) return false;
    state->files     = files;
    memory->file_cap = cap;
    return true;
}

/* Closes the hole that a removal left: later entries of the same run move up. */
static void free_slot(struct cup_delta_state *state, uint64_t hole)
{
    struct cup_delta_priv_memory *memory = state->memory;
    uint64_t                      mask   = memory->slot_count - 1;

    CUP_ASSERT(hole <= mask);
    memory->slots[hole] = 0;
    for (uint64_t at = (hole + 1) & mask; memory->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t entry                                                = memory->slots[at];
        memory->slots[at]                                             = 0;
        memory->slots[find_slot(state, state->files[entry - 1].path)] = entry;
    }
}

/* --- add and remove --- */

/* The decoded path in memory->scratch, NUL-terminated. */
static enum cup_err decode_path(struct cup_delta_priv_memory *memory,
                                struct cup_delta_priv_text path, struct cup_fault *out_fault)
{
    struct cup_text *scratch = &memory->scratch;

    if (path.at == NULL) return cup_fault_set(out_fault, CUP_CORRUPT, "a file has no path", NULL);
    cup_text_clear(scratch);
    cup_text_put(scratch, path.at, path.bytes);
    if (scratch->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a path", NULL);
    if (!cup_delta_priv_decode_path(scratch->at, &scratch->bytes))
        return cup_fault_set(out_fault, CUP_CORRUPT, "a path is not URI-encoded", scratch->at);
    scratch->at[scratch->bytes] = '\0';
    bool has_scheme             = memmem(path.at, path.bytes, ":/", 2) != NULL;
    if (scratch->at[0] == '/' || has_scheme)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a file lies outside of its table",
                             scratch->at);
    return CUP_OK;
}

/* numRecords of a stats text, UINT64_MAX when it has none: stats are advice, never an error. */
static uint64_t row_count(struct cup_delta_priv_memory *memory, struct cup_delta_priv_text stats)
{
    static const uint8_t       padding[CUP_JSON_PADDING];
    struct cup_delta_priv_json json;
    int64_t                    count;

    if (stats.at == NULL) return UINT64_MAX;
    cup_text_clear(&memory->scratch);
    cup_text_put(&memory->scratch, stats.at, stats.bytes);
    cup_text_put(&memory->scratch, padding, sizeof padding);
    if (memory->scratch.failed) return UINT64_MAX;
    if (cup_delta_priv_parse(memory, memory->scratch.at, stats.bytes, &json, NULL) != CUP_OK)
        return UINT64_MAX;
    if (!cup_delta_priv_i64(&json, cup_delta_priv_member(&json, 0, "numRecords"), &count))
        return UINT64_MAX;
    return count >= 0 ? (uint64_t)count : UINT64_MAX;
}

static char *put_text(char **at, const void *bytes, size_t count)
{
    char *start = *at;

    if (count > 0) memcpy(start, bytes, count);
    start[count] = '\0';
    *at += count + 1;
    return start;
}

/* One block holds all texts of a file; `path` is its start, so freeing path frees the file. */
static enum cup_err make_file(struct cup_delta_priv_memory    *memory,
                              const struct cup_delta_priv_add *add, struct cup_delta_file *out_file,
                              struct cup_fault *out_fault)
{
    struct cup_delta_priv_text partition = add->partition_json;

    enum cup_err err = decode_path(memory, add->path, out_fault);
    if (err != CUP_OK) return err;
    if (partition.at == NULL) partition = (struct cup_delta_priv_text){"{}", 2};
    char *block = malloc(memory->scratch.bytes + partition.bytes + add->stats.bytes + 3);
    if (block == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    struct cup_delta_file file = {.bytes = (uint64_t)add->bytes, .modified_ms = add->modified_ms};
    file.path                  = put_text(&block, memory->scratch.at, memory->scratch.bytes);
    file.partition_json        = put_text(&block, partition.at, partition.bytes);
    if (add->stats.at != NULL) file.stats = put_text(&block, add->stats.at, add->stats.bytes);
    file.row_count = row_count(memory, add->stats);
    *out_file      = file;
    return CUP_OK;
}

enum cup_err cup_delta_priv_add(struct cup_delta_state *state, const struct cup_delta_priv_add *add,
                                struct cup_fault *out_fault)
{
    struct cup_delta_priv_memory *memory = state->memory;
    struct cup_delta_file         file;

    if (add->bytes < 0) return cup_fault_set(out_fault, CUP_CORRUPT, "a file has no size", NULL);
    enum cup_err err = make_file(memory, add, &file, out_fault);
    if (err != CUP_OK) return err;
    if (!grow_files(state) || !grow_slots(state)) {
        free(file.path);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    }
    uint64_t slot = find_slot(state, file.path);
    if (memory->slots[slot] != 0) {
        struct cup_delta_file *old = &state->files[memory->slots[slot] - 1];
        free(old->path);
        *old = file;
        return CUP_OK;
    }
    state->files[state->file_count++] = file;
    memory->slots[slot]               = (uint32_t)state->file_count;
    CUP_ASSERT(state->file_count <= memory->file_cap);
    return CUP_OK;
}

enum cup_err cup_delta_priv_bury(struct cup_delta_state *state, struct cup_delta_priv_text path,
                                 int64_t deleted_ms, struct cup_fault *out_fault)
{
    struct cup_delta_priv_memory *memory = state->memory;

    enum cup_err err = decode_path(memory, path, out_fault);
    if (err != CUP_OK) return err;
    if (state->tombstone_count == memory->tombstone_cap) {
        uint64_t                    cap   = memory->tombstone_cap ? memory->tombstone_cap * 2 : 32;
        struct cup_delta_tombstone *grown = realloc(state->tombstones, cap * sizeof *grown);
        if (grown == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
        state->tombstones     = grown;
        memory->tombstone_cap = cap;
    }
    char *copy = strdup(memory->scratch.at);
    if (copy == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    state->tombstones[state->tombstone_count++] =
        (struct cup_delta_tombstone){.path = copy, .deleted_ms = deleted_ms};
    return CUP_OK;
}

enum cup_err cup_delta_priv_remove(struct cup_delta_state *state, struct cup_delta_priv_text path,
                                   int64_t deleted_ms, struct cup_fault *out_fault)
{
    struct cup_delta_priv_memory *memory = state->memory;

    enum cup_err err = cup_delta_priv_bury(state, path, deleted_ms, out_fault);
    if (err != CUP_OK || state->file_count == 0) return err;
    uint64_t slot = find_slot(state, memory->scratch.at);
    if (memory->slots[slot] == 0) return CUP_OK; /* every reader ignores an unknown path */
    uint32_t gone = memory->slots[slot] - 1;
    uint32_t last = (uint32_t)state->file_count - 1;
    free_slot(state, slot);
    if (gone != last) memory->slots[find_slot(state, state->files[last].path)] = gone + 1;
    free(state->files[gone].path);
    state->files[gone] = state->files[last];
    state->file_count--;
    return CUP_OK;
}

const struct cup_delta_file *cup_delta_find(const struct cup_delta_state *state, const char *path)
{
    const struct cup_delta_priv_memory *memory = state->memory;

    if (state->file_count == 0) return NULL;
    uint32_t found = memory->slots[find_slot(state, path)];
    return found == 0 ? NULL : &state->files[found - 1];
}

/* By path, of one path the newest first. */
static int compare_tombstones(const void *a, const void *b)
{
    const struct cup_delta_tombstone *x = a, *y = b;
    int                               order = strcmp(x->path, y->path);

    return order != 0 ? order : (x->deleted_ms < y->deleted_ms) - (x->deleted_ms > y->deleted_ms);
}

void cup_delta_forget(struct cup_delta_state *state, int64_t before_ms)
{
    struct cup_delta_tombstone *list = state->tombstones;
    uint64_t                    kept = 0;

    if (state->tombstone_count == 0) return;
    qsort(list, state->tombstone_count, sizeof *list, compare_tombstones);
    for (uint64_t i = 0; i < state->tombstone_count; i++) {
        bool twice = kept > 0 && strcmp(list[kept - 1].path, list[i].path) == 0;
        if (twice || list[i].deleted_ms < before_ms || cup_delta_find(state, list[i].path) != NULL)
            free(list[i].path);
        else
            list[kept++] = list[i];
    }
    state->tombstone_count = kept;
}

/* --- txn, metaData, protocol --- */

enum cup_err cup_delta_priv_txn(struct cup_delta_state *state, struct cup_delta_priv_text app_id,
                                int64_t version, int64_t updated_ms, struct cup_fault *out_fault)
{
    struct cup_delta_priv_memory *memory = state->memory;

    if (app_id.at == NULL || version < 0)
        return cup_fault_set(out_fault, CUP_CORRUPT, "a txn has no appId or version", NULL);
    for (uint32_t i = 0; i < state->txn_count; i++) {
        struct cup_delta_txn *txn = &state->txns[i];
        if (strlen(txn->app_id) != app_id.bytes || memcmp(txn->app_id, app_id.at, app_id.bytes))
            continue;
        txn->version    = (uint64_t)version;
        txn->updated_ms = updated_ms;
        return CUP_OK;
    }
    if (state->txn_count == memory->txn_cap) {
        uint32_t              cap  = memory->txn_cap ? memory->txn_cap * 2 : 4;
        struct cup_delta_txn *txns = realloc(state->txns, cap * sizeof *txns);
        if (txns == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
        state->txns     = txns;
        memory->txn_cap = cap;
    }
    char *copy = strndup(app_id.at, app_id.bytes);
    if (copy == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    state->txns[state->txn_count++] = (struct cup_delta_txn){
        .app_id = copy, .version = (uint64_t)version, .updated_ms = updated_ms};
    return CUP_OK;
}

/* Column mapping gives columns other names in the files; nothing here follows that. */
static bool maps_columns(struct cup_delta_priv_memory *memory, struct cup_delta_priv_text json)
{
    static const uint8_t       padding[CUP_JSON_PADDING];
    struct cup_delta_priv_json parsed;

    if (json.at == NULL) return false;
    cup_text_clear(&memory->scratch);
    cup_text_put(&memory->scratch, json.at, json.bytes);
    cup_text_put(&memory->scratch, padding, sizeof padding);
    if (memory->scratch.failed ||
        cup_delta_priv_parse(memory, memory->scratch.at, json.bytes, &parsed, NULL) != CUP_OK)
        return true;
    uint32_t mode = cup_delta_priv_member(&parsed, 0, "delta.columnMapping.mode");
    if (mode == 0) return false;
    const struct cup_json_node *text = &parsed.doc.nodes[mode];
    return text->bytes != 4 || memcmp(parsed.at + text->at, "none", 4) != 0;
}

static enum cup_err keep_metadata(struct cup_delta_state *state, struct cup_delta_priv_arena *arena,
                                  const struct cup_delta_priv_metadata *from,
                                  struct cup_fault                     *out_fault)
{
    static const char             padding[CUP_JSON_PADDING];
    struct cup_delta_priv_memory *memory = state->memory;
    const struct cup_field       *fields;
    uint32_t                      count;
    struct cup_delta_priv_text    columns = from->partition_columns_json;
    struct cup_delta_priv_text    config  = from->configuration_json;

    if (columns.at == NULL) columns = (struct cup_delta_priv_text){"[]", 2};
    if (config.at == NULL) config = (struct cup_delta_priv_text){"{}", 2};
    char *id          = cup_delta_priv_copy(arena, from->id.at, from->id.bytes);
    char *columns_at  = cup_delta_priv_copy(arena, columns.at, columns.bytes);
    char *config_at   = cup_delta_priv_copy(arena, config.at, config.bytes);
    char *description = NULL;
    if (from->description.at != NULL)
        description = cup_delta_priv_copy(arena, from->description.at, from->description.bytes);
    char *schema = cup_delta_priv_take(arena, from->schema_string.bytes + sizeof padding);
    if (!id || !columns_at || !config_at || !schema || (from->description.at && !description))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    memcpy(schema, from->schema_string.at, from->schema_string.bytes);
    enum cup_err err = cup_delta_priv_schema(memory, arena, schema, from->schema_string.bytes,
                                             &fields, &count, out_fault);
    if (err != CUP_OK) return err;
    state->id                     = id;
    state->schema_string          = schema;
    state->description            = description;
    state->partition_columns_json = columns_at;
    state->configuration_json     = config_at;
    state->created_ms             = from->created_ms;
    state->fields                 = (struct cup_field *)fields; /* the state owns them */
    state->field_count            = count;
    return CUP_OK;
}

enum cup_err cup_delta_priv_metadata(struct cup_delta_state               *state,
                                     const struct cup_delta_priv_metadata *metadata,
                                     struct cup_fault                     *out_fault)
{
    struct cup_delta_priv_memory *memory = state->memory;
    struct cup_delta_priv_arena   arena  = {0};

    if (metadata->id.at == NULL || metadata->schema_string.at == NULL)
        return cup_fault_set(out_fault, CUP_CORRUPT, "metaData has no id or schemaString", NULL);
    if (maps_columns(memory, metadata->configuration_json))
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "the table maps its columns", NULL);
    enum cup_err err = keep_metadata(state, &arena, metadata, out_fault);
    if (err != CUP_OK) {
        cup_delta_priv_release(&arena);
        return err;
    }
    cup_delta_priv_release(&memory->metadata);
    memory->metadata     = arena;
    memory->has_metadata = true;
    return CUP_OK;
}

enum cup_err cup_delta_priv_protocol(struct cup_delta_state *state, int64_t reader, int64_t writer,
                                     char **reader_features, char **writer_features,
                                     struct cup_fault *out_fault)
{
    struct cup_delta_priv_memory *memory = state->memory;

    if (reader < 1 || writer < 1)
        return cup_fault_set(out_fault, CUP_CORRUPT, "protocol has no versions", NULL);
    if (reader > 3 || writer > 7)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a newer Delta protocol", NULL);
    bool lists_fit = (reader == 3) == (reader_features != NULL) &&
                     (writer == 7) == (writer_features != NULL) && (reader < 3 || writer == 7);
    if (!lists_fit)
        return cup_fault_set(out_fault, CUP_CORRUPT,
                             "protocol versions and feature lists do not fit", NULL);
    for (uint32_t i = 0; reader_features != NULL && reader_features[i] != NULL; i++)
        if (strcmp(reader_features[i], "timestampNtz") != 0)
            return cup_fault_set(out_fault, CUP_UNSUPPORTED,
                                 "a table feature that cupel cannot read", reader_features[i]);
    state->min_reader      = (uint32_t)reader;
    state->min_writer      = (uint32_t)writer;
    state->reader_features = reader_features;
    state->writer_features = writer_features;
    memory->has_protocol   = true;
    return CUP_OK;
}
