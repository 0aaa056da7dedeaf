// SPDX-License-Identifier: Apache-2.0
#include "lake/delta_priv.h"

#include <string.h>

/* One action in the JSON form. Texts are unescaped into `texts`, because applying an action parses
 * other texts and so ends the life of the line's nodes. */
struct action {
    struct cup_delta_priv_json  json;
    uint32_t                    node; /* the action's object */
    struct cup_delta_priv_arena texts;
    bool                        failed; /* memory is short */
};

static uint32_t member(const struct action *action, const char *name, enum cup_json_kind kind)
{
    uint32_t node = cup_delta_priv_member(&action->json, action->node, name);
    return node != 0 && action->json.doc.nodes[node].kind == kind ? node : 0;
}

static struct cup_delta_priv_text string_of(struct action *action, uint32_t node)
{
    const struct cup_json_node *from = &action->json.doc.nodes[node];
    char                       *copy = cup_delta_priv_take(&action->texts, (size_t)from->bytes + 1);

    if (copy == NULL) {
        action->failed = true;
        return (struct cup_delta_priv_text){0};
    }
    uint32_t bytes = cup_json_unescape(action->json.at + from->at, from->bytes, (uint8_t *)copy);
    CUP_ASSERT(bytes <= from->bytes);
    return (struct cup_delta_priv_text){copy, bytes};
}

static struct cup_delta_priv_text get_string(struct action *action, const char *name)
{
    uint32_t node = member(action, name, CUP_JSON_STRING);
    return node != 0 ? string_of(action, node) : (struct cup_delta_priv_text){0};
}

/* The raw text of a member; it stays in the log's text. */
static struct cup_delta_priv_text get_raw(const struct action *action, const char *name,
                                          enum cup_json_kind kind)
{
    uint32_t                    node = member(action, name, kind);
    const struct cup_json_node *from = &action->json.doc.nodes[node];

    if (node == 0) return (struct cup_delta_priv_text){0};
    return (struct cup_delta_priv_text){(const char *)action->json.at + from->at, from->bytes};
}

static int64_t get_i64(const struct action *action, const char *name, int64_t missing)
{
    int64_t  value;
    uint32_t node = member(action, name, CUP_JSON_NUMBER);
    return node != 0 && cup_delta_priv_i64(&action->json, node, &value) ? value : missing;
}

/* NULL when the list is missing; out of memory or no list of strings sets failed. */
static char **get_list(struct action *action, struct cup_delta_priv_arena *arena, const char *name)
{
    const struct cup_json_node *nodes = action->json.doc.nodes;
    uint32_t                    node  = member(action, name, CUP_JSON_ARRAY);

    if (node == 0) return NULL;
    uint32_t count = nodes[node].child_count;
    char   **list  = cup_delta_priv_take(arena, ((size_t)count + 1) * sizeof *list);
    uint32_t at    = node + 1;
    for (uint32_t i = 0; list != NULL && i < count; i++, at = nodes[at].next) {
        struct cup_delta_priv_text text = {0};
        if (nodes[at].kind == CUP_JSON_STRING) text = string_of(action, at);
        if (text.at != NULL) list[i] = cup_delta_priv_copy(arena, text.at, text.bytes);
        if (list[i] == NULL) action->failed = true;
    }
    if (list == NULL) action->failed = true;
    return list;
}

static enum cup_err apply_add(struct cup_delta_state *state, struct action *action,
                              struct cup_fault *out_fault)
{
    if (member(action, "deletionVector", CUP_JSON_OBJECT) != 0)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a file with a deletion vector", NULL);
    struct cup_delta_priv_add add = {.path = get_string(action, "path"),
                                     .partition_json =
                                         get_raw(action, "partitionValues", CUP_JSON_OBJECT),
                                     .stats       = get_string(action, "stats"),
                                     .bytes       = get_i64(action, "size", -1),
                                     .modified_ms = get_i64(action, "modificationTime", 0)};
    if (action->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    return cup_delta_priv_add(state, &add, out_fault);
}

static enum cup_err apply_remove(struct cup_delta_state *state, struct action *action,
                                 struct cup_fault *out_fault)
{
    struct cup_delta_priv_text path = get_string(action, "path");

    if (action->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    return cup_delta_priv_remove(state, path, get_i64(action, "deletionTimestamp", 0), out_fault);
}

static enum cup_err apply_txn(struct cup_delta_state *state, struct action *action,
                              struct cup_fault *out_fault)
{
    struct cup_delta_priv_text app_id  = get_string(action, "appId");
    int64_t                    version = get_i64(action, "version", -1);
    int64_t                    updated = get_i64(action, "lastUpdated", 0);

    if (action->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    return cup_delta_priv_txn(state, app_id, version, updated, out_fault);
}

static enum cup_err apply_metadata(struct cup_delta_state *state, struct action *action,
                                   struct cup_fault *out_fault)
{
    struct cup_delta_priv_metadata metadata = {
        .id                     = get_string(action, "id"),
        .schema_string          = get_string(action, "schemaString"),
        .description            = get_string(action, "description"),
        .partition_columns_json = get_raw(action, "partitionColumns", CUP_JSON_ARRAY),
        .configuration_json     = get_raw(action, "configuration", CUP_JSON_OBJECT),
        .created_ms             = get_i64(action, "createdTime", 0)};

    if (action->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
    return cup_delta_priv_metadata(state, &metadata, out_fault);
}

static enum cup_err apply_protocol(struct cup_delta_state *state, struct action *action,
                                   struct cup_fault *out_fault)
{
    struct cup_delta_priv_memory *memory = state->memory;

    state->reader_features = state->writer_features = NULL;
    cup_delta_priv_release(&memory->protocol);
    char **reader = get_list(action, &memory->protocol, "readerFeatures");
    char **writer = get_list(action, &memory->protocol, "writerFeatures");
    if (action->failed)
        return cup_fault_set(out_fault, CUP_CORRUPT, "protocol has a bad list of features", NULL);
    return cup_delta_priv_protocol(state, get_i64(action, "minReaderVersion", -1),
                                   get_i64(action, "minWriterVersion", -1), reader, writer,
                                   out_fault);
}

static const struct {
    const char *name;
    enum cup_err (*apply)(struct cup_delta_state *, struct action *, struct cup_fault *);
} actions[] = {
    {"add", apply_add},           {"remove", apply_remove},     {"txn", apply_txn},
    {"metaData", apply_metadata}, {"protocol", apply_protocol},
};

enum cup_err cup_delta_priv_line(struct cup_delta_state *state, const char *at, size_t bytes,
                                 struct cup_fault *out_fault)
{
    struct cup_delta_priv_memory *memory = state->memory;
    struct action                 action = {0};

    CUP_ASSERT(at != NULL);
    enum cup_err err = cup_delta_priv_parse(memory, at, bytes, &action.json, out_fault);
    if (err != CUP_OK) return err;
    /* A line holds one action; unknown ones (commitInfo, cdc, ...) change nothing here. */
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        action.node = cup_delta_priv_member(&action.json, 0, actions[i].name);
        if (action.node == 0) continue;
        if (action.json.doc.nodes[action.node].kind != CUP_JSON_OBJECT)
            return cup_fault_set(out_fault, CUP_CORRUPT, "an action is no object", NULL);
        err = actions[i].apply(state, &action, out_fault);
        break;
    }
    cup_delta_priv_release(&action.texts);
    return err;
}
