// SPDX-License-Identifier: Apache-2.0
#include "control/config/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define NODE_BYTES 128u /* our node and its pointers, per node of libyaml: an upper bound */

/* One load; a bundle of what every step needs. */
struct work {
    struct cup_keep      *keep;
    struct cup_yaml      *yaml;
    struct cup_text      *says;
    yaml_document_t      *document;
    struct cup_yaml_node *nodes; /* by libyaml's index, which begins at 1 */
    bool                  expand;
};

void cup_yaml_at(const struct cup_yaml *yaml, const struct cup_yaml_node *node,
                 struct cup_text *says)
{
    CUP_ASSERT(yaml->file != NULL);
    cup_text_printf(says, "%s:%u: ", yaml->file, node == NULL ? 1 : node->line);
}

const char *cup_yaml_kind_name(const struct cup_yaml_node *node)
{
    static const char *const names[] = {"a text", "a list", "a mapping"};
    return names[node->kind];
}

const struct cup_yaml_node *cup_yaml_find(const struct cup_yaml_node *map, const char *key)
{
    CUP_ASSERT(map->kind == CUP_YAML_MAP);
    for (uint32_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) return map->children[i];
    }
    return NULL;
}

static bool is_name_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Replaces each ${NAME}; false, with a message, when the environment has none. */
static bool expand_text(struct work *work, struct cup_yaml_node *node)
{
    struct cup_text text = {0};
    const char     *at   = node->text;

    while (*at != '\0') {
        const char *name  = at + 2;
        size_t      bytes = 0;
        if (at[0] == '$' && at[1] == '{') {
            while (is_name_character(name[bytes]))
                bytes++;
        }
        if (bytes == 0 || name[bytes] != '}') {
            cup_text_put(&text, at++, 1);
            continue;
        }
        const char *variable = cup_keep_text(work->keep, name, bytes);
        const char *value    = getenv(variable);
        if (value == NULL) {
            cup_yaml_at(work->yaml, node, work->says);
            cup_text_printf(work->says, "the environment has no variable %s\n", variable);
            cup_text_free(&text);
            return false;
        }
        cup_text_puts(&text, value);
        at = name + bytes + 1;
    }
    if (text.at != NULL) node->text = cup_keep_text(work->keep, text.at, text.bytes);
    cup_text_free(&text);
    return true;
}

static bool take_scalar(struct work *work, const yaml_node_t *from, struct cup_yaml_node *node)
{
    const char *text  = (const char *)from->data.scalar.value;
    bool        plain = from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    node->kind = CUP_YAML_SCALAR;
    node->text = cup_keep_text(work->keep, text, from->data.scalar.length);
    if (strlen(node->text) != from->data.scalar.length) {
        cup_yaml_at(work->yaml, node, work->says);
        cup_text_puts(work->says, "a text holds the character NUL\n");
        return false;
    }
    node->is_null = plain && (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
    return !work->expand || strstr(text, "${") == NULL || expand_text(work, node);
}

static void take_list(struct work *work, const yaml_node_t *from, struct cup_yaml_node *node)
{
    const yaml_node_item_t *items = from->data.sequence.items.start;

    node->kind     = CUP_YAML_LIST;
    node->count    = (uint32_t)(from->data.sequence.items.top - items);
    node->children = cup_keep_bytes(work->keep, node->count * sizeof(*node->children));
    for (uint32_t i = 0; i < node->count; i++)
        node->children[i] = &work->nodes[items[i]];
}

static void take_map(struct work *work, const yaml_node_t *from, struct cup_yaml_node *node)
{
    const yaml_node_pair_t *pairs = from->data.mapping.pairs.start;

    node->kind     = CUP_YAML_MAP;
    node->count    = (uint32_t)(from->data.mapping.pairs.top - pairs);
    node->children = cup_keep_bytes(work->keep, node->count * sizeof(*node->children));
    node->keys     = cup_keep_bytes(work->keep, node->count * sizeof(*node->keys));
    for (uint32_t i = 0; i < node->count; i++) {
        node->keys[i]     = &work->nodes[pairs[i].key];
        node->children[i] = &work->nodes[pairs[i].value];
    }
}

/* Keys are texts, and none stands twice. */
static bool check_keys(struct work *work, const struct cup_yaml_node *map)
{
    for (uint32_t i = 0; i < map->count; i++) {
        if (map->keys[i]->kind != CUP_YAML_SCALAR) {
            cup_yaml_at(work->yaml, map->keys[i], work->says);
            cup_text_puts(work->says, "a key must be a text\n");
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(map->keys[i]->text, map->keys[k]->text) != 0) continue;
            cup_yaml_at(work->yaml, map->keys[i], work->says);
            cup_text_printf(work->says, "%s stands twice; the first is in line %u\n",
                            map->keys[i]->text, map->keys[k]->line);
            return false;
        }
    }
    return true;
}

