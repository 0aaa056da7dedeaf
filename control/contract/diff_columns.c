// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "control/contract/diff_priv.h"

/* Keys and properties of a column that are compared by name; the rest is told as it is. */
#define KNOWN_KEYS                                                                                 \
    "name physicalName physicalType logicalType logicalTypeOptions description required unique "   \
    "primaryKey primaryKeyPosition partitioned partitionKeyPosition classification quality enum "  \
    "customProperties wire scale zone mask"

/* The column with the same name; else, with its own name unused on this side, the same member. */
static int find_column(const struct cup_catalog_table *table, const struct cup_catalog_column *like,
                       bool by_member)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct cup_catalog_column *column = &table->columns[i];
        if (strcmp(by_member ? column->member : column->name,
                   by_member ? like->member : like->name) == 0)
            return (int)i;
    }
    return -1;
}

/* The old column that became this one; -1: it is new. */
static int counterpart(const struct cup_catalog_table *other, const struct cup_catalog_table *own,
                       const struct cup_catalog_column *column)
{
    int index = find_column(other, column, false);

    if (index >= 0) return index;
    index = find_column(other, column, true);
    if (index < 0 || find_column(own, &other->columns[index], false) >= 0) return -1;
    return index;
}

static const struct cup_yaml_node *node_of(const struct cup_contract_table *table, int index)
{
    return cup_yaml_find(table->node, "properties")->children[index];
}

/* The type as a person wrote it, with what else settles it. */
static const char *type_text(const struct cup_diff_place *place, const struct cup_yaml_node *node)
{
    struct cup_text   text    = {0};
    const char *const parts[] = {"wire", "scale", "zone"};
    const char       *physical =
        cup_diff_priv_text(place->diff, cup_diff_priv_member(node, "physicalType"));

    cup_text_puts(&text, physical);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *value = cup_diff_priv_custom(place->diff, node, parts[i]);
        if (*value != '\0') cup_text_printf(&text, ", %s: %s", parts[i], value);
    }
    const char *kept = cup_keep_string(place->diff->keep, text.at == NULL ? "" : text.at);
    cup_text_free(&text);
    return kept;
}

static void diff_type(const struct cup_diff_place *place, const struct cup_yaml_node *old_node,
                      const struct cup_shape_type *old, const struct cup_yaml_node *new_node,
                      const struct cup_shape_type *new)
{
    const char        *was = type_text(place, old_node), *is = type_text(place, new_node);
    enum cup_diff_kind kind = CUP_DIFF_TYPE_SPELLED;

    if (strcmp(was, is) == 0) return;
    if (!cup_shape_same_type(old, new)) {
        kind = cup_shape_fits(new, old)   ? CUP_DIFF_TYPE_WIDENED
               : cup_shape_fits(old, new) ? CUP_DIFF_TYPE_NARROWED
                                          : CUP_DIFF_TYPE_CHANGED;
    } else if (old->encoding != new->encoding || old->element_encoding != new->element_encoding) {
        kind = CUP_DIFF_WIRE_CHANGED;
    } else if (old->wire_scale != new->wire_scale) {
        kind = CUP_DIFF_SCALE_CHANGED;
    }
    cup_diff_priv_add(place, kind, "", was, is);
}

static bool is_true(const struct cup_yaml_node *node, const char *key)
{
    const struct cup_yaml_node *value = cup_diff_priv_member(node, key);
    return value != NULL && value->kind == CUP_YAML_SCALAR && strcmp(value->text, "true") == 0;
}

static void diff_flag(const struct cup_diff_place *place, bool old, bool new,
                      enum cup_diff_kind added, enum cup_diff_kind removed)
{
    if (old != new) cup_diff_priv_add(place, new ? added : removed, "", "", "");
}

/* A text that may be there on one side only. */
static void diff_text(const struct cup_diff_place *place, const char *was, const char *is,
                      enum cup_diff_kind added, enum cup_diff_kind removed,
                      enum cup_diff_kind changed)
{
    if (strcmp(was, is) == 0) return;
    cup_diff_priv_add(place, *was == '\0' ? added : *is == '\0' ? removed : changed, "", was, is);
}

static void diff_column(const struct cup_diff_place *place, const struct cup_yaml_node *old_node,
                        const struct cup_catalog_column *old, const struct cup_yaml_node *new_node,
                        const struct cup_catalog_column *new)
{
    struct cup_diff *diff = place->diff;

    if (strcmp(old->name, new->name) != 0)
        cup_diff_priv_add(place, CUP_DIFF_COLUMN_RENAMED, "", old->name, new->name);
    else if (strcmp(old->member, new->member) != 0)
        cup_diff_priv_add(place, CUP_DIFF_MEMBER_CHANGED, "", old->member, new->member);
    diff_type(place, old_node, &old->is, new_node, &new->is);
    diff_flag(place, old->required, new->required, CUP_DIFF_REQUIRED_ADDED,
              CUP_DIFF_REQUIRED_REMOVED);
    diff_flag(place, is_true(old_node, "unique"), is_true(new_node, "unique"),
              CUP_DIFF_UNIQUE_ADDED, CUP_DIFF_UNIQUE_REMOVED);
    diff_text(place, cup_diff_priv_text(diff, cup_diff_priv_member(old_node, "classification")),
              cup_diff_priv_text(diff, cup_diff_priv_member(new_node, "classification")),
              CUP_DIFF_CLASSIFICATION_ADDED, CUP_DIFF_CLASSIFICATION_REMOVED,
              CUP_DIFF_CLASSIFICATION_CHANGED);
    diff_text(place, cup_diff_priv_custom(diff, old_node, "mask"),
              cup_diff_priv_custom(diff, new_node, "mask"), CUP_DIFF_MASK_ADDED,
              CUP_DIFF_MASK_REMOVED, CUP_DIFF_MASK_CHANGED);
    cup_diff_priv_rules(place, old_node, new_node);
    cup_diff_priv_key(place, old_node, new_node, "description", CUP_DIFF_DESCRIPTION_CHANGED);
    cup_diff_priv_others(place, old_node, new_node, KNOWN_KEYS);
}

void cup_diff_priv_columns(const struct cup_diff_place *place, const struct cup_contract_table *old,
                           const struct cup_contract_table *new, const char *old_file)
{
    for (uint32_t i = 0; i < new->table.column_count; i++) {
        const struct cup_catalog_column *column = &new->table.columns[i];
        struct cup_diff_place            here   = cup_diff_priv_at(place, node_of(new, (int)i));
        int                              before = counterpart(&old->table, &new->table, column);
        here.member                             = column->name;
        if (before < 0)
            cup_diff_priv_add(
                &here, column->required ? CUP_DIFF_COLUMN_ADDED_REQUIRED : CUP_DIFF_COLUMN_ADDED,
                "", "", type_text(place, here.node));
        else
            diff_column(&here, node_of(old, before), &old->table.columns[before], here.node,
                        column);
    }
    for (uint32_t i = 0; i < old->table.column_count; i++) {
        const struct cup_catalog_column *column = &old->table.columns[i];
        struct cup_diff_place            here   = cup_diff_priv_at(place, node_of(old, (int)i));
        if (counterpart(&new->table, &old->table, column) >= 0) continue;
        here.file   = old_file;
        here.member = column->name;
        cup_diff_priv_add(&here, CUP_DIFF_COLUMN_REMOVED, "", type_text(place, here.node), "");
    }
}
