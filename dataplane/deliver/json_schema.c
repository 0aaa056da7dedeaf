// SPDX-License-Identifier: Apache-2.0
/* Schemas as Kafka Connect's JsonConverter writes them, so that it reads them back. */
#include "dataplane/deliver/json_row_priv.h"

/* What Kafka Connect calls a type, and the name of its meaning. */
struct connect_type {
    const char *type, *name;
};

static const struct connect_type types[CUP_TYPE_COUNT] = {
    [CUP_TYPE_BOOL]          = {"boolean", NULL},
    [CUP_TYPE_BYTE]          = {"int8", NULL},
    [CUP_TYPE_SHORT]         = {"int16", NULL},
    [CUP_TYPE_INT]           = {"int32", NULL},
    [CUP_TYPE_LONG]          = {"int64", NULL},
    [CUP_TYPE_FLOAT]         = {"float", NULL},
    [CUP_TYPE_DOUBLE]        = {"double", NULL},
    [CUP_TYPE_DECIMAL]       = {"bytes", "org.apache.kafka.connect.data.Decimal"},
    [CUP_TYPE_DATE]          = {"int32", "org.apache.kafka.connect.data.Date"},
    [CUP_TYPE_TIMESTAMP]     = {"string", "io.debezium.time.ZonedTimestamp"},
    [CUP_TYPE_TIMESTAMP_NTZ] = {"int64", "io.debezium.time.MicroTimestamp"},
    [CUP_TYPE_STRING]        = {"string", NULL},
    [CUP_TYPE_BINARY]        = {"bytes", NULL},
    [CUP_TYPE_LIST]          = {"array", NULL},
    [CUP_TYPE_MAP]           = {"map", NULL},
};

static void put_scalar(struct cup_text *out, const struct cup_field *field, bool optional)
{
    const struct connect_type *type = &types[field->type];

    CUP_ASSERT(type->type != NULL);
    cup_text_printf(out, "\"type\":\"%s\",\"optional\":%s", type->type,
                    optional ? "true" : "false");
    if (type->name == NULL) return;
    cup_text_printf(out, ",\"name\":\"%s\",\"version\":1", type->name);
    if (field->type == CUP_TYPE_DECIMAL)
        cup_text_printf(out,
                        ",\"parameters\":{\"scale\":\"%u\",\"connect.decimal.precision\":\"%u\"}",
                        field->scale, field->precision);
}

void cup_json_row_priv_field(struct cup_text *out, const struct cup_field *field, bool optional)
{
    cup_text_puts(out, "{");
    put_scalar(out, field, optional);
    if (field->type == CUP_TYPE_LIST) {
        cup_text_puts(out, ",\"items\":{");
        put_scalar(out, &field->children[0], true);
        cup_text_puts(out, "}");
    } else if (field->type == CUP_TYPE_MAP) {
        cup_text_puts(out, ",\"keys\":{");
        put_scalar(out, &field->children[0], false);
        cup_text_puts(out, "},\"values\":{");
        put_scalar(out, &field->children[1], true);
        cup_text_puts(out, "}");
    }
    cup_text_puts(out, ",\"field\":");
    cup_json_row_priv_quote(out, field->name);
    cup_text_puts(out, "}");
}
