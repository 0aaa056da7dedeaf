// SPDX-License-Identifier: Apache-2.0
#include "control/contract/diff.h"

#include <stdlib.h>
#include <string.h>

#include "control/contract/diff_priv.h"

static const struct cup_diff_row rows[CUP_DIFF_COUNT] = {
#define CUP_DIFF(id, kind, producers, consumers, lake, text)                                       \
    {kind, text,                                                                                   \
     (producers)*CUP_DIFF_PRODUCERS | (consumers)*CUP_DIFF_CONSUMERS | (lake)*CUP_DIFF_LAKE},
#include "control/contract/diff.def"
#undef CUP_DIFF
};

/* One side: all tables, each with its file. */
struct side {
    struct cup_contract_file *files;
    uint32_t                  count;
};

const struct cup_diff_row *cup_diff_row(enum cup_diff_kind kind)
{
    CUP_ASSERT(kind < CUP_DIFF_COUNT);
    return &rows[kind];
}

/* --- shared --- */

void cup_diff_priv_add(const struct cup_diff_place *place, enum cup_diff_kind kind,
                       const char *what, const char *was, const char *is)
{
    struct cup_diff *diff = place->diff;

    CUP_ASSERT(kind < CUP_DIFF_COUNT);
    diff->list =
        cup_keep_grow(diff->keep, diff->list, diff->count, &diff->cap, sizeof(*diff->list));
    diff->list[diff->count++] =
        (struct cup_diff_change){.kind   = (uint8_t)kind,
                                 .file   = place->file,
                                 .line   = place->node == NULL ? 1 : place->node->line,
                                 .column = place->node == NULL ? 1 : place->node->column,
                                 .table  = place->table == NULL ? "" : place->table,
                                 .member = place->member == NULL ? "" : place->member,
                                 .what   = what == NULL ? "" : what,
                                 .was    = was == NULL ? "" : was,
                                 .is     = is == NULL ? "" : is};
    diff->breaking_count += rows[kind].breaks != 0;
}

struct cup_diff_place cup_diff_priv_at(const struct cup_diff_place *place,
                                       const struct cup_yaml_node  *node)
{
    struct cup_diff_place at = *place;

    if (node != NULL) at.node = node;
    return at;
}

const struct cup_yaml_node *cup_diff_priv_member(const struct cup_yaml_node *node, const char *key)
{
    return node != NULL && node->kind == CUP_YAML_MAP ? cup_yaml_find(node, key) : NULL;
}

static int by_key(const void *a, const void *b)
{
    const struct cup_yaml_node *const *left = a, *const *right = b;
    return strcmp((*left)->text, (*right)->text);
}

static void put_node(const struct cup_diff *diff, struct cup_text *text,
                     const struct cup_yaml_node *node)
{
    if (node->kind == CUP_YAML_SCALAR) {
        cup_text_puts(text, node->text);
        return;
    }
    const struct cup_yaml_node **keys = NULL;
    if (node->kind == CUP_YAML_MAP) {
        keys = cup_keep_bytes(diff->keep, (node->count + 1ul) * sizeof(*keys));
        memcpy(keys, node->keys, node->count * sizeof(*keys));
        qsort(keys, node->count, sizeof(*keys), by_key);
    }
    cup_text_puts(text, keys == NULL ? "[" : "{");
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0) cup_text_puts(text, ", ");
        if (keys != NULL) cup_text_printf(text, "%s: ", keys[i]->text);
        put_node(diff, text, keys == NULL ? node->children[i] : cup_yaml_find(node, keys[i]->text));
    }
    cup_text_puts(text, keys == NULL ? "]" : "}");
}

const char *cup_diff_priv_text(const struct cup_diff *diff, const struct cup_yaml_node *node)
{
    struct cup_text text = {0};

    if (node == NULL) return "";
    if (node->kind == CUP_YAML_SCALAR) return node->text;
    put_node(diff, &text, node);
    const char *kept = cup_keep_string(diff->keep, text.at == NULL ? "" : text.at);
    cup_text_free(&text);
    return kept;
}

static const struct cup_yaml_node *custom_node(const struct cup_yaml_node *node,
                                               const char                 *property)
{
    const struct cup_yaml_node *list = cup_diff_priv_member(node, "customProperties");

    for (uint32_t i = 0; list != NULL && list->kind == CUP_YAML_LIST && i < list->count; i++) {
        const struct cup_yaml_node *name = cup_diff_priv_member(list->children[i], "property");
        if (name != NULL && name->kind == CUP_YAML_SCALAR && strcmp(name->text, property) == 0)
            return list->children[i];
    }
    return NULL;
}

