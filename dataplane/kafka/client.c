// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kafka/client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/kafka/client_priv.h"
#include "dataplane/kafka/cluster.h"

#define FILE_BYTES_MAX (1u << 20) /* a bundle of every authority there is has a fifth of it */
#define ERROR_BYTES    512u       /* the library's sentences */
#define ADVICE_MS      1000 /* for the answer to advice, at the end: what comes later is lost */
#define VALUE_BYTES    512u /* values that are looked at: names of mechanisms */
#define FOR_CONSUMER   (1u << CUP_KAFKA_CONSUMER)
#define FOR_PRODUCER   (1u << CUP_KAFKA_PRODUCER)
#define FOR_BOTH       (FOR_CONSUMER | FOR_PRODUCER)
#define INSECURE_NAME  "cupel.insecure"
#define API_FETCH      1 /* of the protocol */
#define API_METADATA   3

/* What a client has unless the owner says otherwise; what is fixed only cupel says. */
static const struct preset {
    unsigned    roles;
    const char *name, *value; /* NULL: the caller's business */
    bool        is_fixed;
} presets[] = {
    {FOR_BOTH, "client.id", "cupel", false}, /* short: a long one crashes libraries before 2.5.0 */
    {FOR_BOTH, "log.thread.name", "false", true},
    {FOR_BOTH, "statistics.interval.ms", "0", false},
    {FOR_BOTH, "ssl.endpoint.identification.algorithm", "https", false},
    {FOR_BOTH, "enable.ssl.certificate.verification", "true", false},
    {FOR_BOTH, "socket.keepalive.enable", "true", false},
    {FOR_BOTH, "socket.connection.setup.timeout.ms", "10000", false}, /* words.c knows both */
    {FOR_BOTH, "reconnect.backoff.max.ms", "2000", false},
    {FOR_CONSUMER, "enable.auto.commit", "false", true}, /* positions live in the journal */
    {FOR_CONSUMER, "enable.auto.offset.store", "false", true},
    {FOR_CONSUMER, "auto.offset.reset", "error", true}, /* others lose or repeat records silently */
    {FOR_CONSUMER, "isolation.level", "read_committed", true},
    {FOR_CONSUMER, "partition.assignment.strategy", "range", true}, /* others: broken in 2.0.2 */
    {FOR_CONSUMER, "allow.auto.create.topics", "false", true},
    {FOR_CONSUMER, "check.crcs", "true", false},
    {0, "enable.partition.eof", NULL, true},
    {0, "enable.idempotence", NULL, true},
    {0, "transactional.id", NULL, true},
    {0, "group.instance.id", NULL, true},
    {0, "plugin.library.paths", NULL, true}, /* runs code */
};

/* Whoever can read these can act as us. is_path: the property is the path of a file. */
static const struct secret {
    const char *name;
    bool        is_path;
} secrets[] = {
    {"sasl.password", false},
    {"sasl.oauthbearer.client.secret", false},
    {"sasl.oauthbearer.config", false},
    {"ssl.key.password", false},
    {"ssl.key.pem", false},
    {"ssl.keystore.password", false},
    {"ssl.key.location", true},
    {"ssl.keystore.location", true},
};

/* What an open is about. */
struct setup {
    enum cup_kafka_role role;
    rd_kafka_conf_t    *conf;
    bool                is_insecure;
    struct cup_fault   *out_fault;
};

static enum cup_err refuse(const struct setup *setup, const char *what, const char *where)
{
    return cup_fault_set(setup->out_fault, CUP_BAD_CONFIG, what, where);
}

static enum cup_err set(const struct setup *setup, const char *name, const char *value)
{
    char error[ERROR_BYTES] = "";

    switch (rd_kafka_conf_set(setup->conf, name, value, error, sizeof(error))) {
    case RD_KAFKA_CONF_OK: return CUP_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        return refuse(setup, "the Kafka library has no such property: check kafka.options", error);
    case RD_KAFKA_CONF_INVALID:
    default: return refuse(setup, "the Kafka library refuses a value: check kafka.options", error);
    }
}

static enum cup_err set_presets(const struct setup *setup)
{
    enum cup_err err = CUP_OK;

    for (size_t i = 0; err == CUP_OK && i < sizeof(presets) / sizeof(presets[0]); i++)
        if (presets[i].roles & 1u << setup->role)
            err = set(setup, presets[i].name, presets[i].value);
    return err;
}

