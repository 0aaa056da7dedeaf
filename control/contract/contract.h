// SPDX-License-Identifier: Apache-2.0
/* contract: contracts/<any>.odcs.yaml (Open Data Contract Standard v3.1, first form) into tables of
 * the catalog.
 *
 * Read are: names, physical types, required, primary keys, descriptions, rules (logicalTypeOptions,
 * enum, quality, slaProperties) and the customProperties of odcs.def. What is promised and not
 * checked is listed in catalog->unchecked. Other keys of the standard are accepted, keys that it
 * does not have are errors.
 *
 * Holds     nothing; texts lie in the catalog's keep.
 * Threads   one.
 * Fails     BAD_CONFIG, IO, and what cup_catalog_declare fails with; *says has a line "file:line:
 *           key: what is wrong; allowed: ..." for every error.
 * Source    Open Data Contract Standard v3.1: "Fundamentals", "Schema", "Custom properties"
 * Tests     tests/control/test_contract.c, test_contract_rules.c, tests/oracle/test_odcs.py
 */
#ifndef CUP_CONTROL_CONTRACT_CONTRACT_H
#define CUP_CONTROL_CONTRACT_CONTRACT_H

#include "control/config/yaml.h"
#include "control/schema/catalog.h"

/* cup_contract_load reads all contracts of a pipeline's folder, in the order of their names. No
 * folder `contracts` is no error. */
CUP_MUST_CHECK enum cup_err cup_contract_load(struct cup_catalog *catalog, const char *folder,
                                              struct cup_text *says);

/* One contract, read for itself: without lake, without the tables of others. */
struct cup_contract_table {
    const struct cup_yaml_node *node;  /* table.columns[i] stands in node's properties[i] */
    struct cup_catalog_table    table; /* without path */
};
struct cup_contract_file {
    struct cup_yaml            yaml;
    struct cup_contract_table *tables; /* those that are right */
    uint32_t                   table_count, table_cap;
};

/* cup_contract_read reads one contract, or all of a folder: those in its folder `contracts`, if it
 * has one, else its own.
 * Returns   CUP_OK also for contracts with mistakes: then says has a line for each, as above.
 *           NOT_FOUND, IO, BAD_CONFIG: no contract there, or one that is no YAML. */
CUP_MUST_CHECK enum cup_err cup_contract_read(struct cup_keep *keep, const char *path,
                                              struct cup_contract_file **out_files,
                                              uint32_t *out_count, struct cup_text *says);

/* cup_contract_custom_count and _row list the customProperties, for help. */
struct cup_contract_custom {
    const char *property, *words, *text;
    uint8_t     of_column, of_quality; /* else of a table */
};
/* cup_contract_format_count and _row list the formats of texts that are checked, for help. */
struct cup_contract_format {
    const char *name, *pattern, *text;
};
uint32_t                          cup_contract_format_count(void);
const struct cup_contract_format *cup_contract_format_row(uint32_t index);

uint32_t                          cup_contract_custom_count(void);
const struct cup_contract_custom *cup_contract_custom_row(uint32_t index);

#endif
