// SPDX-License-Identifier: Apache-2.0
#include "lake/delta_priv.h"

#include <string.h>

/* A schema being parsed. budget bounds the fields of all levels together. */
struct parse {
    const struct cup_delta_priv_json *json;
    struct cup_delta_priv_arena      *arena;
    uint32_t                          budget;
    enum cup_err                      err;
    struct cup_fault                 *fault;
};

static bool fail(struct parse *parse, enum cup_err err, const char *what, const char *where)
{
    parse->err = cup_fault_set(parse->fault, err, what, where);
    return false;
}

static char *copy_string(struct parse *parse, uint32_t node)
{
    const struct cup_json_node *text = &parse->json->doc.nodes[node];
    char                       *copy = cup_delta_priv_take(parse->arena, (size_t)text->bytes + 1);

    if (copy == NULL) {
        (void)fail(parse, CUP_NO_MEMORY, "parse the schema of a table", NULL);
        return NULL;
    }
    copy[cup_json_unescape(parse->json->at + text->at, text->bytes, (uint8_t *)copy)] = '\0';
    return copy;
}

static bool is_kind(const struct parse *parse, uint32_t node, enum cup_json_kind kind)
{
    return node != 0 && parse->json->doc.nodes[node].kind == kind;
}

static bool is_text(const struct parse *parse, uint32_t node, const char *text)
{
    const struct cup_json_node *at = &parse->json->doc.nodes[node];
    return is_kind(parse, node, CUP_JSON_STRING) && at->bytes == strlen(text) &&
           memcmp(parse->json->at + at->at, text, at->bytes) == 0;
}

static struct cup_field *take_fields(struct parse *parse, uint32_t count)
{
    if (count > parse->budget) {
        (void)fail(parse, CUP_UNSUPPORTED, "parse a schema: too many columns", NULL);
        return NULL;
    }
    parse->budget -= count;
    struct cup_field *fields = cup_delta_priv_take(parse->arena, (count + 1) * sizeof *fields);
    if (fields == NULL) (void)fail(parse, CUP_NO_MEMORY, "parse the schema of a table", NULL);
    return fields;
}

static bool parse_struct(struct parse *parse, uint32_t node, uint32_t depth,
                         struct cup_field *out_field);

static bool parse_primitive(struct parse *parse, uint32_t node, struct cup_field *out_field)
{
    const struct cup_json_node *text = &parse->json->doc.nodes[node];
    const char                 *name = (const char *)parse->json->at + text->at;
    char                        shown[64];

    if (cup_type_parse(name, text->bytes, &out_field->type, &out_field->precision,
                       &out_field->scale))
        return true;
    snprintf(shown, sizeof shown, "%.*s", (int)(text->bytes < 60 ? text->bytes : 60), name);
    return fail(parse, CUP_UNSUPPORTED, "parse a schema: unknown type", shown);
}

/* Recursion ends at CUP_DELTA_PRIV_DEPTH_MAX. */
static bool parse_type(struct parse *parse, uint32_t node, uint32_t depth,
                       struct cup_field *out_field)
{
    const struct cup_delta_priv_json *json = parse->json;

    if (is_kind(parse, node, CUP_JSON_STRING)) return parse_primitive(parse, node, out_field);
    if (!is_kind(parse, node, CUP_JSON_OBJECT))
        return fail(parse, CUP_CORRUPT, "parse a schema: a field has no type", NULL);
    if (depth == CUP_DELTA_PRIV_DEPTH_MAX)
        return fail(parse, CUP_UNSUPPORTED, "parse a schema: nested too deeply", NULL);

    uint32_t type = cup_delta_priv_member(json, node, "type");
    if (is_text(parse, type, "struct")) return parse_struct(parse, node, depth, out_field);
    bool is_map = is_text(parse, type, "map");
    if (!is_map && !is_text(parse, type, "array"))
        return fail(parse, CUP_UNSUPPORTED, "parse a schema: unknown nested type", NULL);