static const struct secret *secret_of(const char *name)
{
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (strcmp(secrets[i].name, name) == 0) return &secrets[i];
    return NULL;
}

/* A file that others may read keeps no secret; a group's is how containers lend them. */
static enum cup_err check_mode(const struct setup *setup, const struct stat *info, const char *path)
{
    if (setup->is_insecure || (info->st_mode & S_IRWXO) == 0) return CUP_OK;
    return refuse(setup,
                  "a file with a password or key (kafka.password_file, kafka.key_file, "
                  "kafka.key_password_file) is open to every user: chmod o= it, or set "
                  "kafka.insecure: true",
                  path);
}

/* Sets a property to what a file holds, without its last line end. The copy is wiped. */
static enum cup_err set_from_open_file(const struct setup             *setup,
                                       const struct cup_kafka_setting *setting, int file)
{
    struct stat info;

    if (fstat(file, &info) != 0) return refuse(setup, "a file cannot be read", setting->value);
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX)
        return refuse(setup, "a file of kafka.*_file is no file, or larger than 1 MiB",
                      setting->value);
    if (secret_of(setting->name) != NULL) {
        enum cup_err err = check_mode(setup, &info, setting->value);
        if (err != CUP_OK) return err;
    }
    size_t cap  = (size_t)info.st_size;
    char  *text = malloc(cap + 1);
    if (text == NULL) return cup_fault_set(setup->out_fault, CUP_NO_MEMORY, "kafka settings", "");
    ssize_t got   = pread(file, text, cap, 0);
    size_t  bytes = got < 0 ? 0 : (size_t)got;
    if (bytes != 0 && text[bytes - 1] == '\n') bytes--;
    if (bytes != 0 && text[bytes - 1] == '\r') bytes--;
    text[bytes] = '\0';
    enum cup_err err =
        bytes != 0 && strlen(text) == bytes
            ? set(setup, setting->name, text)
            : refuse(setup, "a file of kafka.*_file is empty or no text", setting->value);
    explicit_bzero(text, cap);
    free(text);
    return err;
}

static enum cup_err set_from_file(const struct setup             *setup,
                                  const struct cup_kafka_setting *setting)
{
    int file = open(setting->value, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        char where[CUP_FAULT_WHERE_BYTES];
        snprintf(where, sizeof(where), "%s: %s", setting->value, strerror(errno));
        return refuse(setup,
                      "a file cannot be read: check kafka.password_file, kafka.ca_file, "
                      "kafka.certificate_file, kafka.key_file and kafka.key_password_file",
                      where);
    }
    enum cup_err err = set_from_open_file(setup, setting, file);
    close(file);
    return err;
}

/* A property whose value is the path of a secret file: the library opens it, we look at its mode.
 */
static enum cup_err check_path(const struct setup *setup, const struct cup_kafka_setting *setting)
{
    const struct secret *secret = secret_of(setting->name);
    struct stat          info;

    if (secret == NULL || !secret->is_path || stat(setting->value, &info) != 0) return CUP_OK;
    return check_mode(setup, &info, setting->value);
}

static enum cup_err check_fixed(const struct setup *setup, const struct cup_kafka_setting *setting)
{
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        const struct preset *preset = &presets[i];
        if (!preset->is_fixed || strcmp(preset->name, setting->name) != 0) continue;
        if (preset->value == NULL || strcmp(preset->value, setting->value) != 0)
            return refuse(setup, "kafka.options has a property that cupel itself decides: drop it",
                          setting->name);
    }
    return CUP_OK;
}

static enum cup_err set_one(const struct setup *setup, const struct cup_kafka_setting *setting,
                            bool is_own)
{
    if (strcmp(setting->name, INSECURE_NAME) == 0) return CUP_OK;
    enum cup_err err = is_own ? CUP_OK : check_fixed(setup, setting);
    if (err != CUP_OK) return err;
    if (setting->is_file) return set_from_file(setup, setting);
    err = check_path(setup, setting);
    return err == CUP_OK ? set(setup, setting->name, setting->value) : err;
}

static bool is_insecure(const struct cup_kafka_setting *settings, uint32_t count)
{
    bool is_it = false;

    for (uint32_t i = 0; i < count; i++)
        if (strcmp(settings[i].name, INSECURE_NAME) == 0)
            is_it = strcmp(settings[i].value, "true") == 0;
    return is_it;
}

