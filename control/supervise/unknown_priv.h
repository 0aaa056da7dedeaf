// SPDX-License-Identifier: Apache-2.0
/* unknown_priv: the payload of UNKNOWN, and what a person can paste when a contract is missing. */
#ifndef CUP_CONTROL_SUPERVISE_UNKNOWN_PRIV_H
#define CUP_CONTROL_SUPERVISE_UNKNOWN_PRIV_H

#include "base/text.h"
#include "control/schema/catalog.h"
#include "dataplane/abi/wire.h"

/* cup_unknown_priv_read takes the payload apart; texts lie in keep. False when it has not the form,
 * or keep has no room. */
bool cup_unknown_priv_read(struct cup_keep *keep, const struct cup_text *payload, uint64_t *out_id,
                           struct cup_catalog_unknown *out_unknown);

/* cup_unknown_priv_starter appends a contract to start from. */
void cup_unknown_priv_starter(struct cup_text *text, const struct cup_catalog_unknown *unknown);

#endif
