// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lake/delta_priv.h"
#include "lake/tool/tool_recover.h"

#define DEPTH_MAX      16   /* domain/silver/source/schema/table is 5 */
#define INFO_BYTES_MAX 4096 /* commitInfo and txn lines of ours are shorter */
#define VERSIONS_BACK  1000 /* other writers' commits above the one that is looked for */

void cup_recover_own(const struct cup_shard *shard, enum cup_recover_own own,
                     char out_folder[CUP_SHARD_BYTES])
{
    static const struct {
        const char *before, *between, *behind; /* the domain's and the pipeline's names */
    } parts[CUP_OWN_COUNT] = {
        [CUP_OWN_INDEX]      = {"", "/bronze/", "/_index"},
        [CUP_OWN_QUARANTINE] = {"", "/quarantine/", ""},
        [CUP_OWN_LEDGER]     = {"_cupel/", "/", "/ledger"},
    };

    CUP_ASSERT(own < CUP_OWN_COUNT);
    snprintf(out_folder, CUP_SHARD_BYTES, "%s%s%s%s%s", parts[own].before, shard->domain,
             parts[own].between, shard->pipeline, parts[own].behind);
}

struct cup_recover_table *cup_recover_table(const struct cup_recover *recover, const char *folder)
{
    for (uint32_t i = 0; i < recover->table_count; i++)
        if (strcmp(recover->tables[i].folder, folder) == 0) return &recover->tables[i];
    return NULL;
}

/* Opens a table, unless it is in the list already. kept: it belongs to the shard whatever is in it;
 * else only if its log has a transaction of the shard. */
static enum cup_err add_table(struct cup_recover *recover, const char *folder, bool kept,
                              struct cup_recover_table **out_table, struct cup_fault *out_fault)
{
    struct cup_recover_table table = {0};

    *out_table = cup_recover_table(recover, folder);
    if (*out_table != NULL) return CUP_OK;
    table.err = cup_table_open(recover->lake, folder, &table.table, &table.fault);
    if (table.err == CUP_NO_MEMORY) {
        *out_fault = table.fault;
        return table.err;
    }
    if (table.err == CUP_OK) table.epoch = cup_delta_txn_version(table.table->state, recover->app);
    if (!kept && table.epoch == 0) {
        cup_table_close(table.table);
        return CUP_OK;
    }
    struct cup_recover_table *list =
        realloc(recover->tables, (recover->table_count + 1) * sizeof *list);
    if (list != NULL) recover->tables = list;
    table.folder = strdup(folder);
    if (list == NULL || table.folder == NULL) {
        cup_table_close(table.table);
        free(table.folder);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list tables", NULL);
    }
    list[recover->table_count] = table;
    *out_table                 = &list[recover->table_count++];
    return CUP_OK;
}

/* What the journal knows. */
static enum cup_err add_known(struct cup_recover *recover, struct cup_fault *out_fault)
{
    const struct cup_journal_tables *known = &recover->journal.tables;
    struct cup_recover_table        *table = NULL;

    for (uint32_t i = 0; i < known->count; i++) {
        enum cup_err err = add_table(recover, known->list[i].folder, true, &table, out_fault);
        if (err != CUP_OK) return err;
        table->expected    = cup_journal_applied(&recover->journal, &known->list[i]);
        table->expected_id = strdup(known->list[i].id);
        if (table->expected_id == NULL)
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "list tables", NULL);
    }
    return CUP_OK;
}

/* Index and quarantine may be missing: they are made with their first row. */
static enum cup_err add_own(struct cup_recover *recover, struct cup_fault *out_fault)
{
    struct cup_recover_table *table = NULL;
    char                      folder[CUP_SHARD_BYTES];
    enum cup_err              err = CUP_OK;

    for (uint32_t own = 0; err == CUP_OK && own < CUP_OWN_COUNT; own++) {
        cup_recover_own(&recover->shard, (enum cup_recover_own)own, folder);
        err = add_table(recover, folder, own == CUP_OWN_LEDGER, &table, out_fault);
        if (err == CUP_OK && table != NULL) table->own = true;
    }
    return err;
}

/* --- tables that the journal may have forgotten --- */

/* Folders to look into, each with its NUL, below the lake. */
struct walk {
    struct cup_recover *recover;
    struct cup_text     folders;
};

static bool is_folder(const char *lake, const char *name, const char *leaf)
{
    char        path[CUP_PATH_BYTES];
    struct stat info;

    return snprintf(path, sizeof path, "%s/%s/%s", lake, name, leaf) < (int)sizeof path &&
           lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void list_folders(struct walk *walk, const char *name)
{
    char           path[CUP_PATH_BYTES];
    struct dirent *entry;

    if (snprintf(path, sizeof path, "%s/%s", walk->recover->lake, name) >= (int)sizeof path) return;
    DIR *folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || entry->d_name[0] == '_') continue;
        if (!is_folder(walk->recover->lake, name, entry->d_name)) continue;
        int bytes =
            snprintf(path, sizeof path, "%s%s%s", name, name[0] != '\0' ? "/" : "", entry->d_name);
        if (bytes < (int)sizeof path) cup_text_put(&walk->folders, path, (size_t)bytes + 1);
    }
    if (folder != NULL) closedir(folder);
}

