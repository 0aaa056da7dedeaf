// SPDX-License-Identifier: Apache-2.0
/* Looks for topics and partitions on a thread of its own, so that a cluster that is slow or away
 * holds nothing up. What is found waits in a list for the shard. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/abi/topic.h"
#include "dataplane/shard_priv.h"
#include "kernels/isal/isal.h"
#include "kernels/pattern/pattern.h"

#define LOOK_MS         5000ull
#define LOOK_MS_MIN     100ull
#define LOOK_SOON_NS    (CUP_NS_PER_S / 2) /* a partition was found that has no leader yet */
#define BOOT_TIMEOUT_MS 10000
#define LOOK_TIMEOUT_MS 3000 /* an end of the run waits for a look */
#define PATTERN_BYTES   (CUP_PATTERN_BYTES_MAX + 8u)
#define PRIVATE_PREFIX  "__"      /* Kafka's own topics */
#define OUR_PREFIX      "_cupel." /* control topics of pipelines */

/* A topic that fits the plan, from the time it was seen first. */
struct topic {
    char                        *name;
    const struct cup_plan_topic *wanted;
    uint32_t                     partition_count; /* handed out */
    bool                         gone, seen;
    bool                         own; /* called as topics of the output are: not read */
};

/* Offsets for lag tools. */
struct advice {
    struct cup_kafka_place *places;
    uint32_t                count;
    bool                    sent;
};

struct cup_shard_listing {
    const struct cup_plan   *plan;
    struct cup_kafka_client *client;
    struct cup_pattern     **patterns; /* of the plan's topics; NULL: a name */
    struct topic           **topics;   /* as in names */
    uint32_t                 topic_count, topic_cap;
    struct cup_names         names;
    uint64_t                 cluster_hash;
    int                      wake_fd;
    uint64_t                 look_ns; /* between two looks */
    pthread_t                thread;
    bool                     started;

    pthread_mutex_t         lock;
    pthread_cond_t          changed;
    bool                    quit;  /* under the lock, as all that follows */
    struct cup_shard_found *found; /* the shard takes it */
    uint32_t                found_count, found_cap;
    struct cup_text         notes;  /* the shard takes it; a line each */
    struct advice           advice; /* the thread takes it */
};

/* --- which topics --- */

static enum cup_err open_pattern(const struct cup_plan *plan, const struct cup_plan_topic *wanted,
                                 struct cup_pattern **out_pattern, struct cup_fault *out_fault)
{
    char whole[PATTERN_BYTES];
    int  bytes = snprintf(whole, sizeof whole, "^(?:%s)$", cup_plan_text(plan, wanted->name));

    if (bytes < 0 || (size_t)bytes >= sizeof whole)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "a pattern of topics is too long", NULL);
    return cup_pattern_open(whole, (size_t)bytes, out_pattern, out_fault);
}

static bool is_private(const char *name)
{
    return strncmp(name, PRIVATE_PREFIX, strlen(PRIVATE_PREFIX)) == 0 ||
           strncmp(name, OUR_PREFIX, strlen(OUR_PREFIX)) == 0;
}

/* The first of the plan's topics that fits the name; NULL: none. */
static const struct cup_plan_topic *find_wanted(const struct cup_shard_listing *listing,
                                                const char                     *name)
{
    const struct cup_plan       *plan   = listing->plan;
    const struct cup_plan_topic *wanted = cup_plan_topics(plan);

    for (uint32_t i = 0; i < plan->topics.count; i++) {
        bool fits = listing->patterns[i] == NULL
                        ? strcmp(name, cup_plan_text(plan, wanted[i].name)) == 0
                        : !is_private(name) &&
                              cup_pattern_match(listing->patterns[i], (const uint8_t *)name,
                                                strlen(name)) == CUP_PATTERN_YES;
        if (fits) return &wanted[i];
    }
    return NULL;
}

/* The rule is stated in the README: whoever counts shards and workers knows who reads what. */
static bool is_ours(const struct cup_plan *plan, const char *topic, uint32_t partition,
                    uint32_t *out_worker)
{
    uint32_t shards = plan->shard_count == 0 ? 1 : plan->shard_count;
    uint64_t place  = (uint64_t)cup_crc32c(0, topic, strlen(topic)) + partition;

    *out_worker = (uint32_t)(place / shards % plan->worker_count);
    return place % shards == plan->shard;
}

/* --- one look --- */

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of topics", NULL);
}

static struct topic *find_topic(struct cup_shard_listing *listing, const char *name)
{
    uint32_t index = cup_names_find(&listing->names, name);

