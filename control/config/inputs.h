// SPDX-License-Identifier: Apache-2.0
/* inputs: the files that patterns name, in reading order, each with its form.
 *
 *   input entries --glob, sort--> files --look at their first bytes--> form, gzip, topic, group
 *
 * Several shards share the entries out in turn (cup_inputs_owns). Files of one entry stay together,
 * whatever they are called, because a file that is renamed must not change its shard.
 *
 * Holds     nothing; the list lies in the caller's keep.
 * Fails     BAD_CONFIG: a pattern without files, a file that belongs to two entries; IO. *says
 *           names the pattern or file.
 * Bounds    CUP_PLAN_INPUTS_MAX files.
 * Tests     tests/control/test_inputs.c
 */
#ifndef CUP_CONTROL_CONFIG_INPUTS_H
#define CUP_CONTROL_CONFIG_INPUTS_H

#include "control/config/settings.h"

struct cup_inputs_file {
    const char *path;  /* absolute */
    const char *topic; /* relative to the pattern's root: its longest prefix of plain folders */
    uint64_t    bytes; /* as it is stored */
    uint32_t    group;
    uint32_t    entry; /* of input */
    uint8_t     form;  /* enum cup_input_form */
    bool        gzip;
};

/* cup_inputs_find lists the files of all entries; one group per entry, or per independent file. */
CUP_MUST_CHECK enum cup_err cup_inputs_find(struct cup_keep           *keep,
                                            const struct cup_settings *settings,
                                            struct cup_inputs_file **out_files, uint32_t *out_count,
                                            struct cup_text *says);

/* cup_inputs_owns says whether an entry of input is this shard's. cup_inputs_keep leaves out the
 * files of all others; returns how many are left. */
bool     cup_inputs_owns(const struct cup_settings *settings, uint32_t entry);
uint32_t cup_inputs_keep(const struct cup_settings *settings, struct cup_inputs_file *files,
                         uint32_t count);

/* cup_inputs_root is the length of a name's part that is not in its topic; the name matches the
 * pattern. */
size_t cup_inputs_root(const char *pattern, const char *name);

/* cup_inputs_look tells what a file is from its first bytes; wanted: enum cup_form. False: it does
 * not hold its whole first line yet, or cannot be read: *out_errno says why, else it is 0. */
bool cup_inputs_look(const char *path, uint8_t wanted, uint8_t *out_form, bool *out_gzip,
                     int *out_errno);

#endif