static const char *value_of(const struct setup *setup, const char *name, char out[VALUE_BYTES])
{
    size_t bytes = VALUE_BYTES;

    if (rd_kafka_conf_get(setup->conf, name, out, &bytes) != RD_KAFKA_CONF_OK) out[0] = '\0';
    return out;
}

static bool value_is(const struct setup *setup, const char *name, const char *value)
{
    char text[VALUE_BYTES];
    return strcmp(value_of(setup, name, text), value) == 0;
}

static bool value_begins(const struct setup *setup, const char *name, const char *start)
{
    char text[VALUE_BYTES];
    return strncmp(value_of(setup, name, text), start, strlen(start)) == 0;
}

/* Refuses what lets others listen or pose as the broker, unless the owner wants that. */
static enum cup_err check_security(const struct setup *setup)
{
    bool has_tls = value_is(setup, "security.protocol", "ssl") ||
                   value_is(setup, "security.protocol", "sasl_ssl");
    bool has_sasl  = value_begins(setup, "security.protocol", "sasl");
    bool has_scram = value_begins(setup, "sasl.mechanisms", "SCRAM");

    if (value_is(setup, "bootstrap.servers", ""))
        return refuse(setup, "no brokers are given: set kafka.brokers", "");
    if (!has_sasl && !value_is(setup, "sasl.password", ""))
        return refuse(setup,
                      "a password is set, but not used: kafka.security should be sasl_tls or "
                      "sasl_plaintext",
                      "");
    if (setup->is_insecure) return CUP_OK;
    if (has_tls && !value_is(setup, "enable.ssl.certificate.verification", "true"))
        return refuse(setup,
                      "anybody could pose as the broker: drop this property of kafka.options and "
                      "set kafka.ca_file, or set kafka.insecure: true",
                      "enable.ssl.certificate.verification");
    if (has_tls && !value_is(setup, "ssl.endpoint.identification.algorithm", "https"))
        return refuse(setup,
                      "any host with a certificate could pose as the broker: drop this property of "
                      "kafka.options, or set kafka.insecure: true",
                      "ssl.endpoint.identification.algorithm");
    if (has_sasl && !has_tls && !has_scram && !value_is(setup, "sasl.mechanisms", "GSSAPI"))
        return refuse(setup,
                      "the password would travel in clear text: set kafka.security: sasl_tls, or "
                      "kafka.insecure: true",
                      "");
    return CUP_OK;
}

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *line)
{
    struct cup_kafka_client *client = rd_kafka_opaque(handle);

    (void)level;
    if (strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0)
        cup_kafka_priv_note(client, line);
    if (strcmp(facility, "TXNERR") == 0) /* there is no other way to ask */
        atomic_store_explicit(&client->is_aborting, true, memory_order_relaxed);
}

/* Called by rd_kafka_poll and _flush, in the thread that calls those. */
static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    const struct cup_kafka_client *client = opaque;

    (void)handle;
    if (client->delivered != NULL) client->delivered(client->delivered_arg, message);
}

/* In a thread of the library, before it looks at the answer. */
static rd_kafka_resp_err_t on_response(rd_kafka_t *handle, int socket, const char *broker,
                                       int32_t broker_id, int16_t api_key, int16_t api_version,
                                       int32_t correlation_id, size_t bytes, int64_t rtt,
                                       rd_kafka_resp_err_t err, void *opaque)
{
    struct cup_kafka_client *client = opaque;

    (void)handle, (void)socket, (void)broker, (void)broker_id, (void)api_version;
    (void)correlation_id, (void)bytes, (void)rtt, (void)err;
    bool doubt = api_key == API_METADATA;
    if (api_key == API_FETCH) {
        uint64_t now  = cup_clock_mono_ns();
        uint64_t last = atomic_exchange_explicit(&client->fetched_ns, now, memory_order_relaxed);
        doubt         = last != 0 && now > last && now - last > CUP_KAFKA_PRIV_GAP_NS;
    }
    if (doubt) atomic_fetch_add_explicit(&client->doubt_count, 1, memory_order_release);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *handle, const rd_kafka_conf_t *conf, void *opaque,
                                  char *error, size_t error_bytes)
{
    (void)conf, (void)error, (void)error_bytes;
    return rd_kafka_interceptor_add_on_response_received(handle, "cupel", on_response, opaque);
}

