// SPDX-License-Identifier: Apache-2.0
/* drain: reads all partitions of topics to their ends with librdkafka and looks at nothing: the
 * least that reading Kafka costs on these cores.
 *
 *     drain BROKERS TOPIC...        prints records and bytes */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#define BATCH 10000

int main(int argc, char **argv)
{
    char                             why[512];
    static rd_kafka_message_t       *batch[BATCH];
    rd_kafka_conf_t                 *conf    = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list    = rd_kafka_topic_partition_list_new(16);
    uint64_t                         records = 0, bytes = 0;

    if (argc < 3) return 2;
    if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof why) ||
        rd_kafka_conf_set(conf, "group.id", "drain", why, sizeof why) ||
        rd_kafka_conf_set(conf, "check.crcs", "true", why, sizeof why) ||
        rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof why))
        return 1;
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (consumer == NULL) return 1;
    rd_kafka_poll_set_consumer(consumer);
    for (int i = 2; i < argc; i++) {
        const struct rd_kafka_metadata *told;
        rd_kafka_topic_t               *topic = rd_kafka_topic_new(consumer, argv[i], NULL);
        if (rd_kafka_metadata(consumer, 0, topic, &told, 10000)) return 1;
        for (int p = 0; p < told->topics[0].partition_cnt; p++)
            rd_kafka_topic_partition_list_add(list, argv[i], p)->offset = 0;
        rd_kafka_metadata_destroy(told);
        rd_kafka_topic_destroy(topic);
    }
    int open = list->cnt;
    if (rd_kafka_assign(consumer, list)) return 1;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    while (open > 0) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 1000, batch, BATCH);
        for (ssize_t i = 0; i < count; i++) {
            if (batch[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                open--;
            else if (batch[i]->err == 0)
                records++, bytes += batch[i]->len;
            rd_kafka_message_destroy(batch[i]);
        }
    }
    printf("%" PRIu64 " records, %" PRIu64 " bytes\n", records, bytes);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return 0;
}