static uint32_t depth_of(const char *name)
{
    uint32_t depth = 1;

    for (; *name != '\0'; name++)
        depth += *name == '/';
    return depth;
}

/* What lies below a table is its own. */
static enum cup_err walk_lake(struct cup_recover *recover, struct cup_fault *out_fault)
{
    struct walk               walk  = {.recover = recover};
    struct cup_recover_table *table = NULL;
    enum cup_err              err   = CUP_OK;

    list_folders(&walk, "");
    for (size_t at = 0; err == CUP_OK && at < walk.folders.bytes;) {
        char name[CUP_PATH_BYTES];
        snprintf(name, sizeof name, "%s", walk.folders.at + at); /* the text may move */
        at += strlen(walk.folders.at + at) + 1;
        if (is_folder(recover->lake, name, "_delta_log"))
            err = add_table(recover, name, false, &table, out_fault);
        else if (depth_of(name) < DEPTH_MAX)
            list_folders(&walk, name);
    }
    if (walk.folders.failed) err = cup_fault_set(out_fault, CUP_NO_MEMORY, "list tables", NULL);
    cup_text_free(&walk.folders);
    return err;
}

static int compare_tables(const void *a, const void *b)
{
    return strcmp(((const struct cup_recover_table *)a)->folder,
                  ((const struct cup_recover_table *)b)->folder);
}

enum cup_err cup_recover_find_tables(struct cup_recover *recover, struct cup_fault *out_fault)
{
    enum cup_err err = add_known(recover, out_fault);

    if (err == CUP_OK) err = walk_lake(recover, out_fault);
    if (err == CUP_OK) err = add_own(recover, out_fault);
    if (recover->table_count > 1)
        qsort(recover->tables, recover->table_count, sizeof *recover->tables, compare_tables);
    return err;
}

/* --- who committed an epoch --- */

struct identity {
    struct cup_delta_priv_memory memory; /* only its parser is used */
    const char                  *app;
    uint64_t                     epoch;
    bool                         found; /* the commit carries the epoch */
    char                         id[CUP_UUID_TEXT_BYTES];
};

static void read_identity_line(struct identity *identity, const char *at, size_t bytes)
{
    struct cup_delta_priv_json json;
    int64_t                    version;

    if (bytes > INFO_BYTES_MAX ||
        cup_delta_priv_parse(&identity->memory, at, bytes, &json, NULL) != CUP_OK)
        return;
    uint32_t info = cup_delta_priv_member(&json, 0, "commitInfo");
    uint32_t txn  = cup_delta_priv_member(&json, 0, "txn");
    uint32_t id   = info != 0 ? cup_delta_priv_member(&json, info, "epochId") : 0;
    uint32_t app  = txn != 0 ? cup_delta_priv_member(&json, txn, "appId") : 0;
    if (id != 0 && json.doc.nodes[id].kind == CUP_JSON_STRING)
        snprintf(identity->id, sizeof identity->id, "%.*s", (int)json.doc.nodes[id].bytes,
                 (const char *)json.at + json.doc.nodes[id].at);
    if (app == 0 || json.doc.nodes[app].bytes != strlen(identity->app) ||
        memcmp(json.at + json.doc.nodes[app].at, identity->app, strlen(identity->app)) != 0)
        return;
    uint32_t number = cup_delta_priv_member(&json, txn, "version");
    if (cup_delta_priv_i64(&json, number, &version) && (uint64_t)version == identity->epoch)
        identity->found = true;
}

static enum cup_err read_commit(struct identity *identity, const struct cup_table *table,
                                uint64_t version)
{
    static const char padding[CUP_JSON_PADDING];
    struct cup_text   text = {0};
    char              name[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(name, version);
    enum cup_err err   = table->io.get(table->io.arg, name, &text, NULL);
    size_t       bytes = text.bytes;
    cup_text_put(&text, padding, sizeof padding);
    if (text.failed) err = CUP_NO_MEMORY;
    identity->id[0] = '\0';
    for (size_t at = 0; err == CUP_OK && at < bytes;) {
        const char *lf    = memchr(text.at + at, '\n', bytes - at);
        size_t      count = lf != NULL ? (size_t)(lf - text.at) - at : bytes - at;
        read_identity_line(identity, text.at + at, count);
        at += count + 1;
    }
    cup_text_free(&text);
    return err;
}

bool cup_recover_epoch_id(const struct cup_recover *recover, const struct cup_recover_table *table,
                          uint64_t epoch, char out_id[CUP_UUID_TEXT_BYTES])
{
    struct identity identity = {
        .memory = {.json_bytes = INFO_BYTES_MAX}, .app = recover->app, .epoch = epoch};

    if (table->table == NULL || cup_json_open("auto", INFO_BYTES_MAX, CUP_JSON_LIMITS_DEFAULT,
                                              &identity.memory.json, NULL) != CUP_OK)
        return false;
    uint64_t     version = table->table->state->version;
    enum cup_err err     = CUP_OK;
    for (uint32_t i = 0; err == CUP_OK && !identity.found && i < VERSIONS_BACK; i++, version--) {
        err = read_commit(&identity, table->table, version);
        if (version == 0) break;
    }
    cup_json_close(identity.memory.json);
    cup_text_free(&identity.memory.scratch);
    if (!identity.found || identity.id[0] == '\0') return false;
    memcpy(out_id, identity.id, sizeof identity.id);
    return true;
}
