// SPDX-License-Identifier: Apache-2.0
/* Goal:   discover knows topics of tools by name, others by what is in them, and makes one pipeline
 *         of each source and format; the words of its commands are taken apart as help says.
 * Method: topics as cupel-kafka lists them and samples as it writes them, of every kind; format,
 *         source, reason and pipeline of each are compared with what was put in. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/stream.h"
#include "control/kafka/discover_priv.h"
#include "control/kafka/samples.h"
#include "tests/check.h"

#define EVENT(source)                                                                              \
    "{\\\"op\\\":\\\"c\\\",\\\"before\\\":null,\\\"after\\\":{\\\"id\\\":1},\\\"source\\\":{"      \
    "\\\"connector\\\":\\\"postgresql\\\",\\\"name\\\":\\\"" source                                \
    "\\\",\\\"schema\\\":\\\"s\\\",\\\"table\\\":\\\"t\\\"}}"
#define MAXWELL                                                                                    \
    "{\\\"database\\\":\\\"d\\\",\\\"table\\\":\\\"t\\\",\\\"type\\\":\\\"insert\\\",\\\"ts\\\":"  \
    "1,\\\"data\\\":{\\\"id\\\":1}}"
#define FLAT   "{\\\"id\\\":1,\\\"__op\\\":\\\"c\\\"}"
#define MARKER "{\\\"status\\\":\\\"BEGIN\\\",\\\"id\\\":\\\"7\\\",\\\"data_collections\\\":null}"

/* A topic, the text of its record's value, and what is to be found. */
static const struct {
    const char *name, *value, *format, *pipeline, *reason;
} topics[] = {
    {"__debezium-heartbeat.pg", EVENT("pg"), "", "", "heartbeats of a Debezium connector"},
    {"docker-connect-offsets", EVENT("pg"), "", "", "Kafka Connect's own: positions of connectors"},
    {"_cupel.a.b", EVENT("pg"), "", "", "cupel's own: epochs of an output"},
    {"pg.s.t", EVENT("pg"), "debezium", "pg", ""},
    {"routed", EVENT("pg"), "debezium", "pg", ""},
    {"pg.s.flyway_schema_history", EVENT("pg"), "debezium", "pg", ""},
    {"pg.flat", FLAT, "flattened", "pg-flattened", ""},
    {"flat.s.t", FLAT, "flattened", "flat", ""},
    {"flat.s.u", FLAT, "flattened", "flat", ""},
    {"maxwell", MAXWELL, "maxwell", "maxwell", ""},
    {"pg.transaction", MARKER, "", "", "transaction markers of a Debezium connector"},
    {"s.transaction", EVENT("pg"), "debezium", "pg", ""},
    {"rows", "{\\\"id\\\":1}", "", "",
     "JSON without a sign of change data; if each record is the row "
     "of its key, say format: upsert"},
    {"words", "hello", "", "", "its values are no JSON"},
    {"empty", NULL, "", "", "it has no records"},
};
#define COUNT (sizeof topics / sizeof *topics)

static void write_sample(const char *path, const char *topic, const char *value)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    for (int i = 0; i < 3; i++)
        fprintf(file,
                "{\"topic\":\"%s\",\"partition\":0,\"offset\":%d,\"key\":null,\"value\":\"%s\"}\n",
                topic, i, value);
    CHECK(fclose(file) == 0);
}