unsigned cup_kafka_priv_doubt_count(const struct cup_kafka_client *client)
{
    /* pairs with the release in on_response */
    return atomic_load_explicit(&client->doubt_count, memory_order_acquire);
}

/* Gives the configuration to a new handle; the configuration is the library's then. */
static enum cup_err start(struct setup *setup, struct cup_kafka_client *client)
{
    char error[ERROR_BYTES] = "";

    client->has_old_scram = value_begins(setup, "sasl.mechanisms", "SCRAM") &&
                            rd_kafka_version() < CUP_KAFKA_PRIV_SCRAM_VERSION;
    rd_kafka_conf_set_log_cb(setup->conf, on_log);
    if (setup->role == CUP_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(setup->conf, on_delivery);
    rd_kafka_conf_set_opaque(setup->conf, client);
    if (rd_kafka_conf_interceptor_add_on_new(setup->conf, "cupel", on_new, client) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return cup_fault_set(setup->out_fault, CUP_NO_MEMORY, "kafka client", "");
    client->handle =
        rd_kafka_new(setup->role == CUP_KAFKA_CONSUMER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                     setup->conf, error, sizeof(error));
    /* The library's, also when it failed: 2.0.2 has freed the interceptors of the configuration
     * then, and would free them again with it. What is left of it is lost. */
    setup->conf = NULL;
    if (client->handle != NULL) return CUP_OK;
    return cup_kafka_priv_fail(client, RD_KAFKA_RESP_ERR__INVALID_ARG, error, "", setup->out_fault);
}

static enum cup_err configure(const struct setup *setup, const struct cup_kafka_setting *settings,
                              uint32_t count, const struct cup_kafka_setting *own,
                              uint32_t own_count)
{
    enum cup_err err = set_presets(setup);

    for (uint32_t i = 0; err == CUP_OK && i < count; i++)
        err = set_one(setup, &settings[i], false);
    for (uint32_t i = 0; err == CUP_OK && i < own_count; i++)
        err = set_one(setup, &own[i], true);
    return err == CUP_OK ? check_security(setup) : err;
}

enum cup_err cup_kafka_client_open(enum cup_kafka_role             role,
                                   const struct cup_kafka_setting *settings, uint32_t count,
                                   const struct cup_kafka_setting *own, uint32_t own_count,
                                   struct cup_kafka_client **out_client,
                                   struct cup_fault         *out_fault)
{
    struct cup_kafka_client *client = calloc(1, sizeof(*client));
    struct setup setup = {.role = role, .conf = rd_kafka_conf_new(), .out_fault = out_fault};
    enum cup_err err   = CUP_NO_MEMORY;

    if (client == NULL || setup.conf == NULL) {
        (void)cup_fault_set(out_fault, CUP_NO_MEMORY, "kafka client", "");
        goto out;
    }
    client->role = role;
    pthread_mutex_init(&client->lock, NULL);
    setup.is_insecure = is_insecure(settings, count);
    err               = configure(&setup, settings, count, own, own_count);
    if (err == CUP_OK) err = start(&setup, client);
    if (err != CUP_OK) goto out;
    *out_client = client;
    client      = NULL;
out:
    if (setup.conf != NULL) rd_kafka_conf_destroy(setup.conf);
    if (client != NULL) cup_kafka_client_close(client);
    return err;
}

void cup_kafka_client_close(struct cup_kafka_client *client)
{
    if (client == NULL) return;
    (void)cup_kafka_advice(client, ADVICE_MS);
    if (client->advice != NULL) rd_kafka_queue_destroy(client->advice);
    /* No group was joined: there is nothing to leave, and no broker to wait for. */
    if (client->handle != NULL)
        rd_kafka_destroy_flags(client->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

rd_kafka_t *cup_kafka_priv_handle(struct cup_kafka_client *client)
{
    return client->handle;
}

uint32_t cup_kafka_settings(const struct cup_plan *plan, const struct cup_plan_kafka *cluster,
                            struct cup_kafka_setting *out, uint32_t cap)
{
    const struct cup_plan_setting *settings = cup_plan_settings(plan, cluster->settings);
    uint32_t                       count    = cluster->settings.count;

    CUP_ASSERT(count <= cap);
    for (uint32_t i = 0; i < count; i++)
        out[i] = (struct cup_kafka_setting){.name    = cup_plan_text(plan, settings[i].name),
                                            .value   = cup_plan_text(plan, settings[i].value),
                                            .is_file = settings[i].is_file != 0};
    return count;
}
