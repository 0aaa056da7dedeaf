// SPDX-License-Identifier: Apache-2.0
/* Goal:   client.h and cluster.h can be asked from Python, one command a line.
 * Method: the arguments are the role and settings (name=value, name=@file); commands come on
 *         standard input, answers leave on standard output: "ok ..." or "ERROR|what|where". Judged
 *         by test_cluster.py and test_misconfigured.py. */
#include <time.h>

#include "dataplane/kafka/cluster.h"
#include "tests/check.h"

#define WORDS_MAX    16
#define SETTINGS_MAX 32

static const char *name_of(enum cup_err err)
{
    switch (err) {
#define CUP_ERR(id, value, text)                                                                   \
    case CUP_##id:                                                                                 \
        return #id;
#include "base/err.def"
#undef CUP_ERR
    }
    return "?";
}

static void say(enum cup_err err, const struct cup_fault *fault)
{
    if (err == CUP_OK)
        puts("ok");
    else
        printf("%s|%s|%s\n", name_of(err), fault->what, fault->where);
    fflush(stdout);
}

static uint32_t parse(char **texts, int count, struct cup_kafka_setting *out)
{
    CHECK(count <= SETTINGS_MAX);
    for (int i = 0; i < count; i++) {
        char *equals = strchr(texts[i], '=');
        CHECK(equals != NULL);
        *equals = '\0';
        out[i]  = (struct cup_kafka_setting){.name    = texts[i],
                                             .value   = equals + 1 + (equals[1] == '@'),
                                             .is_file = equals[1] == '@'};
    }
    return (uint32_t)count;
}

static void list(struct cup_kafka_client *client, int timeout_ms)
{
    struct cup_kafka_topics topics;
    struct cup_fault        fault;
    enum cup_err            err = cup_kafka_topics_list(client, timeout_ms, &topics, &fault);

    if (err != CUP_OK) {
        say(err, &fault);
        return;
    }
    printf("ok %016llx", (unsigned long long)topics.cluster_hash);
    for (uint32_t i = 0; i < topics.count; i++)
        printf(" %s=%u", topics.list[i].name, topics.list[i].partition_count);
    puts("");
    fflush(stdout);
    cup_kafka_topics_free(&topics);
}

static void watermarks(struct cup_kafka_client *client, char **words, int timeout_ms)
{
    struct cup_fault fault;
    int64_t          low, high;
    enum cup_err err = cup_kafka_watermarks(client, words[1], (int32_t)strtol(words[2], NULL, 10),
                                            timeout_ms, &low, &high, &fault);

    if (err != CUP_OK) {
        say(err, &fault);
        return;
    }
    printf("ok %lld %lld\n", (long long)low, (long long)high);
    fflush(stdout);
}

/* times TOPIC MS MS ...: of partitions 0, 1, ... */
static void times(struct cup_kafka_client *client, char **words, uint32_t count, int timeout_ms)
{
    struct cup_kafka_place places[WORDS_MAX];
    struct cup_fault       fault;

    for (uint32_t i = 2; i < count; i++)
        places[i - 2] = (struct cup_kafka_place){
            .topic = words[1], .partition = (int32_t)i - 2, .offset = strtoll(words[i], NULL, 10)};
    enum cup_err err = cup_kafka_offsets_for_times(client, places, count - 2, timeout_ms, &fault);
    if (err != CUP_OK) {
        say(err, &fault);
        return;
    }
    fputs("ok", stdout);
    for (uint32_t i = 2; i < count; i++)
        printf(" %lld", (long long)places[i - 2].offset);
    puts("");
    fflush(stdout);
}

/* create TOPIC PARTITIONS REPLICATION NAME=VALUE ... */
static void create(struct cup_kafka_client *client, char **words, int count, int timeout_ms)
{
    struct cup_kafka_setting   settings[SETTINGS_MAX];
    struct cup_fault           fault;
    struct cup_kafka_new_topic topic = {
        .name            = words[1],
        .partition_count = (uint32_t)strtoul(words[2], NULL, 10),
        .replication     = (uint32_t)strtoul(words[3], NULL, 10),
        .settings        = settings,
        .setting_count   = parse(words + 4, count - 4, settings),
    };
    say(cup_kafka_topic_create(client, &topic, timeout_ms, &fault), &fault);
}

static void act(struct cup_kafka_client *client, char **words, int count, int timeout_ms)
{
    struct cup_fault fault;

    if (strcmp(words[0], "list") == 0) {
        list(client, timeout_ms);
    } else if (strcmp(words[0], "watermarks") == 0) {
        watermarks(client, words, timeout_ms);
    } else if (strcmp(words[0], "times") == 0) {
        times(client, words, (uint32_t)count, timeout_ms);
    } else if (strcmp(words[0], "create") == 0) {
        create(client, words, count, timeout_ms);
    } else if (strcmp(words[0], "trouble") == 0) {
        say(cup_kafka_client_trouble(client, &fault), &fault);
    } else if (strcmp(words[0], "advise") == 0) {
        struct cup_kafka_place place = {.topic     = words[2],
                                        .partition = (int32_t)strtol(words[3], NULL, 10),
                                        .offset    = strtoll(words[4], NULL, 10)};
        cup_kafka_advise(client, words[1], &place, 1);
        say(CUP_OK, NULL);
    } else if (strcmp(words[0], "advice") == 0) {
        puts(name_of(cup_kafka_advice(client, timeout_ms)));
        fflush(stdout);
    } else {
        CHECK(!"a command");
    }
}

int main(int argc, char **argv)
{
    static char              line[4096];
    struct cup_kafka_setting settings[SETTINGS_MAX];
    struct cup_kafka_client *client;
    struct cup_fault         fault;

    CHECK(argc > 2);
    enum cup_kafka_role role =
        strcmp(argv[1], "producer") == 0 ? CUP_KAFKA_PRODUCER : CUP_KAFKA_CONSUMER;
    int          timeout_ms = (int)strtol(argv[2], NULL, 10);
    uint32_t     count      = parse(argv + 3, argc - 3, settings);
    enum cup_err err = cup_kafka_client_open(role, settings, count, NULL, 0, &client, &fault);
    say(err, &fault);
    while (err == CUP_OK && fgets(line, sizeof(line), stdin) != NULL) {
        char *words[WORDS_MAX], *rest = NULL;
        int   word_count = 0;
        for (char *word = strtok_r(line, " \n", &rest); word != NULL && word_count < WORDS_MAX;
             word       = strtok_r(NULL, " \n", &rest))
            words[word_count++] = word;
        act(client, words, word_count, timeout_ms);
    }
    if (err == CUP_OK) cup_kafka_client_close(client);
    return 0;
}
