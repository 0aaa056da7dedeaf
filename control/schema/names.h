// SPDX-License-Identifier: Apache-2.0
/* names: how names of the source become names of columns and folders.
 *
 * They stay as they are, unicode included; only what column mapping-free Delta tables or file
 * systems cannot take becomes '_'. Two names that differ only in case are one name to most engines.
 *
 * Threads   any.
 * Tests     tests/control/test_names.c
 */
#ifndef CUP_CONTROL_SCHEMA_NAMES_H
#define CUP_CONTROL_SCHEMA_NAMES_H

#include <stdbool.h>

#include "control/schema/keep.h"

/* cup_names_column is the column name of a source member: space , ; { } ( ) = and control
 * characters become '_'; a name that equals a generated silver column gets a trailing '_'. */
const char *cup_names_column(struct cup_keep *keep, const char *name);

/* cup_names_is_generated: cupel makes a column of that name (case ignored), or may: _date. */
bool cup_names_is_generated(const char *name);

/* cup_names_folder is the folder name of a source, schema or table: as a column, and / \ % : * ? "
 * < > | # become '_' too; "." and ".." become "_" and "__", nothing becomes "_". */
const char *cup_names_folder(struct cup_keep *keep, const char *name);

/* cup_names_version is name__version. */
const char *cup_names_version(struct cup_keep *keep, const char *name, uint32_t version);

/* cup_names_equal compares ignoring case, by Unicode's simple lower case of each character. */
bool cup_names_equal(const char *a, const char *b);

/* cup_names_near says whether a is b with one typing error: a character more, less, other, or two
 * swapped. */
bool cup_names_near(const char *a, const char *b);

#endif