    return index == CUP_NAMES_NONE ? NULL : listing->topics[index];
}

static struct topic *add_topic(struct cup_shard_listing *listing, const char *name,
                               const struct cup_plan_topic *wanted)
{
    struct topic *topic = calloc(1, sizeof *topic);

    if (topic != NULL) topic->name = strdup(name);
    if (topic == NULL || topic->name == NULL ||
        !cup_shard_priv_grow((void **)&listing->topics, listing->topic_count, &listing->topic_cap,
                             sizeof(struct topic *)) ||
        !cup_names_add(&listing->names, topic->name)) {
        if (topic != NULL) free(topic->name);
        free(topic);
        return NULL;
    }
    topic->wanted                           = wanted;
    listing->topics[listing->topic_count++] = topic;
    return topic;
}

static bool put_found(struct cup_shard_listing *listing, const struct cup_shard_found *found)
{
    pthread_mutex_lock(&listing->lock);
    bool room = cup_shard_priv_grow((void **)&listing->found, listing->found_count,
                                    &listing->found_cap, sizeof *listing->found);
    if (room) listing->found[listing->found_count++] = *found;
    pthread_mutex_unlock(&listing->lock);
    return room;
}

/* Hands out the partitions of a topic that are new. One whose watermarks nobody tells yet, as its
 * leader is still being elected, is left for the next look. */
static enum cup_err take_partitions(struct cup_shard_listing *listing, struct topic *topic,
                                    uint32_t count, struct cup_fault *out_fault)
{
    const int    timeout_ms = listing->started ? LOOK_TIMEOUT_MS : BOOT_TIMEOUT_MS;
    enum cup_err err        = CUP_OK;

    for (; err == CUP_OK && topic->partition_count < count; topic->partition_count++) {
        struct cup_shard_found found = {.topic     = topic->name,
                                        .partition = (int32_t)topic->partition_count,
                                        .wanted    = topic->wanted};
        if (!is_ours(listing->plan, topic->name, topic->partition_count, &found.worker)) continue;
        err = cup_kafka_watermarks(listing->client, found.topic, found.partition, timeout_ms,
                                   &found.low, &found.high, out_fault);
        if (err != CUP_OK) return err;
        if (!put_found(listing, &found)) return no_memory(out_fault);
    }
    return err;
}

static void note(struct cup_shard_listing *listing, const char *name, const char *what)
{
    pthread_mutex_lock(&listing->lock);
    cup_text_printf(&listing->notes, "topic %s %s\n", name, what);
    pthread_mutex_unlock(&listing->lock);
}

static void note_changes(struct cup_shard_listing *listing)
{
    for (uint32_t i = 0; i < listing->topic_count; i++) {
        struct topic *topic = listing->topics[i];
        if (topic->own) continue;
        if (!topic->seen && !topic->gone)
            note(listing, topic->name,
                 "is gone, or the user may not see it any more: nothing more is read of it");
        if (topic->seen && topic->gone) note(listing, topic->name, "is there again");
        topic->gone = !topic->seen;
    }
}

/* Said once, of the first: there may be one for each table. */
static void note_own(struct cup_shard_listing *listing, const char *first, uint32_t count)
{
    char what[160];

    if (count == 0) return;
    snprintf(what, sizeof what,
             "%s left out by the patterns: topics of the output are called so; if it is none, give "
             "output.topic another front",
             count == 1 ? "is" : "and others are");
    note(listing, first, what);
}

/* False: there is no memory. */
static bool see_topic(struct cup_shard_listing *listing, const char *name,
                      const struct cup_plan_topic *wanted, uint32_t *own_count)
{
    struct topic *topic = find_topic(listing, name);

    if (topic == NULL) {
        topic = add_topic(listing, name, wanted);
        if (topic == NULL) return false;
        topic->own = wanted->is_pattern && cup_topic_is_own(listing->plan, name);
        *own_count += topic->own;
    }
    topic->seen = true;
    return true;
}

enum cup_err cup_shard_priv_listing_look(struct cup_shard_listing *listing,
                                         struct cup_fault         *out_fault)
{
    const int               timeout_ms = listing->started ? LOOK_TIMEOUT_MS : BOOT_TIMEOUT_MS;
    struct cup_kafka_topics topics     = {0};
    const char             *first      = NULL;
    uint32_t                own_count  = 0;