const char *cup_diff_priv_custom(const struct cup_diff *diff, const struct cup_yaml_node *node,
                                 const char *property)
{
    return cup_diff_priv_text(diff, cup_diff_priv_member(custom_node(node, property), "value"));
}

void cup_diff_priv_key(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                       const struct cup_yaml_node *new, const char *key, enum cup_diff_kind kind)
{
    const struct cup_yaml_node *at = cup_diff_priv_member(new, key);
    const char           *was  = cup_diff_priv_text(place->diff, cup_diff_priv_member(old, key));
    const char           *is   = cup_diff_priv_text(place->diff, at);
    struct cup_diff_place here = cup_diff_priv_at(place, at);

    if (strcmp(was, is) != 0) cup_diff_priv_add(&here, kind, key, was, is);
}

static bool has_word(const char *words, const char *word)
{
    size_t bytes = strlen(word);

    for (const char *at = strstr(words, word); at != NULL; at = strstr(at + 1, word)) {
        bool front = at == words || at[-1] == ' ';
        if (front && (at[bytes] == ' ' || at[bytes] == '\0')) return true;
    }
    return false;
}

/* Keys of `from` that `known` does not name; once: those of both sides when from is the new one. */
static void tell_keys(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                      const struct cup_yaml_node *new, bool of_old, const char *known)
{
    const struct cup_yaml_node *from = of_old ? old : new;

    for (uint32_t i = 0; from != NULL && from->kind == CUP_YAML_MAP && i < from->count; i++) {
        const char *key = from->keys[i]->text;
        if (has_word(known, key)) continue;
        if (of_old && cup_diff_priv_member(new, key) != NULL) continue;
        cup_diff_priv_key(place, old, new, key, CUP_DIFF_OTHER_CHANGED);
    }
}

/* Properties that cupel reads change how; those of the owner's change nothing here. */
static enum cup_diff_kind custom_kind(const char *property)
{
    for (uint32_t i = 0; i < cup_contract_custom_count(); i++) {
        if (strcmp(cup_contract_custom_row(i)->property, property) == 0)
            return CUP_DIFF_READING_CHANGED;
    }
    return CUP_DIFF_OTHER_CHANGED;
}

static void tell_customs(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                         const struct cup_yaml_node *new, bool of_old, const char *known)
{
    const struct cup_yaml_node *list = cup_diff_priv_member(of_old ? old : new, "customProperties");

    for (uint32_t i = 0; list != NULL && list->kind == CUP_YAML_LIST && i < list->count; i++) {
        const struct cup_yaml_node *name = cup_diff_priv_member(list->children[i], "property");
        if (name == NULL || name->kind != CUP_YAML_SCALAR || has_word(known, name->text)) continue;
        if (of_old && custom_node(new, name->text) != NULL) continue;
        const char           *was  = cup_diff_priv_custom(place->diff, old, name->text);
        const char           *is   = cup_diff_priv_custom(place->diff, new, name->text);
        struct cup_diff_place here = cup_diff_priv_at(place, of_old ? NULL : list->children[i]);
        if (strcmp(was, is) != 0)
            cup_diff_priv_add(&here, custom_kind(name->text), name->text, was, is);
    }
}

void cup_diff_priv_others(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                          const struct cup_yaml_node *new, const char                    *known)
{
    tell_keys(place, old, new, false, known);
    tell_keys(place, old, new, true, known);
    tell_customs(place, old, new, false, known);
    tell_customs(place, old, new, true, known);
}

/* --- contracts --- */

static const struct cup_yaml_node *sla_of(const struct cup_yaml_node *root, const char *property)
{
    const struct cup_yaml_node *list = cup_diff_priv_member(root, "slaProperties");

    for (uint32_t i = 0; list != NULL && list->kind == CUP_YAML_LIST && i < list->count; i++) {
        const struct cup_yaml_node *name = cup_diff_priv_member(list->children[i], "property");
        if (name != NULL && name->kind == CUP_YAML_SCALAR && strcmp(name->text, property) == 0)
            return list->children[i];
    }
    return NULL;
}

