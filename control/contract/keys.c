// SPDX-License-Identifier: Apache-2.0
/* The keys of a contract, and their values as texts: one walk over the whole tree says for every
 * key whether the standard has it there. */
#include <string.h>

#include "control/contract/contract_priv.h"
#include "control/schema/names.h"

static const struct {
    enum cup_place place, below;
    const char    *key;
} keys[] = {
#define CUP_ODCS(place, below, key) {CUP_PLACE_##place, CUP_PLACE_##below, key},
#include "control/contract/odcs.def"
#undef CUP_ODCS
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

void cup_contract_priv_fail(struct cup_contract_work *work, const struct cup_yaml_node *node,
                            const char *key, const char *what)
{
    cup_yaml_at(&work->yaml, node, work->says);
    cup_text_printf(work->says, "%s: %s\n", key, what);
    work->failed = true;
}

bool cup_contract_priv_map(struct cup_contract_work *work, const struct cup_yaml_node *node,
                           const char *what)
{
    if (node->kind == CUP_YAML_MAP) return true;
    cup_contract_priv_fail(work, node, what, "must be a mapping");
    return false;
}

const char *cup_contract_priv_text(struct cup_contract_work *work, const struct cup_yaml_node *map,
                                   const char *key, bool needed)
{
    const struct cup_yaml_node *node = cup_yaml_find(map, key);

    if (node != NULL && node->kind == CUP_YAML_SCALAR && !node->is_null) return node->text;
    if (node != NULL && node->kind != CUP_YAML_SCALAR)
        cup_contract_priv_fail(work, node, key, "must be a text");
    if (needed && (node == NULL || node->kind == CUP_YAML_SCALAR))
        cup_contract_priv_fail(work, node == NULL ? map : node, key, "is missing");
    return NULL;
}

bool cup_contract_priv_bool(struct cup_contract_work *work, const struct cup_yaml_node *map,
                            const char *key)
{
    const char *text = cup_contract_priv_text(work, map, key, false);

    if (text == NULL || strcmp(text, "false") == 0) return false;
    if (strcmp(text, "true") != 0)
        cup_contract_priv_fail(work, cup_yaml_find(map, key), key,
                               "is no truth value; allowed: true, false");
    return true;
}

static void say_unknown(struct cup_contract_work *work, enum cup_place place,
                        const struct cup_yaml_node *name)
{
    const char *comma = "";

    cup_yaml_at(&work->yaml, name, work->says);
    cup_text_printf(work->says, "%s: the standard (ODCS v3.1) has no such key here", name->text);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].place == place && cup_names_near(name->text, keys[i].key))
            cup_text_printf(work->says, "; did you mean %s?", keys[i].key);
    }
    cup_text_puts(work->says, "; allowed: ");
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].place != place) continue;
        cup_text_printf(work->says, "%s%s", comma, keys[i].key);
        comma = ", ";
    }
    cup_text_puts(work->says, "\n");
    work->failed = true;
}

/* The place below a key; ANY for one that is not known, which is said. */
static enum cup_place below(struct cup_contract_work *work, enum cup_place place,
                            const struct cup_yaml_node *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].place == place && strcmp(keys[i].key, name->text) == 0) return keys[i].below;
    }
    say_unknown(work, place, name);
    return CUP_PLACE_ANY;
}

/* Depth is bounded by the reader of YAML. Values that should be mappings and are not are told where
 * they are read. */
static void check(struct cup_contract_work *work, enum cup_place place,
                  const struct cup_yaml_node *node)
{
    if (place == CUP_PLACE_ANY || node->kind == CUP_YAML_SCALAR) return;
    for (uint32_t i = 0; i < node->count; i++) {
        bool map = node->kind == CUP_YAML_MAP;
        check(work, map ? below(work, place, node->keys[i]) : place, node->children[i]);
    }
}

void cup_contract_priv_keys(struct cup_contract_work *work)
{
    check(work, CUP_PLACE_CONTRACT, work->yaml.root);
}
