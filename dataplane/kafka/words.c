// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kafka/client_priv.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

enum when { WHEN_ALWAYS, WHEN_OLD_SCRAM, WHEN_VAGUE };

struct cup_kafka_words {
    rd_kafka_resp_err_t code;
    const char         *sign;
    enum when           when;
    enum cup_err        err;
    const char         *sentence;
};

static const struct cup_kafka_words words[] = {
#define CUP_WORDS(code, sign, when, err, sentence)                                                 \
    {RD_KAFKA_RESP_ERR_##code, sign, WHEN_##when, CUP_##err, sentence},
#include "dataplane/kafka/words.def"
#undef CUP_WORDS
};
#define WORDS_COUNT (sizeof(words) / sizeof(words[0]))

/* The library tries again at least every 2 s (client.c) and gives up a connection after 10: when
 * no broker was down for so long, one is up. */
#define DOWN_MS 15000u

static uint64_t now_ms(void)
{
    return cup_clock_mono_ns() / 1000000;
}

static bool fits(const struct cup_kafka_client *client, const struct cup_kafka_words *row,
                 const char *text)
{
    if (row->when == WHEN_OLD_SCRAM && !client->has_old_scram) return false;
    return strstr(text, row->sign) != NULL;
}

static const struct cup_kafka_words *words_of_code(const struct cup_kafka_client *client,
                                                   rd_kafka_resp_err_t code, const char *text)
{
    for (size_t i = 0; i < WORDS_COUNT; i++)
        if (words[i].code == code && fits(client, &words[i], text)) return &words[i];
    return NULL;
}

static const struct cup_kafka_words *words_of_line(const struct cup_kafka_client *client,
                                                   const char                    *line)
{
    static const struct cup_kafka_words unknown = {
        .when     = WHEN_VAGUE,
        .err      = CUP_IO,
        .sentence = "a broker cannot be used: check kafka.brokers and kafka.security"};

    for (size_t i = 0; i < WORDS_COUNT; i++)
        if (words[i].sign[0] != '\0' && fits(client, &words[i], line)) return &words[i];
    return &unknown;
}

void cup_kafka_priv_note(struct cup_kafka_client *client, const char *line)
{
    const struct cup_kafka_words *row    = words_of_line(client, line);
    struct cup_kafka_reason      *reason = &client->reason;
    bool is_down = strstr(line, CUP_KAFKA_PRIV_ALL_DOWN) != NULL; /* says not why */

    pthread_mutex_lock(&client->lock);
    if (is_down) reason->down_ms = now_ms();
    if (reason->words == NULL ||
        (!is_down && (row->when != WHEN_VAGUE || reason->words->when == WHEN_VAGUE))) {
        reason->words = row;
        snprintf(reason->text, sizeof(reason->text), "%s", line);
    }
    pthread_mutex_unlock(&client->lock);
}

bool cup_kafka_priv_is_known(struct cup_kafka_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool is_known = client->reason.words != NULL || client->reason.was_well;
    pthread_mutex_unlock(&client->lock);
    return is_known;
}

void cup_kafka_priv_well(struct cup_kafka_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->reason = (struct cup_kafka_reason){.was_well = true};
    pthread_mutex_unlock(&client->lock);
}

enum cup_err cup_kafka_client_trouble(struct cup_kafka_client *client, struct cup_fault *out_fault)
{
    struct cup_kafka_reason reason;

    pthread_mutex_lock(&client->lock);
    reason = client->reason;
    pthread_mutex_unlock(&client->lock);
    if (reason.words == NULL) return CUP_OK;
    if (reason.was_well && (reason.down_ms == 0 || now_ms() - reason.down_ms > DOWN_MS))
        return CUP_OK;
    errno = 0;
    return cup_fault_set(out_fault, reason.words->err, reason.words->sentence, reason.text);
}

/* These say that there was no answer, not why. */
static bool is_silence(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE ||
           code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || code == RD_KAFKA_RESP_ERR__WAIT_COORD;
}

enum cup_err cup_kafka_priv_fail(struct cup_kafka_client *client, rd_kafka_resp_err_t code,
                                 const char *text, const char *about, struct cup_fault *out_fault)
{
    char where[CUP_FAULT_WHERE_BYTES];

    CUP_ASSERT(code != RD_KAFKA_RESP_ERR_NO_ERROR);
    if (is_silence(code)) {
        enum cup_err err = cup_kafka_client_trouble(client, out_fault);
        if (err != CUP_OK) return err;
    }
    if (text == NULL) text = rd_kafka_err2str(code);
    snprintf(where, sizeof(where), "%s%s%s", about, about[0] != '\0' ? ": " : "", text);
    const struct cup_kafka_words *row = words_of_code(client, code, text);
    errno                             = 0;
    if (row == NULL)
        return cup_fault_set(out_fault, CUP_IO, "the Kafka cluster reports an error", where);
    return cup_fault_set(out_fault, row->err, row->sentence, where);
}

enum cup_err cup_kafka_priv_fail_error(struct cup_kafka_client *client, rd_kafka_error_t *error,
                                       const char *about, struct cup_fault *out_fault)
{
    enum cup_err err = cup_kafka_priv_fail(client, rd_kafka_error_code(error),
                                           rd_kafka_error_string(error), about, out_fault);
    rd_kafka_error_destroy(error);
    return err;
}