static void diff_sla(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                     const struct cup_yaml_node *new, bool                           of_old)
{
    const struct cup_yaml_node *list = cup_diff_priv_member(of_old ? old : new, "slaProperties");

    for (uint32_t i = 0; list != NULL && list->kind == CUP_YAML_LIST && i < list->count; i++) {
        const struct cup_yaml_node *name = cup_diff_priv_member(list->children[i], "property");
        if (name == NULL || name->kind != CUP_YAML_SCALAR) continue;
        const struct cup_yaml_node *before = sla_of(old, name->text);
        const struct cup_yaml_node *after  = sla_of(new, name->text);
        if (of_old && after != NULL) continue;
        const char           *was  = cup_diff_priv_text(place->diff, before);
        const char           *is   = cup_diff_priv_text(place->diff, after);
        struct cup_diff_place here = cup_diff_priv_at(place, after);
        if (strcmp(was, is) != 0)
            cup_diff_priv_add(&here,
                              before == NULL  ? CUP_DIFF_SLA_ADDED
                              : after == NULL ? CUP_DIFF_SLA_REMOVED
                                              : CUP_DIFF_SLA_CHANGED,
                              name->text, was, is);
    }
}

static void diff_contract(struct cup_diff *diff, const struct cup_yaml *old,
                          const struct cup_yaml *new)
{
    struct cup_diff_place place = {.diff = diff, .file = new->file, .node = new->root};

    cup_diff_priv_key(&place, old->root, new->root, "status", CUP_DIFF_STATUS_CHANGED);
    cup_diff_priv_key(&place, old->root, new->root, "version", CUP_DIFF_VERSION_CHANGED);
    cup_diff_priv_key(&place, old->root, new->root, "team", CUP_DIFF_TEAM_CHANGED);
    cup_diff_priv_key(&place, old->root, new->root, "description", CUP_DIFF_DESCRIPTION_CHANGED);
    diff_sla(&place, old->root, new->root, false);
    diff_sla(&place, old->root, new->root, true);
    cup_diff_priv_others(&place, old->root, new->root,
                         "schema status version team description slaProperties customProperties");
}

/* The contract of the same id, or the only one of two sides with one each. */
static const struct cup_contract_file *
same_contract(const struct side *side, const struct cup_contract_file *like, uint32_t like_count)
{
    const struct cup_yaml_node *id = cup_yaml_find(like->yaml.root, "id");

    for (uint32_t i = 0; id != NULL && i < side->count; i++) {
        const struct cup_yaml_node *other = cup_yaml_find(side->files[i].yaml.root, "id");
        if (other != NULL && other->kind == CUP_YAML_SCALAR && id->kind == CUP_YAML_SCALAR &&
            strcmp(other->text, id->text) == 0)
            return &side->files[i];
    }
    return side->count == 1 && like_count == 1 ? &side->files[0] : NULL;
}

/* --- tables --- */

static bool is_same_table(const struct cup_catalog_table *a, const struct cup_catalog_table *b)
{
    return strcmp(a->source_table, b->source_table) == 0 &&
           strcmp(a->source_schema, b->source_schema) == 0 &&
           strcmp(a->source_db, b->source_db) == 0;
}

static const struct cup_contract_table *same_table(const struct side               *side,
                                                   const struct cup_catalog_table  *table,
                                                   const struct cup_contract_file **out_file)
{
    for (uint32_t i = 0; i < side->count; i++) {
        for (uint32_t t = 0; t < side->files[i].table_count; t++) {
            if (!is_same_table(&side->files[i].tables[t].table, table)) continue;
            *out_file = &side->files[i];
            return &side->files[i].tables[t];
        }
    }
    return NULL;
}

static const char *names_of(const struct cup_diff *diff, const struct cup_catalog_table *table,
                            bool of_key)
{
    struct cup_text text = {0};

    for (uint32_t i = 0; !of_key && i < table->partition_count; i++)
        cup_text_printf(&text, "%s%s", i == 0 ? "" : ", ", table->partitions[i]);
    for (uint32_t place = 1; of_key && place <= table->column_count; place++) {
        for (uint32_t i = 0; i < table->column_count; i++) {
            if (table->columns[i].key_place == place)
                cup_text_printf(&text, "%s%s", text.bytes == 0 ? "" : ", ",
                                table->columns[i].member);
        }
    }
    const char *kept = cup_keep_string(diff->keep, text.at == NULL ? "" : text.at);
    cup_text_free(&text);
    return kept;
}