    enum cup_err err = cup_kafka_topics_list(listing->client, timeout_ms, &topics, out_fault);
    if (err != CUP_OK) return err;
    listing->cluster_hash = topics.cluster_hash;
    for (uint32_t i = 0; i < listing->topic_count; i++)
        listing->topics[i]->seen = false;
    for (uint32_t i = 0; i < topics.count && err == CUP_OK; i++) {
        const char                  *name   = topics.list[i].name;
        const struct cup_plan_topic *wanted = find_wanted(listing, name);
        uint32_t                     before = own_count;
        if (wanted == NULL) continue;
        if (!see_topic(listing, name, wanted, &own_count)) err = no_memory(out_fault);
        if (before == 0 && own_count > 0) first = name;
    }
    note_own(listing, first, own_count);
    if (err == CUP_OK) note_changes(listing);
    for (uint32_t i = 0; i < topics.count && err == CUP_OK; i++) {
        struct topic *topic = find_topic(listing, topics.list[i].name);
        if (topic != NULL && !topic->own)
            err = take_partitions(listing, topic, topics.list[i].partition_count, out_fault);
    }
    cup_kafka_topics_free(&topics);
    return err;
}

/* --- the thread --- */

static void wake(const struct cup_shard_listing *listing)
{
    uint64_t one = 1;

    CUP_ASSERT(write(listing->wake_fd, &one, sizeof one) == (ssize_t)sizeof one);
}

/* What a look failed for is told by cup_kafka_client_trouble if it stands in the way of reading. */
static uint64_t look(struct cup_shard_listing *listing)
{
    struct cup_fault fault;
    enum cup_err     err = cup_shard_priv_listing_look(listing, &fault);

    pthread_mutex_lock(&listing->lock);
    bool any = listing->found_count > 0 || listing->notes.bytes > 0;
    pthread_mutex_unlock(&listing->lock);
    if (any) wake(listing);
    return cup_clock_mono_ns() +
           (err == CUP_OK || listing->look_ns < LOOK_SOON_NS ? listing->look_ns : LOOK_SOON_NS);
}

/* Waits until the time is over or there is something to do; the lock is held. */
static void wait_until(struct cup_shard_listing *listing, uint64_t due)
{
    struct timespec until = {.tv_sec  = (time_t)(due / CUP_NS_PER_S),
                             .tv_nsec = (long)(due % CUP_NS_PER_S)};

    while (!listing->quit && listing->advice.places == NULL &&
           pthread_cond_timedwait(&listing->changed, &listing->lock, &until) == 0)
        ;
}

/* Gives advice to the cluster if that has answered the last; gives back what it does not have. */
static struct advice pass_on(struct cup_shard_listing *listing, struct advice held)
{
    enum cup_err last = held.places == NULL ? CUP_AGAIN : cup_kafka_advice(listing->client, 0);

    if (last == CUP_AGAIN) return held;
    if (held.sent && last == CUP_OK) {
        free(held.places);
        return (struct advice){0};
    }
    cup_kafka_advise(listing->client, cup_plan_text(listing->plan, listing->plan->group),
                     held.places, held.count);
    held.sent = true;
    return held;
}

static void *run(void *arg)
{
    struct cup_shard_listing *listing = arg;
    struct advice             held    = {0};
    uint64_t                  due     = cup_clock_mono_ns() + listing->look_ns;

    for (bool quit = false; !quit;) {
        uint64_t soon = cup_clock_mono_ns() + LOOK_SOON_NS;
        pthread_mutex_lock(&listing->lock);
        wait_until(listing, held.places != NULL && soon < due ? soon : due);
        if (listing->advice.places != NULL) {
            free(held.places);
            held            = listing->advice;
            listing->advice = (struct advice){0};
        }
        quit = listing->quit;
        pthread_mutex_unlock(&listing->lock);
        held = pass_on(listing, held);
        if (!quit && cup_clock_mono_ns() >= due) due = look(listing);
    }
    free(held.places);
    return NULL;
}

/* --- the shard's side --- */

/* As often as the owner wants the library to ask for topics; the library's own default, five
 * minutes, is too long for us. */
static uint64_t look_ns(const struct cup_kafka_setting *settings, uint32_t count)
{
    uint64_t ms = LOOK_MS;

    for (uint32_t i = 0; i < count; i++)
        if (strcmp(settings[i].name, "topic.metadata.refresh.interval.ms") == 0)
            ms = strtoull(settings[i].value, NULL, 10);
    return (ms < LOOK_MS_MIN ? LOOK_MS_MIN : ms) * (CUP_NS_PER_S / 1000);
}

