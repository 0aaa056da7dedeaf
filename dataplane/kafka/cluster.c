// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kafka/cluster.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "dataplane/kafka/client_priv.h"

#define ABOUT_BYTES (CUP_FAULT_WHERE_BYTES / 2) /* the library's sentence needs the other half */
#define MOVING_MS   50   /* between questions about a leader that is being elected */
#define POLL_MS     1000 /* an answer may come this long after its request timed out */

/* Kafka's own: nobody's input, whatever a pattern says. */
static const char *const internal_names[] = {"__cluster_metadata", "__consumer_offsets",
                                             "__share_group_state", "__transaction_state"};

static bool is_internal(const char *name)
{
    for (size_t i = 0; i < sizeof(internal_names) / sizeof(internal_names[0]); i++)
        if (strcmp(internal_names[i], name) == 0) return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct cup_kafka_topic *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* One piece of memory: the list, then the names. */
static bool copy_topics(const struct rd_kafka_metadata *metadata, struct cup_kafka_topics *out)
{
    size_t count = (size_t)metadata->topic_cnt, bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += strlen(metadata->topics[i].topic) + 1;
    struct cup_kafka_topic *list = malloc(count * sizeof(*list) + bytes + 1);
    if (list == NULL) return false;
    char    *name = (char *)(list + count);
    uint32_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        /* one that is being made or deleted has no partitions yet, or no more */
        if (topic->partition_cnt <= 0 || is_internal(topic->topic)) continue;
        size_t size = strlen(topic->topic) + 1;
        memcpy(name, topic->topic, size);
        list[kept++] = (struct cup_kafka_topic){.name            = name,
                                                .partition_count = (uint32_t)topic->partition_cnt};
        name += size;
    }
    qsort(list, kept, sizeof(*list), by_name);
    *out = (struct cup_kafka_topics){.list = list, .count = kept};
    return true;
}

enum cup_err cup_kafka_topics_list(struct cup_kafka_client *client, int timeout_ms,
                                   struct cup_kafka_topics *out_topics, struct cup_fault *out_fault)
{
    const struct rd_kafka_metadata *metadata;
    struct cup_kafka_topics         topics;
    rd_kafka_t                     *handle = cup_kafka_priv_handle(client);

    rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 1, NULL, &metadata, timeout_ms);
    /* the library says it once, when the last one goes; an answer may be noted behind that. Of one
     * that never answered nothing is known: it may be slow */
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT && cup_kafka_priv_is_known(client))
        cup_kafka_priv_note(client, CUP_KAFKA_PRIV_ALL_DOWN);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return cup_kafka_priv_fail(client, code, NULL, "list topics", out_fault);
    bool is_copied = copy_topics(metadata, &topics);
    rd_kafka_metadata_destroy(metadata);
    if (!is_copied) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list topics", "");
    char *id = rd_kafka_clusterid(handle, timeout_ms); /* came with the metadata */
    if (id != NULL) topics.cluster_hash = cup_hash_bytes(CUP_HASH_START, id, strlen(id));
    rd_kafka_mem_free(handle, id);
    cup_kafka_priv_well(client);
    *out_topics = topics;
    return CUP_OK;
}

void cup_kafka_topics_free(struct cup_kafka_topics *topics)
{
    free(topics->list);
    *topics = (struct cup_kafka_topics){0};
}

/* What a broker says of a partition whose leader is another one since a moment ago, or will be
 * soon: the library then asks who. */
static bool is_moving(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH;
}

static uint64_t due_ns(int timeout_ms)
{
    return cup_clock_mono_ns() + (unsigned)timeout_ms * (CUP_NS_PER_S / 1000);
}

/* A question about places that is asked until due_ns. */
struct question {
    struct cup_kafka_client      *client;
    const struct cup_kafka_place *places;
    uint32_t                      count;
    int                           timeout_ms;
    uint64_t                      due_ns;
};

static bool is_listed(const struct cup_kafka_topics *topics, const struct cup_kafka_place *place)
{
    const struct cup_kafka_topic  wanted = {.name = place->topic};
    const struct cup_kafka_topic *found =
        bsearch(&wanted, topics->list, topics->count, sizeof wanted, by_name);
    return found != NULL && (uint32_t)place->partition < found->partition_count;
}

/* Of a partition without a leader (its broker was fenced for a moment) the library says that it
 * knows no such partition. */
static bool have_no_leader(const struct question *question, rd_kafka_resp_err_t code)
{
    struct cup_kafka_topics topics;
    struct cup_fault        fault; /* the answer's own code is told */
    bool                    are_listed = true;

    if (code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) return false;
    if (cup_kafka_topics_list(question->client, question->timeout_ms, &topics, &fault) != CUP_OK)
        return false;
    for (uint32_t i = 0; are_listed && i < question->count; i++)
        are_listed = is_listed(&topics, &question->places[i]);
    cup_kafka_topics_free(&topics);
    return are_listed;
}

/* True, after a moment, while asking again may help. */
static bool is_to_ask_again(const struct question *question, rd_kafka_resp_err_t code)
{
    if (cup_clock_mono_ns() >= question->due_ns) return false;
    if (!is_moving(code) && !have_no_leader(question, code)) return false;
    (void)poll(NULL, 0, MOVING_MS); /* a sleep */
    return true;
}