static void check_topics(struct cup_keep *keep, const char *folder)
{
    struct cup_found found = {0};
    struct cup_text  list  = {0};
    char             path[PATH_MAX];

    for (size_t i = 0; i < COUNT; i++)
        cup_text_printf(&list, "{\"topic\":\"%s\",\"partitions\":2,\"records\":%d}\n",
                        topics[i].name, topics[i].value == NULL ? 0 : 3);
    CHECK(cup_found_priv_read(keep, &found, list.at) && found.topic_count == COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct cup_found_topic *topic = &found.topics[i];
        if (topic->reason != NULL) continue;
        snprintf(path, sizeof path, "%s/%s.dump", folder, topic->name);
        if (topics[i].value != NULL) write_sample(path, topic->name, topics[i].value);
        topic->sample = cup_keep_string(keep, path);
        cup_found_priv_look(keep, topic);
    }
    cup_found_priv_group(keep, &found);
    for (size_t i = 0; i < COUNT; i++) {
        const struct cup_found_topic *topic = &found.topics[i];
        CHECK(topic->partition_count == 2);
        if (strcmp(topic->reason == NULL ? "" : topic->reason, topics[i].reason) != 0)
            fprintf(stderr, "%s: %s\n", topic->name, topic->reason == NULL ? "" : topic->reason);
        CHECK(strcmp(topic->reason == NULL ? "" : topic->reason, topics[i].reason) == 0);
        if (topic->reason != NULL) continue;
        CHECK(strcmp(cup_format_name((enum cup_format)topic->format), topics[i].format) == 0);
        CHECK(strcmp(found.pipelines[topic->pipeline].name, topics[i].pipeline) == 0);
    }
    CHECK(found.pipelines[found.topics[3].pipeline].named);  /* its records say so */
    CHECK(!found.pipelines[found.topics[9].pipeline].named); /* maxwell: they do not */
    CHECK(found.pipelines[found.topics[7].pipeline].topic_count == 2);
    CHECK(strcmp(found.topics[3].table, "s.t") == 0 && strcmp(found.topics[8].table, "s.u") == 0);
    CHECK(!cup_found_priv_read(keep, &found, "oops\n"));
    cup_text_free(&list);
}

static void check_words(void)
{
    char *good[]  = {"lake", "--to-topic=x", "--since", "2h", "--missing"};
    char *value[] = {"--to-topic"};
    char *other[] = {"--out", "x"};
    char *twice[] = {"a", "b"};
    char *flag[]  = {"--missing=1"};

    struct cup_stream stream;
    struct cup_text   says = {0};

    CHECK(cup_stream_parse("replay", 5, good, &stream, &says));
    CHECK(strcmp(stream.place, "lake") == 0 && stream.values[CUP_STREAM_MISSING] != NULL);
    CHECK(strcmp(stream.values[CUP_STREAM_TO_TOPIC], "x") == 0);
    CHECK(strcmp(stream.values[CUP_STREAM_SINCE], "2h") == 0);
    CHECK(stream.values[CUP_STREAM_UNTIL] == NULL && !stream.help);
    CHECK(!cup_stream_parse("replay", 1, value, &stream, &says));
    CHECK(!cup_stream_parse("replay", 2, other, &stream, &says)); /* of discover */
    CHECK(cup_stream_parse("discover", 2, other, &stream, &says));
    CHECK(!cup_stream_parse("lag", 2, twice, &stream, &says));
    CHECK(!cup_stream_parse("replay", 1, flag, &stream, &says));
    CHECK(strstr(says.at, "--to-topic needs a value") != NULL);
    CHECK(strstr(says.at, "replay has no option --out") != NULL);
    cup_text_clear(&says);
    cup_stream_put_help(&says, "lag");
    CHECK(strstr(says.at, "--json") != NULL && strstr(says.at, "--missing") == NULL);
    cup_text_free(&says);
}

/* What cupel-kafka reads: secrets by the path of their file. */
static void check_settings(void)
{
    struct cup_settings_property list[]   = {{"bootstrap.servers", "a:1,b:2", false},
                                             {"sasl.password", "/keys/p", true}};
    struct cup_settings_topic    names[]  = {{"a", false}, {"b.+", true}};
    struct cup_settings_input    input    = {.topics = names, .topic_count = 2};
    struct cup_settings          settings = {
                 .kafka = {.list = list, .count = 2}, .inputs = &input, .input_count = 1};
    struct cup_text text = {0};

    cup_samples_put_settings(&text, &settings.kafka);
    cup_samples_put_topics(&text, &settings);
    CHECK(strcmp(text.at, "text bootstrap.servers a:1,b:2\nfile sasl.password /keys/p\n"
                          "topic a\ntopic /b.+/\n") == 0);
    cup_text_free(&text);
}

int main(void)
{
    struct cup_keep  keep  = {0};
    struct cup_fault fault = {0};
    struct cup_text  says  = {0};

    CHECK(cup_keep_open(&keep, &fault) == CUP_OK);
    const char *folder = cup_samples_folder(&keep, &says);
    CHECK(folder != NULL);
    check_topics(&keep, folder);
    struct cup_inputs_file *files;
    uint32_t                count = 0;
    CHECK(cup_samples_list(&keep, folder, &files, &count, &says));
    CHECK(count == COUNT - 4 && strcmp(files[0].topic, "flat.s.t") == 0);
    cup_samples_remove(folder);
    CHECK(access(folder, F_OK) != 0);
    check_words();
    check_settings();
    cup_keep_close(&keep);
    return 0;
}
