// SPDX-License-Identifier: Apache-2.0
#include "control/cli/help.h"

#include <string.h>

#include "control/cli/stream.h"
#include "control/cli/tool.h"
#include "control/contract/contract.h"
#include "control/contract/sqltype.h"

void cup_help_overview(struct cup_text *text)
{
    cup_text_puts(text, "cupel " CUP_VERSION
                        ": change-data-capture JSON in, a medallion lake out, exactly once\n\n"
                        "  cupel run --input 'captures/*.ndjson' --lake ./lake --until-end\n"
                        "  cupel run --brokers localhost:9092 --topics '/bank\\..*/' --lake "
                        "./lake\n\n"
                        "reads Debezium change events whose schemas are embedded and leaves\n\n"
                        "  lake/default/silver/...      typed Delta tables, one per source table\n"
                        "  lake/default/bronze/run/     every byte that arrived, replayable\n"
                        "  lake/default/quarantine/run/ every record that was refused, and why\n"
                        "  lake/_cupel/                 journal and ledger\n\n"
                        "Records without schemas need a contract: see cupel help contract.\n\n"
                        "commands\n");
    for (int i = 0; i < CUP_COMMAND_COUNT; i++) {
        const struct cup_command_row *row = cup_command_row((enum cup_command)i);
        cup_text_printf(text, "  %-9s %s\n", row->name, row->text);
    }
    cup_text_puts(text, "\nexit codes: 0 fine (refused records included: see the summary), "
                        "1 the run stopped, 2 usage or configuration\n");
}

static void put_options(struct cup_text *text)
{
    cup_text_puts(text, "\noptions\n");
    for (int i = 0; i < CUP_OPTION_COUNT; i++) {
        const struct cup_option_row *row = cup_option_row((enum cup_option)i);
        char                         name[64];
        snprintf(name, sizeof(name), "%s %s", row->name, row->argument);
        cup_text_printf(text, "  %-24s %s", name, row->text);
        if (row->key != CUP_KEY_COUNT) {
            const char *standard = cup_key_row((enum cup_key)row->key)->standard;
            if (*standard != '\0') cup_text_printf(text, " [%s]", standard);
        }
        cup_text_puts(text, "\n");
    }
}

static void put_replay(struct cup_text *text, enum cup_command command)
{
    if (command == CUP_COMMAND_DISCOVER)
        cup_text_puts(
            text, "\nTopics are grouped by the connector's name in their records, else by what "
                  "their names begin with.\nTopics that tools keep for themselves, empty ones and "
                  "those without changes are listed with the reason.\nFOLDER is a pipeline whose "
                  "pipeline.yaml says how to reach the cluster (TLS, SASL).\n");
    if (command == CUP_COMMAND_LAG)
        cup_text_puts(text, "\ncommitted: in a decided epoch. visible: in all tables. records: "
                            "offsets up to the end that a reader of\ncommitted records sees; marks "
                            "of transactions and compacted records count. seconds: since the time "
                            "of the\nfirst record that is not committed. Positions come from the "
                            "lake's journals, not from a group.\n");
    if (command == CUP_COMMAND_REPLAY)
        cup_text_puts(
            text,
            "\nRecords come out byte for byte as they came in, each input in order. LAKE with "
            "--pipeline, or a pipeline's FOLDER.\n  --to-topic    sent idempotently; called twice, "
            "it sends them twice: choose with --offsets or --since\n  --to-lake, --to-domain  the "
            "folder's pipeline reads them into tables that are new; interrupted, call it again\n"
            "  --missing     _topic, _partition and _offset of silver's rows are compared with "
            "bronze: what has a row is\n                skipped and counted; the rest is judged as "
            "a retry is (cupel help quarantine)\n");
}

