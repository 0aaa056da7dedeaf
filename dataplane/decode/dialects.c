// SPDX-License-Identifier: Apache-2.0
/* The table of formats: one row each, in the order of format.def. */
#include "dataplane/decode/decode_priv.h"

const struct cup_dialect cup_dialects_priv[CUP_FORMAT_COUNT] = {
    [CUP_FORMAT_DEBEZIUM]    = {.read = cup_debezium_priv_read, .placeholders = true},
    [CUP_FORMAT_FLATTENED]   = {.connector    = "flattened",
                                .read         = cup_flattened_priv_read,
                                .read_null    = cup_flattened_priv_read_null,
                                .foreign      = cup_flattened_priv_foreign,
                                .placeholders = true},
    [CUP_FORMAT_CLOUDEVENTS] = {.read = cup_cloudevents_priv_read, .placeholders = true},
    [CUP_FORMAT_MAXWELL]     = {.connector = "maxwell", .read = cup_maxwell_priv_read},
    [CUP_FORMAT_CANAL]       = {.connector = "canal",
                                .read      = cup_canal_priv_read,
                                .adapt     = cup_canal_priv_adapt},
    [CUP_FORMAT_DMS]         = {.connector = "dms", .read = cup_dms_priv_read},
    [CUP_FORMAT_GOLDENGATE]  = {.connector = "goldengate",
                                .read      = cup_goldengate_priv_read,
                                .foreign   = cup_goldengate_priv_foreign,
                                .flagged   = true},
    [CUP_FORMAT_MONGODB]     = {.read      = cup_debezium_priv_read,
                                .adapt     = cup_documents_priv_adapt,
                                .foreign   = cup_documents_priv_foreign,
                                .documents = true},
    [CUP_FORMAT_UPSERT]      = {.connector = "upsert",
                                .read      = cup_upsert_priv_read,
                                .read_null = cup_flattened_priv_read_null},
};
