// SPDX-License-Identifier: Apache-2.0
/* keys: the folder of keys: one file `<id>.key` for each key of tokens; below it the data plane
 * keeps one file per domain, pipeline and day for sealed bronze.
 *
 *   KEYS/k1.key, KEYS/k2.key              32 random bytes or more, in hexadecimal or as they are
 *   KEYS/<domain>/<pipeline>/<date>.key   made by cupel; removing one erases that day
 *
 * Holds     nothing; the subkey goes into the settings.
 * Threads   one.
 * Fails     BAD_CONFIG with a line in *says; never a byte of a key.
 * Bounds    CUP_KEYS_BYTES_MAX.
 * Tests     tests/oracle/test_masked.py
 */
#ifndef CUP_CONTROL_CONFIG_KEYS_H
#define CUP_CONTROL_CONFIG_KEYS_H

#include "control/config/settings.h"
#include "control/schema/catalog.h"

#define CUP_KEYS_BYTES_MAX 1024u /* of a key file */

/* cup_keys_load checks what the pipeline needs: the folder lies outside of the lake; the current
 * key can be read by nobody else. Fills settings->key_folder (absolute) and the domain's subkey. */
CUP_MUST_CHECK enum cup_err cup_keys_load(const struct cup_catalog *catalog,
                                          struct cup_settings *settings, struct cup_text *says);

#endif