void cup_help_command(struct cup_text *text, enum cup_command command)
{
    const struct cup_command_row *row = cup_command_row(command);

    cup_text_printf(text, "cupel %s %s\n\n%s\n\nexample\n  %s\n", row->name, row->arguments,
                    row->text, row->example);
    if (command == CUP_COMMAND_RUN)
        cup_text_puts(
            text,
            "\nFOLDER holds pipeline.yaml and contracts/*.odcs.yaml; options go "
            "over what it says.\nWith --until-end, files are read to their end; "
            "the next run reads what has been added since.\nWithout, files are "
            "followed: new, growing, rotated and truncated ones, whole lines as "
            "they come.\nTopics (--brokers, --topics, or kafka and input in "
            "pipeline.yaml) are read to where they end at the start,\nor for ever; "
            "what is new of them is found. With output, each epoch that is in the "
            "lake is published too.\n^C or SIGTERM finishes the open epoch; the next run goes "
            "on behind it.\n");
    if (command == CUP_COMMAND_RECOVER)
        cup_text_puts(text,
                      "\ncupel recover LAKE explains every shard and changes nothing. Behind "
                      "LAKE, with --pipeline DOMAIN/NAME and --shard N if there are more:\n"
                      "  adopt             the journal is lost, damaged or older than the "
                      "tables: make one from the ledger and the tables\n"
                      "  discard --epoch E give up a decided epoch that is in no table yet; "
                      "its records are read again\n"
                      "  discard --table T take a table as it is now; the epochs that it lost "
                      "stay missing from it\n"
                      "Both only say what they would do, until --yes is given. --json prints "
                      "the explanation for programs.\n");
    if (command == CUP_COMMAND_CONTRACT) cup_tool_put_help(text);
    if (command == CUP_COMMAND_QUARANTINE)
        cup_text_puts(
            text, "\n  ls LAKE|FOLDER     open records by reason and table, with help; --json\n"
                  "  show LAKE|FOLDER   each of them with its bytes and the one that failed; "
                  "--limit N, --json,\n"
                  "                     --raw: the bytes and nothing else\n"
                  "  retry FOLDER       have them judged again, as the contracts and limits are "
                  "now: each gets\n"
                  "                     into silver once, or stays; FOLDER: of the pipeline "
                  "(none: --lake LAKE)\n"
                  "  drop FOLDER        give them up, noted with who did it; needs a choice, "
                  "and --yes\n"
                  "a choice, for each: --reason NAME, --table PATH, --since TIME|AGE, --offset "
                  "TOPIC/PARTITION/OFFSET\n"
                  "retry and drop: --dry-run only counts; they need the pipeline, or its shard 0, "
                  "not to run\n");
    put_replay(text, command);
    cup_stream_put_help(text, row->name);
    if (command == CUP_COMMAND_RUN || command == CUP_COMMAND_VALIDATE) put_options(text);
}

static void put_keys(struct cup_text *text)
{
    cup_text_puts(text, "keys of pipeline.yaml; ${NAME} in a value is taken from the environment;\n"
                        "paths are relative to the folder of pipeline.yaml\n");
    for (int i = 0; i < CUP_KEY_COUNT; i++) {
        const struct cup_key_row *row = cup_key_row((enum cup_key)i);
        cup_text_printf(text, "\n%s   (%s", row->key, row->unit);
        if (row->most > 0 && strcmp(row->unit, "time") == 0)
            cup_text_printf(text, ", %llums to %llums", (unsigned long long)row->least / 1000000,
                            (unsigned long long)row->most / 1000000);
        else if (strcmp(row->unit, "share") == 0) /* kept in millionths */
            cup_text_printf(text, ", %llu%% to %llu%%", (unsigned long long)row->least / 10000,
                            (unsigned long long)row->most / 10000);
        else if (row->most > 0)
            cup_text_printf(text, ", %llu to %llu", (unsigned long long)row->least,
                            (unsigned long long)row->most);
        cup_text_puts(text, ")\n");
        cup_text_printf(text, "  %s\n", row->text);
        if (*row->standard != '\0') cup_text_printf(text, "  default: %s\n", row->standard);
    }
}

static void put_rules(struct cup_text *text)
{
    cup_text_puts(text, "\nrules for a value: logicalTypeOptions; enum; quality with mustBe: 0 and "
                        "metric nullValues,\nmissingValues (arguments.missingValues), "
                        "invalidValues (arguments.validValues or .pattern).\nA record that breaks "
                        "one goes to quarantine, whose column rule is table.column.rule\n");
    for (int i = 0; i < CUP_RULE_COUNT; i++)
        cup_text_printf(text, "  %-18s %s\n", cup_rule_name((enum cup_rule)i),
                        cup_rule_text((enum cup_rule)i));
    for (uint32_t i = 0; i < cup_contract_format_count(); i++)
        cup_text_printf(text, "  format: %-10s %s\n", cup_contract_format_row(i)->name,
                        cup_contract_format_row(i)->text);
    cup_text_puts(text, "\nrules for a table's records of one epoch: quality of the table with "
                        "metric rowCount, or\ninvalidValues with unit: percent or rows; "
                        "slaProperties latency or freshness\n");
    for (int i = 0; i < CUP_DATASET_COUNT; i++)
        cup_text_printf(text, "  %-18s %s\n", cup_dataset_name((enum cup_dataset)i),
                        cup_dataset_text((enum cup_dataset)i));
    for (int i = 0; i < CUP_ACTION_COUNT; i++)
        cup_text_printf(text, "  onFailure: %-7s %s\n", cup_action_name((enum cup_action)i),
                        cup_action_text((enum cup_action)i));
    cup_text_puts(text, "cupel validate lists what a contract promises and cupel does not check\n");
}

