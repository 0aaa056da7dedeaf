// SPDX-License-Identifier: Apache-2.0
/* yaml: a YAML file as a tree that knows its lines and columns; for pipeline.yaml and contracts.
 *
 * Only libyaml's document is read, never its types: a scalar is its text.
 *
 * Holds     the tree, in the caller's keep.
 * Threads   one.
 * Fails     IO, NOT_FOUND, BAD_CONFIG (no YAML, a key twice, an environment variable that is not
 *           set); *says has the line "file:line: what is wrong".
 * Bounds    CUP_YAML_BYTES_MAX.
 * Tests     tests/control/test_pipeline.c
 */
#ifndef CUP_CONTROL_CONFIG_YAML_H
#define CUP_CONTROL_CONFIG_YAML_H

#include "base/text.h"
#include "control/schema/keep.h"

#define CUP_YAML_BYTES_MAX                                                                         \
    (16u << 20) /* a contract of 65536 tables would be larger; nobody has one */

enum cup_yaml_kind { CUP_YAML_SCALAR, CUP_YAML_LIST, CUP_YAML_MAP };

struct cup_yaml_node {
    const char            *text; /* SCALAR */
    struct cup_yaml_node **keys; /* MAP: SCALARs */
    struct cup_yaml_node **children;
    uint32_t               count;   /* of children */
    uint32_t               line;    /* from 1 */
    uint32_t               column;  /* from 1, in characters */
    uint8_t                kind;    /* enum cup_yaml_kind */
    bool                   is_null; /* SCALAR: nothing, ~ or null, not quoted */
};

struct cup_yaml {
    const char           *file; /* as messages name it */
    struct cup_yaml_node *root; /* a MAP */
};

/* cup_yaml_load reads one file. expand: ${NAME} in values is taken from the environment. */
CUP_MUST_CHECK enum cup_err cup_yaml_load(struct cup_keep *keep, const char *path, bool expand,
                                          struct cup_yaml *out_yaml, struct cup_text *says);

/* cup_yaml_find is the value of a MAP's key; NULL when there is none. */
const struct cup_yaml_node *cup_yaml_find(const struct cup_yaml_node *map, const char *key);

/* cup_yaml_at begins a message: "file:line: ". */
void cup_yaml_at(const struct cup_yaml *yaml, const struct cup_yaml_node *node,
                 struct cup_text *says);

/* cup_yaml_kind_name is "a text", "a list" or "a mapping". */
const char *cup_yaml_kind_name(const struct cup_yaml_node *node);

#endif