enum cup_err cup_kafka_watermarks(struct cup_kafka_client *client, const char *topic,
                                  int32_t partition, int timeout_ms, int64_t *out_low,
                                  int64_t *out_high, struct cup_fault *out_fault)
{
    const struct cup_kafka_place place    = {.topic = topic, .partition = partition};
    const struct question        question = {.client     = client,
                                             .places     = &place,
                                             .count      = 1,
                                             .timeout_ms = timeout_ms,
                                             .due_ns     = due_ns(timeout_ms)};
    char                         about[ABOUT_BYTES];
    rd_kafka_resp_err_t          code;
    int64_t                      low, high;

    do
        code = rd_kafka_query_watermark_offsets(cup_kafka_priv_handle(client), topic, partition,
                                                &low, &high, timeout_ms);
    while (is_to_ask_again(&question, code));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(about, sizeof(about), "%s/%d", topic, partition);
        return cup_kafka_priv_fail(client, code, NULL, about, out_fault);
    }
    cup_kafka_priv_well(client);
    *out_low  = low;
    *out_high = high;
    return CUP_OK;
}

static rd_kafka_topic_partition_list_t *list_of(const struct cup_kafka_place *places,
                                                uint32_t                      count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);

    for (uint32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, places[i].topic, places[i].partition)->offset =
            places[i].offset;
    return list;
}

/* --- offsets of times --- */

/* Fills the list with what the brokers answer; a code of any place is the answer's. */
static rd_kafka_resp_err_t ask(struct cup_kafka_client         *client,
                               const struct cup_kafka_place    *places,
                               rd_kafka_topic_partition_list_t *list, int timeout_ms,
                               const rd_kafka_topic_partition_t **out_failed)
{
    *out_failed = NULL;
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = places[i].offset;
        list->elems[i].err    = RD_KAFKA_RESP_ERR__TIMED_OUT; /* until a broker says otherwise */
    }
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(cup_kafka_priv_handle(client), list, timeout_ms);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
        code        = list->elems[i].err;
        *out_failed = &list->elems[i];
    }
    return code;
}

/* Turns each offset, a time or one of the protocol's special ones, into what the brokers answer. */
static enum cup_err find_offsets(struct cup_kafka_client *client, struct cup_kafka_place *places,
                                 uint32_t count, int timeout_ms, struct cup_fault *out_fault)
{
    const struct question             question           = {.client     = client,
                                                            .places     = places,
                                                            .count      = count,
                                                            .timeout_ms = timeout_ms,
                                                            .due_ns     = due_ns(timeout_ms)};
    rd_kafka_topic_partition_list_t  *list               = list_of(places, count);
    char                              about[ABOUT_BYTES] = "offsets of partitions";
    enum cup_err                      err                = CUP_OK;
    const rd_kafka_topic_partition_t *failed;
    rd_kafka_resp_err_t               code;

    do
        code = ask(client, places, list, timeout_ms, &failed);
    while (is_to_ask_again(&question, code));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        cup_kafka_priv_well(client);
        for (uint32_t i = 0; i < count; i++)
            places[i].offset = list->elems[i].offset;
    } else {
        if (failed != NULL)
            snprintf(about, sizeof about, "%s/%d", failed->topic, failed->partition);
        err = cup_kafka_priv_fail(client, code, NULL, about, out_fault);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

enum cup_err cup_kafka_offsets_for_times(struct cup_kafka_client *client,
                                         struct cup_kafka_place *places, uint32_t count,
                                         int timeout_ms, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;
    int64_t      low;

    if (count > 0) err = find_offsets(client, places, count, timeout_ms, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < count; i++) {
        if (places[i].offset >= 0) continue; /* else no record is that young: the end */
        err = cup_kafka_watermarks(client, places[i].topic, places[i].partition, timeout_ms, &low,
                                   &places[i].offset, out_fault);
    }
    return err;
}

enum cup_err cup_kafka_ends(struct cup_kafka_client *client, struct cup_kafka_place *places,
                            uint32_t count, int timeout_ms, struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < count; i++)
        places[i].offset = RD_KAFKA_OFFSET_END; /* the protocol's "time" of the end, too */
    return count == 0 ? CUP_OK : find_offsets(client, places, count, timeout_ms, out_fault);
}

/* --- group offsets --- */

/* Whoever keeps the group has just begun, is being chosen or was not heard: asking again helps. */
static bool is_passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

/* The code of the answer: of the request, of its group or of the first partition that has one. */
static rd_kafka_resp_err_t code_of(rd_kafka_event_t *answer)
{
    rd_kafka_resp_err_t code  = rd_kafka_event_error(answer);
    size_t              count = 0;

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(answer), &count);
    CUP_ASSERT(count == 1);
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    if (error != NULL) return rd_kafka_error_code(error);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
        code = list->elems[i].err;
    return code;
}