    struct cup_field *children = take_fields(parse, is_map ? 2 : 1);
    if (children == NULL) return false;
    struct cup_field *value = &children[is_map ? 1 : 0];
    if (is_map) {
        children[0].name  = "key";
        children[0].flags = CUP_FIELD_REQUIRED;
        uint32_t key      = cup_delta_priv_member(json, node, "keyType");
        if (!parse_type(parse, key, depth + 1, &children[0])) return false;
    }
    value->name = is_map ? "value" : "element";
    uint32_t nulls =
        cup_delta_priv_member(json, node, is_map ? "valueContainsNull" : "containsNull");
    if (is_kind(parse, nulls, CUP_JSON_FALSE)) value->flags = CUP_FIELD_REQUIRED;
    uint32_t inner = cup_delta_priv_member(json, node, is_map ? "valueType" : "elementType");
    if (!parse_type(parse, inner, depth + 1, value)) return false;
    out_field->type        = is_map ? CUP_TYPE_MAP : CUP_TYPE_LIST;
    out_field->children    = children;
    out_field->child_count = is_map ? 2 : 1;
    return true;
}

static bool parse_field(struct parse *parse, uint32_t node, uint32_t depth,
                        struct cup_field *out_field)
{
    const struct cup_delta_priv_json *json = parse->json;

    if (!is_kind(parse, node, CUP_JSON_OBJECT))
        return fail(parse, CUP_CORRUPT, "parse a schema: a field is no object", NULL);
    uint32_t name = cup_delta_priv_member(json, node, "name");
    if (!is_kind(parse, name, CUP_JSON_STRING))
        return fail(parse, CUP_CORRUPT, "parse a schema: a field has no name", NULL);
    out_field->name = copy_string(parse, name);
    if (out_field->name == NULL) return false;
    if (is_kind(parse, cup_delta_priv_member(json, node, "nullable"), CUP_JSON_FALSE))
        out_field->flags = CUP_FIELD_REQUIRED;
    uint32_t metadata = cup_delta_priv_member(json, node, "metadata");
    if (is_kind(parse, metadata, CUP_JSON_OBJECT)) {
        uint32_t comment = cup_delta_priv_member(json, metadata, "comment");
        if (is_kind(parse, comment, CUP_JSON_STRING)) {
            out_field->comment = copy_string(parse, comment);
            if (out_field->comment == NULL) return false;
        }
    }
    return parse_type(parse, cup_delta_priv_member(json, node, "type"), depth + 1, out_field);
}

static bool parse_struct(struct parse *parse, uint32_t node, uint32_t depth,
                         struct cup_field *out_field)
{
    const struct cup_json_node *nodes = parse->json->doc.nodes;
    uint32_t                    list  = cup_delta_priv_member(parse->json, node, "fields");

    if (!is_kind(parse, list, CUP_JSON_ARRAY))
        return fail(parse, CUP_CORRUPT, "parse a schema: a struct has no fields", NULL);
    struct cup_field *fields = take_fields(parse, nodes[list].child_count);
    if (fields == NULL) return false;
    uint32_t at = list + 1;
    for (uint32_t i = 0; i < nodes[list].child_count; i++) {
        if (!parse_field(parse, at, depth, &fields[i])) return false;
        at = nodes[at].next;
    }
    out_field->type        = CUP_TYPE_STRUCT;
    out_field->children    = fields;
    out_field->child_count = nodes[list].child_count;
    return true;
}

enum cup_err cup_delta_priv_schema(struct cup_delta_priv_memory *memory,
                                   struct cup_delta_priv_arena *arena, const char *schema_string,
                                   size_t bytes, const struct cup_field **out_fields,
                                   uint32_t *out_count, struct cup_fault *out_fault)
{
    struct cup_delta_priv_json json;
    struct cup_field           root  = {0};
    struct parse               parse = {0};

    CUP_ASSERT(schema_string != NULL);
    parse.json       = &json;
    parse.arena      = arena;
    parse.budget     = CUP_DELTA_PRIV_FIELDS_MAX;
    parse.fault      = out_fault;
    enum cup_err err = cup_delta_priv_parse(memory, schema_string, bytes, &json, out_fault);
    if (err != CUP_OK) return err;
    if (!parse_struct(&parse, 0, 0, &root)) {
        CUP_ASSERT(parse.err != CUP_OK);
        return parse.err;
    }
    *out_fields = root.children;
    *out_count  = root.child_count;
    return CUP_OK;
}
