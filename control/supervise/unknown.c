// SPDX-License-Identifier: Apache-2.0
#include "control/supervise/unknown_priv.h"

#include <string.h>

bool cup_unknown_priv_read(struct cup_keep *keep, const struct cup_text *payload, uint64_t *out_id,
                           struct cup_catalog_unknown *out_unknown)
{
    struct cup_wire_unknown head;
    const char             *texts[CUP_UNKNOWN_TEXT_COUNT];

    if (payload->bytes < sizeof(head)) return false;
    if (!cup_keep_room(keep, payload->bytes * 2 + (64u << 10))) return false;
    memcpy(&head, payload->at, sizeof(head));
    size_t at = sizeof(head);
    for (uint32_t i = 0; i < CUP_UNKNOWN_TEXT_COUNT; i++) {
        if (head.text_bytes[i] > payload->bytes - at) return false;
        texts[i] = cup_keep_text(keep, payload->at + at, head.text_bytes[i]);
        at += head.text_bytes[i];
    }
    if (at != payload->bytes || head.kind >= CUP_UNKNOWN_KIND_COUNT) return false;
    *out_id      = head.id;
    *out_unknown = (struct cup_catalog_unknown){
        .source_name   = texts[CUP_UNKNOWN_SOURCE_NAME],
        .source_db     = texts[CUP_UNKNOWN_SOURCE_DB],
        .source_schema = texts[CUP_UNKNOWN_SOURCE_SCHEMA],
        .source_table  = texts[CUP_UNKNOWN_SOURCE_TABLE],
        .connector     = texts[CUP_UNKNOWN_CONNECTOR],
        .topic         = texts[CUP_UNKNOWN_TOPIC],
        .what          = texts[CUP_UNKNOWN_WHAT],
        .schema        = texts[CUP_UNKNOWN_SCHEMA],
        .key_schema    = texts[CUP_UNKNOWN_KEY_SCHEMA],
        .kind          = (enum cup_unknown_kind)head.kind,
        .partition     = head.partition,
        .offset        = head.offset,
    };
    return true;
}

static void put_property(struct cup_text *text, const char *property, const char *value)
{
    if (*value == '\0') return;
    cup_text_printf(text, "      - {property: %s, value: ", property);
    cup_text_json(text, value, strlen(value)); /* a JSON string is a YAML string */
    cup_text_puts(text, "}\n");
}

void cup_unknown_priv_starter(struct cup_text *text, const struct cup_catalog_unknown *unknown)
{
    const char *table = unknown->source_table;

    CUP_ASSERT(*table != '\0');
    cup_text_printf(text,
                    "\nWrite a contract for it. Start with this as contracts/%s.odcs.yaml in the "
                    "pipeline's folder,\nbeside pipeline.yaml, and name every column:\n\n"
                    "apiVersion: v3.1.0\nkind: DataContract\nid: %s\nversion: 1.0.0\n"
                    "status: draft\nschema:\n  - name: ",
                    table, table);
    cup_text_json(text, table, strlen(table));
    cup_text_puts(text, "\n    customProperties:\n");
    put_property(text, "sourceName", unknown->source_name);
    put_property(text, "sourceDatabase", *unknown->source_schema == '\0' ? unknown->source_db : "");
    put_property(text, "sourceSchema", unknown->source_schema);
    put_property(text, "sourceTable", unknown->source_table);
    cup_text_puts(text, "      - {property: replicaIdentity, value: default}\n"
                        "    properties:\n"
                        "      - name: id\n        physicalType: bigint\n        primaryKey: true\n"
                        "        required: true\n"
                        "      - name: amount\n        physicalType: numeric(18,2)\n"
                        "        customProperties:\n"
                        "          - {property: wire, value: decimal_base64}\n\n"
                        "cupel help contract  lists types and wire encodings.\n");
}