static void put_contract(struct cup_text *text)
{
    cup_text_puts(
        text,
        "contracts/*.odcs.yaml (Open Data Contract Standard v3.1) name tables whose records carry "
        "no schema\n\n"
        "apiVersion: v3.1.0\nkind: DataContract\nid: bank-account\nversion: 1.0.0\n"
        "status: active\nschema:\n  - name: account            # or physicalName: bank.account\n"
        "    customProperties:\n      - {property: sourceSchema, value: bank}\n"
        "      - {property: replicaIdentity, value: default}   # or full: deletes carry whole "
        "rows\n"
        "    properties:\n      - name: account_id\n        physicalType: bigint\n"
        "        primaryKey: true\n        required: true\n      - name: balance\n"
        "        physicalType: numeric(18,2)\n        customProperties:\n"
        "          - {property: wire, value: decimal_base64}   # never guessed\n\n"
        "partitioned: true (partitionKeyPosition: 1, 2, ...) on columns of the key makes them "
        "partition\ncolumns: text, integers, booleans, dates, timestamps with time zone\n\n"
        "physicalType\n");
    for (uint32_t i = 0; i < cup_sqltype_count(); i++) {
        const struct cup_sqltype_row *row = cup_sqltype_row(i);
        cup_text_printf(text, "  %-28s %s", row->name, row->text);
        cup_text_puts(text, row->wire == CUP_ENCODING_COUNT ? "; wire must be given\n" : "\n");
    }
    cup_text_puts(text, "\ncustomProperties\n");
    for (uint32_t i = 0; i < cup_contract_custom_count(); i++) {
        const struct cup_contract_custom *row = cup_contract_custom_row(i);
        cup_text_printf(text, "  %-16s (%s) %s", row->property,
                        row->of_column    ? "column"
                        : row->of_quality ? "quality"
                                          : "table",
                        row->text);
        if (*row->words != '\0') cup_text_printf(text, "; allowed: %s", row->words);
        cup_text_puts(text, "\n");
    }
    put_rules(text);
    cup_text_puts(text, "\nwire\n");
    for (int i = 0; i < CUP_ENCODING_COUNT; i++) {
        const struct cup_encoding_row *row = cup_encoding_row((enum cup_encoding)i);
        cup_text_printf(text, "  %-18s %s\n", row->name, row->text);
    }
}

static void put_outcomes(struct cup_text *text)
{
    static const char *const classes[] = {"accepted", "quarantined", "dropped"};

    cup_text_puts(text, "every record ends in exactly one outcome\n\n");
    for (int i = 0; i < CUP_OUTCOME_COUNT; i++) {
        enum cup_outcome outcome = (enum cup_outcome)i;
        cup_text_printf(text, "  %-22s %-12s %s\n", cup_outcome_name(outcome),
                        classes[cup_outcome_class(outcome)], cup_outcome_text(outcome));
    }
}

bool cup_help_topic(struct cup_text *text, const char *topic)
{
    enum cup_command command = cup_args_command(topic);

    CUP_ASSERT(topic != NULL);
    if (command == CUP_COMMAND_CONTRACT) {
        cup_help_command(text, command);
        cup_text_puts(text, "\n");
        put_contract(text);
    } else if (command != CUP_COMMAND_COUNT)
        cup_help_command(text, command);
    else if (strcmp(topic, "config") == 0)
        put_keys(text);
    else if (strcmp(topic, "contract") == 0)
        put_contract(text);
    else if (strcmp(topic, "outcomes") == 0)
        put_outcomes(text);
    else
        return false;
    return true;
}