enum cup_err cup_kafka_advice(struct cup_kafka_client *client, int timeout_ms)
{
    if (!client->is_advising) return client->advised;
    rd_kafka_event_t *answer = rd_kafka_queue_poll(client->advice, timeout_ms);
    if (answer == NULL) return CUP_AGAIN;
    client->is_advising = false;
    client->advised     = is_passing(code_of(answer)) ? CUP_IO : CUP_OK;
    rd_kafka_event_destroy(answer);
    return client->advised;
}

/* A consumer's own commit would do the same, but a request of it that a broker has, and does not
 * answer, keeps the handle from being destroyed until socket.timeout.ms. */
void cup_kafka_advise(struct cup_kafka_client *client, const char *group,
                      const struct cup_kafka_place *places, uint32_t count)
{
    rd_kafka_t *handle = cup_kafka_priv_handle(client);

    CUP_ASSERT(count > 0);
    CUP_ASSERT(!client->is_advising);
    if (client->advice == NULL) client->advice = rd_kafka_queue_new(handle);
    rd_kafka_topic_partition_list_t      *list = list_of(places, count);
    rd_kafka_AlterConsumerGroupOffsets_t *request =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_AlterConsumerGroupOffsets(handle, &request, 1, NULL, client->advice);
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    client->is_advising = true;
}

/* The request, as the library wants it; NULL and *out_fault when a setting is impossible. */
static rd_kafka_NewTopic_t *new_topic(struct cup_kafka_client          *client,
                                      const struct cup_kafka_new_topic *topic,
                                      struct cup_fault                 *out_fault)
{
    char                 error[CUP_FAULT_WHERE_BYTES];
    int                  partitions = topic->partition_count ? (int)topic->partition_count : -1;
    int                  replicas   = topic->replication ? (int)topic->replication : -1;
    rd_kafka_NewTopic_t *request =
        rd_kafka_NewTopic_new(topic->name, partitions, replicas, error, sizeof(error));

    if (request == NULL) {
        (void)cup_kafka_priv_fail(client, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, error, topic->name,
                                  out_fault);
        return NULL;
    }
    for (uint32_t i = 0; i < topic->setting_count; i++) {
        const struct cup_kafka_setting *setting = &topic->settings[i];
        rd_kafka_resp_err_t             code =
            rd_kafka_NewTopic_set_config(request, setting->name, setting->value);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        (void)cup_kafka_priv_fail(client, RD_KAFKA_RESP_ERR_INVALID_CONFIG, setting->name,
                                  topic->name, out_fault);
        rd_kafka_NewTopic_destroy(request);
        return NULL;
    }
    return request;
}

/* What became of the one topic of the request. AGAIN: no broker is in service for a moment. */
static enum cup_err judge(struct cup_kafka_client *client, rd_kafka_event_t *event,
                          const char *name, struct cup_fault *out_fault)
{
    char about[ABOUT_BYTES];

    snprintf(about, sizeof(about), "create topic %s", name);
    if (event == NULL)
        return cup_kafka_priv_fail(client, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, about, out_fault);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return cup_kafka_priv_fail(client, rd_kafka_event_error(event),
                                   rd_kafka_event_error_string(event), about, out_fault);
    size_t                          count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    CUP_ASSERT(count == 1);
    cup_kafka_priv_well(client);
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[0]);
    const char         *text = rd_kafka_topic_result_error_string(results[0]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return CUP_OK;
    enum cup_err err = cup_kafka_priv_fail(client, code, text, about, out_fault);
    if (code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR && err == CUP_IO) return CUP_AGAIN;
    if (code != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
        code != RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        return err;
    out_fault->err = CUP_BAD_CONFIG; /* trying again helps nobody */
    return CUP_BAD_CONFIG;
}

static enum cup_err create(struct cup_kafka_client *client, const struct cup_kafka_new_topic *topic,
                           int timeout_ms, struct cup_fault *out_fault)
{
    char                 error[CUP_FAULT_WHERE_BYTES];
    rd_kafka_t          *handle  = cup_kafka_priv_handle(client);
    rd_kafka_NewTopic_t *request = new_topic(client, topic, out_fault);

    if (request == NULL) return CUP_BAD_CONFIG;
    rd_kafka_queue_t        *queue = rd_kafka_queue_new(handle);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    /* A time that the library refuses leaves its default. */
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, error, sizeof(error));
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, error, sizeof(error));
    rd_kafka_CreateTopics(handle, &request, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + POLL_MS);
    enum cup_err      err   = judge(client, event, topic->name, out_fault);
    if (event != NULL) rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(request);
    return err;
}

enum cup_err cup_kafka_topic_create(struct cup_kafka_client          *client,
                                    const struct cup_kafka_new_topic *topic, int timeout_ms,
                                    struct cup_fault *out_fault)
{
    const uint64_t due = due_ns(timeout_ms);
    enum cup_err   err = create(client, topic, timeout_ms, out_fault);

    while (err == CUP_AGAIN && cup_clock_mono_ns() < due) {
        (void)poll(NULL, 0, MOVING_MS); /* a sleep */
        err = create(client, topic, timeout_ms, out_fault);
    }
    return err == CUP_AGAIN ? out_fault->err : err;
}
