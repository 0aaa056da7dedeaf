// SPDX-License-Identifier: Apache-2.0
/* compile: settings, inputs and catalog become the plan blob in a sealed memfd.
 *
 *   | header | inputs | tables | columns | schemas | fields | texts |
 *
 * The structures' sizes are known beforehand; texts collect behind them as they are met.
 *
 * Holds     nothing.
 * Threads   one.
 * Fails     BAD_CONFIG (two tables would be published to one topic), BAD_PLAN when cup_plan_check
 * refuses the result (a name or limit that no earlier check refused), NO_MEMORY, IO (memfd). Bounds
 * CUP_PLAN_BYTES_MAX. Tests     tests/control/test_compile.c
 */
#ifndef CUP_CONTROL_PLAN_COMPILE_H
#define CUP_CONTROL_PLAN_COMPILE_H

#include "base/text.h"
#include "control/config/inputs.h"
#include "control/config/settings.h"
#include "control/schema/catalog.h"

struct cup_compile {
    const struct cup_settings    *settings;
    const char                   *lake; /* absolute */
    const struct cup_inputs_file *inputs;
    uint32_t                      input_count;
    const struct cup_catalog     *catalog;
    uint64_t                      generation;
};

/* cup_compile_blob appends the plan to *out_blob (empty before). */
CUP_MUST_CHECK enum cup_err cup_compile_blob(const struct cup_compile *compile,
                                             struct cup_text          *out_blob,
                                             struct cup_fault         *out_fault);

/* cup_compile_seal copies a blob into a memfd that nobody can change any more.
 * Gives     *out_fd; the caller closes it. */
CUP_MUST_CHECK enum cup_err cup_compile_seal(const struct cup_text *blob, int *out_fd,
                                             struct cup_fault *out_fault);

#endif
