// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_history.h"

#include <stdlib.h>
#include <string.h>

#include "lake/delta_priv.h"

#define ENGINE_PREFIX "cupel/"

struct load {
    const struct cup_table      *table;
    struct cup_history          *history;
    struct cup_delta_priv_memory memory; /* only its parser is used */
    uint64_t                    *versions;
    size_t                       version_count, version_cap;
    uint32_t                    *added; /* paths that the commit at hand adds */
    size_t                       added_count, added_cap;
    bool                         ours, failed;
    bool                         removes; /* the commit at hand takes rows away */
};

static void each_name(void *arg, const char *name)
{
    struct load *load    = arg;
    char        *end     = NULL;
    uint64_t     version = strtoull(name, &end, 10);

    if (end != name + 20 || strcmp(end, ".json") != 0) return;
    if (load->version_count == load->version_cap) {
        size_t    cap   = load->version_cap ? load->version_cap * 2 : 64;
        uint64_t *grown = realloc(load->versions, cap * sizeof *grown);
        if (grown == NULL) {
            load->failed = true;
            return;
        }
        load->versions    = grown;
        load->version_cap = cap;
    }
    load->versions[load->version_count++] = version;
}

/* The number of an action's path; CUP_NAME_NONE when it has none. */
static uint32_t path_of(struct load *load, const struct cup_delta_priv_json *json, uint32_t action)
{
    struct cup_history *history = load->history;
    uint32_t            node    = cup_delta_priv_member(json, action, "path");

    if (node == 0 || json->doc.nodes[node].kind != CUP_JSON_STRING) return CUP_NAME_NONE;
    const struct cup_json_node *text = &json->doc.nodes[node];
    char                       *path = malloc((size_t)text->bytes + 1);
    if (path == NULL) {
        load->failed = true;
        return CUP_NAME_NONE;
    }
    size_t   bytes = cup_json_unescape(json->at + text->at, text->bytes, (uint8_t *)path);
    uint32_t id    = CUP_NAME_NONE;
    if (cup_delta_priv_decode_path(path, &bytes)) id = cup_texts_put(&history->paths, path, bytes);
    free(path);
    if (id == CUP_NAME_NONE || id < history->flag_cap) return id;
    uint8_t *flags = realloc(history->flags, history->paths.cap);
    if (flags == NULL) {
        load->failed = true;
        return CUP_NAME_NONE;
    }
    memset(flags + history->flag_cap, 0, history->paths.cap - history->flag_cap);
    history->flags    = flags;
    history->flag_cap = history->paths.cap;
    return id;
}

static void note_add(struct load *load, uint32_t id)
{
    if (id == CUP_NAME_NONE) return;
    if (load->added_count == load->added_cap) {
        size_t    cap   = load->added_cap ? load->added_cap * 2 : 64;
        uint32_t *grown = realloc(load->added, cap * sizeof *grown);
        if (grown == NULL) {
            load->failed = true;
            return;
        }
        load->added     = grown;
        load->added_cap = cap;
    }
    load->added[load->added_count++] = id;
}

static void note_info(struct load *load, const struct cup_delta_priv_json *json, uint32_t info)
{
    uint32_t node = cup_delta_priv_member(json, info, "engineInfo");

    if (node == 0 || json->doc.nodes[node].kind != CUP_JSON_STRING) return;
    const struct cup_json_node *text = &json->doc.nodes[node];
    load->ours                       = text->bytes >= strlen(ENGINE_PREFIX) &&
                 memcmp(json->at + text->at, ENGINE_PREFIX, strlen(ENGINE_PREFIX)) == 0;
}

/* Bad lines were reported when the table was opened; here they tell nothing. */
static void read_line(struct load *load, const char *at, size_t bytes)
{
    struct cup_delta_priv_json json;

    if (cup_delta_priv_parse(&load->memory, at, bytes, &json, NULL) != CUP_OK) return;
    uint32_t add    = cup_delta_priv_member(&json, 0, "add");
    uint32_t remove = cup_delta_priv_member(&json, 0, "remove");
    uint32_t info   = cup_delta_priv_member(&json, 0, "commitInfo");
    if (info != 0 && json.doc.nodes[info].kind == CUP_JSON_OBJECT) note_info(load, &json, info);
    if (add != 0 && json.doc.nodes[add].kind == CUP_JSON_OBJECT)
        note_add(load, path_of(load, &json, add));
    if (remove == 0 || json.doc.nodes[remove].kind != CUP_JSON_OBJECT) return;
    uint32_t change = cup_delta_priv_member(&json, remove, "dataChange");
    if (change == 0 || json.doc.nodes[change].kind != CUP_JSON_FALSE) load->removes = true;
    uint32_t id = path_of(load, &json, remove);
    if (id != CUP_NAME_NONE) load->history->flags[id] |= CUP_HISTORY_REMOVED;
}

static enum cup_err read_commit(struct load *load, uint64_t version, struct cup_fault *out_fault)
{
    static const char         padding[CUP_JSON_PADDING];
    const struct cup_delta_io io   = load->table->io;
    struct cup_text           text = {0};
    char                      name[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(name, version);
    enum cup_err err   = io.get(io.arg, name, &text, out_fault);
    size_t       bytes = text.bytes;
    cup_text_put(&text, padding, sizeof padding);
    if (err == CUP_OK && text.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read a commit", name);
    load->ours        = false;
    load->removes     = false;
    load->added_count = 0;
    for (size_t at = 0; err == CUP_OK && at < bytes;) {
        const char *lf    = memchr(text.at + at, '\n', bytes - at);
        size_t      count = lf ? (size_t)(lf - text.at) - at : bytes - at;
        read_line(load, text.at + at, count);
        at += count + 1;
    }
    for (size_t i = 0; i < load->added_count; i++)
        load->history->flags[load->added[i]] |= load->ours ? CUP_HISTORY_OURS : CUP_HISTORY_FOREIGN;
    load->history->changed |= load->removes && !load->ours;
    cup_text_free(&text);
    return err;
}

enum cup_err cup_history_load(const struct cup_table *table, struct cup_history *out_history,
                              struct cup_fault *out_fault)
{
    struct cup_history history = {0};
    struct load        load    = {.table = table, .history = &history};
    uint64_t           newest  = table->state->version;

    enum cup_err err = table->io.list(table->io.arg, "_delta_log", each_name, &load, out_fault);
    for (size_t i = 0; err == CUP_OK && i < load.version_count; i++)
        if (load.versions[i] <= newest) err = read_commit(&load, load.versions[i], out_fault);
    if (err == CUP_OK && load.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", table->path);
    history.whole = load.version_count > newest;
    cup_json_close(load.memory.json);
    cup_text_free(&load.memory.scratch);
    free(load.versions);
    free(load.added);
    if (err != CUP_OK) {
        cup_history_free(&history);
        return err;
    }
    *out_history = history;
    return CUP_OK;
}

void cup_history_free(struct cup_history *history)
{
    cup_texts_free(&history->paths);
    free(history->flags);
    *history = (struct cup_history){0};
}

uint8_t cup_history_of(const struct cup_history *history, const char *path)
{
    uint32_t id = cup_texts_find(&history->paths, path, strlen(path));
    return id != CUP_NAME_NONE ? history->flags[id] : 0;
}