enum cup_err cup_shard_priv_listing_open(const struct cup_plan *plan, int wake_fd,
                                         struct cup_shard_listing **out_listing,
                                         struct cup_fault          *out_fault)
{
    struct cup_kafka_setting     settings[CUP_KAFKA_SETTINGS_MAX];
    const struct cup_plan_topic *wanted  = cup_plan_topics(plan);
    struct cup_shard_listing    *listing = calloc(1, sizeof *listing);
    pthread_condattr_t           monotonic;
    enum cup_err                 err = CUP_OK;

    if (listing == NULL) return no_memory(out_fault);
    listing->plan    = plan;
    listing->wake_fd = wake_fd;
    CUP_ASSERT(pthread_mutex_init(&listing->lock, NULL) == 0);
    CUP_ASSERT(pthread_condattr_init(&monotonic) == 0);
    CUP_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CUP_ASSERT(pthread_cond_init(&listing->changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    listing->patterns = calloc(plan->topics.count, sizeof(struct cup_pattern *));
    if (listing->patterns == NULL) err = no_memory(out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < plan->topics.count; i++)
        if (wanted[i].is_pattern)
            err = open_pattern(plan, &wanted[i], &listing->patterns[i], out_fault);
    uint32_t count   = cup_kafka_settings(plan, &plan->kafka, settings, CUP_KAFKA_SETTINGS_MAX);
    listing->look_ns = look_ns(settings, count);
    if (err == CUP_OK)
        err = cup_kafka_client_open(CUP_KAFKA_CONSUMER, settings, count, NULL, 0, &listing->client,
                                    out_fault);
    if (err != CUP_OK) {
        cup_shard_priv_listing_close(listing);
        return err;
    }
    *out_listing = listing;
    return CUP_OK;
}

enum cup_err cup_shard_priv_listing_start(struct cup_shard_listing *listing,
                                          struct cup_fault         *out_fault)
{
    CUP_ASSERT(!listing->started);
    listing->started = true;
    if (pthread_create(&listing->thread, NULL, run, listing) == 0) return CUP_OK;
    listing->started = false;
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "thread that lists topics", NULL);
}

void cup_shard_priv_listing_close(struct cup_shard_listing *listing)
{
    if (listing == NULL) return;
    if (listing->started) {
        pthread_mutex_lock(&listing->lock);
        listing->quit = true;
        pthread_cond_broadcast(&listing->changed);
        pthread_mutex_unlock(&listing->lock);
        CUP_ASSERT(pthread_join(listing->thread, NULL) == 0);
    }
    cup_kafka_client_close(listing->client);
    for (uint32_t i = 0; listing->patterns != NULL && i < listing->plan->topics.count; i++)
        if (listing->patterns[i] != NULL) cup_pattern_close(listing->patterns[i]);
    for (uint32_t i = 0; i < listing->topic_count; i++) {
        free(listing->topics[i]->name);
        free(listing->topics[i]);
    }
    free(listing->patterns);
    free(listing->topics);
    free(listing->found);
    free(listing->advice.places);
    cup_names_free(&listing->names);
    cup_text_free(&listing->notes);
    pthread_mutex_destroy(&listing->lock);
    pthread_cond_destroy(&listing->changed);
    free(listing);
}

struct cup_kafka_client *cup_shard_priv_listing_client(struct cup_shard_listing *listing)
{
    return listing->client;
}

bool cup_shard_priv_listing_has(const struct cup_shard_listing *listing, const char *name)
{
    return cup_names_find(&listing->names, name) != CUP_NAMES_NONE;
}

uint64_t cup_shard_priv_listing_cluster(const struct cup_shard_listing *listing)
{
    return listing->cluster_hash;
}

uint32_t cup_shard_priv_listing_take(struct cup_shard_listing *listing,
                                     struct cup_shard_found **out_found, struct cup_text *out_notes)
{
    pthread_mutex_lock(&listing->lock);
    uint32_t count       = listing->found_count;
    *out_found           = listing->found;
    *out_notes           = listing->notes;
    listing->notes       = (struct cup_text){0};
    listing->found       = NULL;
    listing->found_count = listing->found_cap = 0;
    pthread_mutex_unlock(&listing->lock);
    return count;
}

void cup_shard_priv_listing_advise(struct cup_shard_listing *listing,
                                   struct cup_kafka_place *places, uint32_t count)
{
    pthread_mutex_lock(&listing->lock);
    struct advice before = listing->advice;
    listing->advice      = (struct advice){.places = places, .count = count};
    pthread_cond_broadcast(&listing->changed);
    pthread_mutex_unlock(&listing->lock);
    free(before.places);
}
