// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/schema.h"

#include "base/err.h"

/* Members of every Connect schema node come in this order: type, items, optional, name, version,
 * parameters, default, field. */
static void put_node(struct cup_text *text, const char *type, bool optional, const char *semantic)
{
    cup_text_printf(text, "{\"type\":\"%s\",\"optional\":%s", type, optional ? "true" : "false");
    if (semantic != NULL) cup_text_printf(text, ",\"name\":\"%s\",\"version\":1", semantic);
}

static void put_decimal(struct cup_text *text, const struct cup_bank_column *column, bool as_text)
{
    bool optional = column->null_in > 0;
    if (as_text) {
        put_node(text, "string", optional, NULL);
        return;
    }
    put_node(text, "bytes", optional, "org.apache.kafka.connect.data.Decimal");
    cup_text_printf(text, ",\"parameters\":{\"scale\":\"%u\",\"connect.decimal.precision\":\"%u\"}",
                    (unsigned)column->scale, (unsigned)column->precision);
}

static void put_column(struct cup_text *text, const struct cup_bank_column *column,
                       bool decimal_text)
{
    bool optional = column->null_in > 0;
    switch (column->kind) {
    case CUP_CELL_LONG: put_node(text, "int64", optional, NULL); break;
    case CUP_CELL_SHORT: put_node(text, "int16", optional, NULL); break;
    case CUP_CELL_BOOL: put_node(text, "boolean", optional, NULL); break;
    case CUP_CELL_DOUBLE: put_node(text, "double", optional, NULL); break;
    case CUP_CELL_DECIMAL: put_decimal(text, column, decimal_text); break;
    case CUP_CELL_DATE: put_node(text, "int32", optional, "io.debezium.time.Date"); break;
    case CUP_CELL_ZONED:
        put_node(text, "string", optional, "io.debezium.time.ZonedTimestamp");
        break;
    case CUP_CELL_LOCAL:
        put_node(text, "int64", optional, "io.debezium.time.MicroTimestamp");
        break;
    case CUP_CELL_UUID: put_node(text, "string", optional, "io.debezium.data.Uuid"); break;
    case CUP_CELL_JSON: put_node(text, "string", optional, "io.debezium.data.Json"); break;
    case CUP_CELL_TEXT: put_node(text, "string", optional, NULL); break;
    case CUP_CELL_TAGS:
        cup_text_printf(text,
                        "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"optional\":true},"
                        "\"optional\":%s",
                        optional ? "true" : "false");
        break;
    }
    cup_text_printf(text, ",\"field\":\"%s\"}", column->name);
}

void cup_schema_key(struct cup_text *text, enum cup_bank_table table)
{
    uint32_t                      count;
    const struct cup_bank_column *columns = cup_bank_columns(table, &count);
    CUP_ASSERT(count > 0);
    cup_text_puts(text, "{\"type\":\"struct\",\"fields\":[");
    put_column(text, &columns[0], false);
    cup_text_printf(text, "],\"optional\":false,\"name\":\"pg.bank.%s.Key\"}",
                    cup_bank_name(table));
}

static void put_row(struct cup_text *text, enum cup_bank_table table, const char *member,
                    bool decimal_text)
{
    uint32_t                      count;
    const struct cup_bank_column *columns = cup_bank_columns(table, &count);
    cup_text_puts(text, "{\"type\":\"struct\",\"fields\":[");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) cup_text_puts(text, ",");
        put_column(text, &columns[i], decimal_text);
    }
    cup_text_printf(text, "],\"optional\":true,\"name\":\"pg.bank.%s.Value\",\"field\":\"%s\"},",
                    cup_bank_name(table), member);
}

static void put_fields(struct cup_text *text, const char *const (*fields)[2], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        cup_text_printf(text, "%s{\"type\":\"%s,\"field\":\"%s\"}", i > 0 ? "," : "", fields[i][0],
                        fields[i][1]);
}

#define COUNT_OF(list) ((uint32_t)(sizeof(list) / sizeof((list)[0])))
#define NEEDED         "\",\"optional\":false"
#define OPTIONAL       "\",\"optional\":true"
#define MARKER                                                                                     \
    OPTIONAL ",\"name\":\"io.debezium.data.Enum\",\"version\":1,\"parameters\":{\"allowed\":"      \
             "\"true,first,first_in_data_collection,last_in_data_collection,last,false,"           \
             "incremental\"},\"default\":\"false\""

void cup_schema_envelope(struct cup_text *text, enum cup_bank_table table, bool decimal_text)
{
    static const char *const source[][2] = {
        {"string" NEEDED, "version"},    {"string" NEEDED, "connector"},
        {"string" NEEDED, "name"},       {"int64" NEEDED, "ts_ms"},
        {"string" MARKER, "snapshot"},   {"string" NEEDED, "db"},
        {"string" OPTIONAL, "sequence"}, {"int64" OPTIONAL, "ts_us"},
        {"int64" OPTIONAL, "ts_ns"},     {"string" NEEDED, "schema"},
        {"string" NEEDED, "table"},      {"int64" OPTIONAL, "txId"},
        {"int64" OPTIONAL, "lsn"},       {"int64" OPTIONAL, "xmin"},
        {"string" OPTIONAL, "origin"},   {"int64" OPTIONAL, "origin_lsn"}};
    static const char *const transaction[][2] = {{"string" NEEDED, "id"},
                                                 {"int64" NEEDED, "total_order"},
                                                 {"int64" NEEDED, "data_collection_order"}};
    static const char *const stamps[][2]      = {{"string" NEEDED, "op"},
                                                 {"int64" OPTIONAL, "ts_ms"},
                                                 {"int64" OPTIONAL, "ts_us"},
                                                 {"int64" OPTIONAL, "ts_ns"}};

    cup_text_puts(text, "{\"type\":\"struct\",\"fields\":[");
    put_row(text, table, "before", decimal_text);
    put_row(text, table, "after", decimal_text);
    cup_text_puts(text, "{\"type\":\"struct\",\"fields\":[");
    put_fields(text, source, COUNT_OF(source));
    cup_text_puts(text, "],\"optional\":false,\"name\":\"io.debezium.connector.postgresql.Source\","
                        "\"version\":1,\"field\":\"source\"},{\"type\":\"struct\",\"fields\":[");
    put_fields(text, transaction, COUNT_OF(transaction));
    cup_text_puts(text, "],\"optional\":true,\"name\":\"event.block\",\"version\":1,"
                        "\"field\":\"transaction\"},");
    put_fields(text, stamps, COUNT_OF(stamps));
    cup_text_printf(text, "],\"optional\":false,\"name\":\"pg.bank.%s.Envelope\",\"version\":2}",
                    cup_bank_name(table));
}