static bool take_nodes(struct work *work)
{
    size_t count = (size_t)(work->document->nodes.top - work->document->nodes.start);

    if (!cup_keep_room(work->keep, (count + 1) * NODE_BYTES + 4 * CUP_YAML_BYTES_MAX)) {
        cup_text_printf(work->says, "%s: too large\n", work->yaml->file);
        return false;
    }
    work->nodes = cup_keep_bytes(work->keep, (count + 1) * sizeof(*work->nodes));
    for (size_t i = 1; i <= count; i++) {
        const yaml_node_t    *from = &work->document->nodes.start[i - 1];
        struct cup_yaml_node *node = &work->nodes[i];
        node->line                 = (uint32_t)from->start_mark.line + 1;
        node->column               = (uint32_t)from->start_mark.column + 1;
        if (from->type == YAML_SCALAR_NODE && !take_scalar(work, from, node)) return false;
        if (from->type == YAML_SEQUENCE_NODE) take_list(work, from, node);
        if (from->type == YAML_MAPPING_NODE) take_map(work, from, node);
    }
    for (size_t i = 1; i <= count; i++) {
        if (work->nodes[i].kind == CUP_YAML_MAP && !check_keys(work, &work->nodes[i])) return false;
    }
    if (count == 0 || work->nodes[1].kind != CUP_YAML_MAP) {
        cup_text_printf(work->says, "%s:1: must be a mapping: key: value\n", work->yaml->file);
        return false;
    }
    work->yaml->root = &work->nodes[1];
    return true;
}

static bool parse(struct work *work, yaml_parser_t *parser)
{
    yaml_document_t document;

    if (!yaml_parser_load(parser, &document)) {
        cup_text_printf(work->says, "%s:%zu: %s\n", work->yaml->file, parser->problem_mark.line + 1,
                        parser->problem == NULL ? "cannot be read" : parser->problem);
        return false;
    }
    work->document = &document;
    bool good      = take_nodes(work);
    yaml_document_delete(&document);
    return good;
}

static enum cup_err read_file(const char *path, struct cup_text *text, struct cup_text *says)
{
    char  bytes[4096];
    FILE *file = fopen(path, "rbe");

    if (file == NULL) {
        cup_text_printf(says, "%s: %s\n", path, strerror(errno));
        return errno == ENOENT ? CUP_NOT_FOUND : CUP_IO;
    }
    for (size_t got; (got = fread(bytes, 1, sizeof(bytes), file)) > 0;) {
        cup_text_put(text, bytes, got);
        if (text->bytes > CUP_YAML_BYTES_MAX) break;
    }
    bool failed = ferror(file) != 0;
    (void)fclose(file); /* nothing was written */
    if (!failed && !text->failed && text->bytes <= CUP_YAML_BYTES_MAX) return CUP_OK;
    cup_text_printf(says, "%s: %s\n", path, failed ? "cannot be read" : "too large");
    return CUP_IO;
}

enum cup_err cup_yaml_load(struct cup_keep *keep, const char *path, bool expand,
                           struct cup_yaml *out_yaml, struct cup_text *says)
{
    struct cup_yaml yaml = {.file = path};
    struct work     work = {.keep = keep, .yaml = &yaml, .says = says, .expand = expand};
    struct cup_text text = {0};
    yaml_parser_t   parser;

    CUP_ASSERT(path != NULL && says != NULL);
    enum cup_err err = read_file(path, &text, says);
    if (err == CUP_OK && !yaml_parser_initialize(&parser)) err = CUP_NO_MEMORY;
    if (err == CUP_OK) {
        yaml_parser_set_input_string(
            &parser, (const unsigned char *)(text.at == NULL ? "" : text.at), text.bytes);
        err = parse(&work, &parser) ? CUP_OK : CUP_BAD_CONFIG;
        yaml_parser_delete(&parser);
    }
    cup_text_free(&text);
    if (err == CUP_OK) *out_yaml = yaml;
    return err;
}