static void diff_names(const struct cup_diff_place *place, const struct cup_catalog_table *old,
                       const struct cup_catalog_table *new, bool                           of_key)
{
    const char *was = names_of(place->diff, old, of_key);
    const char *is  = names_of(place->diff, new, of_key);

    if (strcmp(was, is) != 0)
        cup_diff_priv_add(place, of_key ? CUP_DIFF_KEY_CHANGED : CUP_DIFF_PARTITIONING_CHANGED, "",
                          was, is);
}

static void diff_table(const struct cup_diff_place *place, const struct cup_contract_table *old,
                       const struct cup_contract_table *new, const char *old_file)
{
    const struct cup_catalog_table *before = &old->table, *after = &new->table;

    if (strcmp(before->source_name, after->source_name) != 0)
        cup_diff_priv_add(place, CUP_DIFF_SOURCE_CHANGED, "sourceName", before->source_name,
                          after->source_name);
    diff_names(place, before, after, true);
    diff_names(place, before, after, false);
    if (before->images != after->images)
        cup_diff_priv_add(place,
                          after->images == CUP_IMAGES_FULL ? CUP_DIFF_IDENTITY_STRENGTHENED
                                                           : CUP_DIFF_IDENTITY_WEAKENED,
                          "", before->images == CUP_IMAGES_FULL ? "full" : "default",
                          after->images == CUP_IMAGES_FULL ? "full" : "default");
    if (before->write_before != after->write_before)
        cup_diff_priv_add(place, CUP_DIFF_IMAGES_CHANGED, "",
                          before->write_before ? "both" : "after",
                          after->write_before ? "both" : "after");
    cup_diff_priv_key(place, old->node, new->node, "description", CUP_DIFF_DESCRIPTION_CHANGED);
    cup_diff_priv_rules(place, old->node, new->node);
    cup_diff_priv_others(
        place, old->node, new->node,
        "name physicalName description properties quality customProperties "
        "sourceName sourceDatabase sourceSchema sourceTable replicaIdentity images "
        "partitionBy");
    cup_diff_priv_columns(place, old, new, old_file);
}

static void diff_tables(struct cup_diff *diff, const struct side *old, const struct side *new)
{
    const struct cup_contract_file *file = NULL;

    for (uint32_t i = 0; i < new->count; i++) {
        for (uint32_t t = 0; t < new->files[i].table_count; t++) {
            const struct cup_contract_table *table  = &new->files[i].tables[t];
            const struct cup_contract_table *before = same_table(old, &table->table, &file);
            struct cup_diff_place            place  = {.diff  = diff,
                                                       .file  = new->files[i].yaml.file,
                                                       .node  = table->node,
                                                       .table = table->table.source_table};
            if (before == NULL)
                cup_diff_priv_add(&place, CUP_DIFF_TABLE_ADDED, "", "", "");
            else
                diff_table(&place, before, table, file->yaml.file);
        }
    }
    for (uint32_t i = 0; i < old->count; i++) {
        for (uint32_t t = 0; t < old->files[i].table_count; t++) {
            const struct cup_contract_table *table = &old->files[i].tables[t];
            struct cup_diff_place            place = {.diff  = diff,
                                                      .file  = old->files[i].yaml.file,
                                                      .node  = table->node,
                                                      .table = table->table.source_table};
            if (same_table(new, &table->table, &file) == NULL)
                cup_diff_priv_add(&place, CUP_DIFF_TABLE_REMOVED, "", "", "");
        }
    }
}

static enum cup_err read_side(struct cup_diff *diff, const char *path, struct side *out_side,
                              struct cup_text *says)
{
    struct side  side   = {0};
    size_t       before = says->bytes;
    enum cup_err err    = cup_contract_read(diff->keep, path, &side.files, &side.count, says);

    if (err != CUP_OK) return err;
    if (says->bytes > before) return CUP_BAD_CONFIG; /* mistakes: there is nothing to compare */
    *out_side = side;
    return CUP_OK;
}

enum cup_err cup_diff_run(struct cup_diff *diff, const char *old, const char *new,
                          struct cup_text *says)
{
    struct side before = {0}, after = {0};

    CUP_ASSERT(diff->keep != NULL && diff->count == 0);
    enum cup_err err = read_side(diff, old, &before, says);
    if (err == CUP_OK) err = read_side(diff, new, &after, says);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < after.count; i++) {
        const struct cup_contract_file *file = same_contract(&before, &after.files[i], after.count);
        if (file != NULL) diff_contract(diff, &file->yaml, &after.files[i].yaml);
    }
    diff_tables(diff, &before, &after);
    return CUP_OK;
}
