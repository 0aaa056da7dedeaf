// SPDX-License-Identifier: Apache-2.0
/* What shard and worker tell each other about followed files and partitions. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "dataplane/worker/worker_priv.h"

#define LIST_MIN 64u
#define LAGS_NS  (CUP_NS_PER_S / 2) /* the shard tells them once a second */

static char *put(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char  *to    = *at;

    memcpy(to, text, bytes);
    *at += bytes;
    return to;
}

/* All texts in one block. */
static bool copy_texts(struct cup_source_file *file)
{
    const char *texts[] = {file->path, file->first, file->topic, file->name};
    size_t      bytes   = 0;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        bytes += strlen(texts[i] == NULL ? "" : texts[i]) + 1;
    char *at = malloc(bytes);
    if (at == NULL) return false;
    file->path  = put(&at, texts[0] == NULL ? "" : texts[0]);
    file->first = put(&at, texts[1] == NULL ? "" : texts[1]);
    file->topic = put(&at, texts[2] == NULL ? "" : texts[2]);
    file->name  = put(&at, texts[3] == NULL ? "" : texts[3]);
    return true;
}

enum cup_err cup_worker_tell(struct cup_worker *worker, const struct cup_worker_news *news,
                             struct cup_fault *out_fault)
{
    struct cup_worker_link *link = &worker->link;
    struct cup_worker_news  copy = *news;

    if (news->kind == CUP_NEWS_CONSUME) {
        copy.file.topic = news->partition.topic;
        copy.file.name  = news->partition.name;
    }
    if (!copy_texts(&copy.file)) return cup_fault_set(out_fault, CUP_NO_MEMORY, "news", NULL);
    pthread_mutex_lock(&link->lock);
    bool room = link->news_count < link->news_cap;
    if (!room) {
        uint32_t cap   = link->news_cap == 0 ? LIST_MIN : link->news_cap * 2;
        void    *grown = realloc(link->news, cap * sizeof *link->news);
        room           = grown != NULL;
        if (room) link->news = grown;
        if (room) link->news_cap = cap;
    }
    if (room) {
        link->news[link->news_count++] = copy;
        atomic_store_explicit(&link->has_news, true, memory_order_relaxed);
        pthread_cond_broadcast(&link->changed);
    }
    pthread_mutex_unlock(&link->lock);
    if (room) return CUP_OK;
    free((void *)(uintptr_t)copy.file.path);
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "news", NULL);
}

static enum cup_err take(struct cup_worker *worker, const struct cup_worker_news *news,
                         struct cup_fault *out_fault)
{
    const struct cup_source_file *file      = &news->file;
    struct cup_source_partition   partition = news->partition;

    switch (news->kind) {
    case CUP_NEWS_FOLLOW: return cup_source_follow(worker->source, file, out_fault);
    case CUP_NEWS_MOVED:
        return cup_source_moved(worker->source, file->input, file->path, out_fault);
    case CUP_NEWS_GREW: cup_source_grew(worker->source, file->input); break;
    case CUP_NEWS_GONE: cup_source_gone(worker->source, file->input); break;
    case CUP_NEWS_CONSUME:
        partition.topic = file->topic;
        partition.name  = file->name;
        return cup_source_consume(worker->source, &partition, out_fault);
    }
    return CUP_OK;
}

void cup_worker_priv_news_free(struct cup_worker *worker)
{
    for (uint32_t i = 0; i < worker->link.news_count; i++)
        free((void *)(uintptr_t)worker->link.news[i].file.path);
    free(worker->link.news);
    free(worker->link.ends);
    free(worker->link.lags);
}

enum cup_err cup_worker_priv_take_news(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_worker_link *link = &worker->link;
    enum cup_err            err  = CUP_OK;

    if (!atomic_load_explicit(&link->has_news, memory_order_relaxed)) return CUP_OK;
    pthread_mutex_lock(&link->lock);
    struct cup_worker_news *news  = link->news;
    uint32_t                count = link->news_count;
    link->news                    = NULL;
    link->news_count = link->news_cap = 0;
    atomic_store_explicit(&link->has_news, false, memory_order_relaxed);
    pthread_mutex_unlock(&link->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (err == CUP_OK) err = take(worker, &news[i], out_fault);
        free((void *)(uintptr_t)news[i].file.path);
    }
    free(news);
    return err;
}

enum cup_err cup_worker_priv_tell_ends(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_worker_link *link = &worker->link;
    struct cup_source_end   end;
    bool                    room = true;

    atomic_store_explicit(&worker->config.stats->counters[CUP_COUNTER_INPUTS_BEHIND],
                          cup_source_behind(worker->source), memory_order_relaxed);
    while (room && cup_source_take_end(worker->source, &end)) {
        pthread_mutex_lock(&link->lock);
        room = link->end_count < link->end_cap;
        if (!room) {
            uint32_t cap   = link->end_cap == 0 ? LIST_MIN : link->end_cap * 2;
            void    *grown = realloc(link->ends, cap * sizeof *link->ends);
            room           = grown != NULL;
            if (room) link->ends = grown;
            if (room) link->end_cap = cap;
        }
        if (room) link->ends[link->end_count++] = end;
        cup_worker_priv_wake(worker);
        pthread_mutex_unlock(&link->lock);
    }
    return room ? CUP_OK : cup_fault_set(out_fault, CUP_NO_MEMORY, "list of ended files", NULL);
}

enum cup_err cup_worker_priv_tell_lags(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_worker_link *link = &worker->link;
    uint64_t                now  = cup_clock_mono_ns();

    if (!cup_plan_consumes(worker->config.plan) || now < worker->lags_due_ns) return CUP_OK;
    worker->lags_due_ns = now + LAGS_NS;
    atomic_store_explicit(&worker->config.stats->counters[CUP_COUNTER_ANCHORS_GONE],
                          cup_source_anchors_gone(worker->source), memory_order_relaxed);
    pthread_mutex_lock(&link->lock);
    uint32_t count = cup_source_lags(worker->source, link->lags, link->lag_cap);
    if (count > link->lag_cap) {
        struct cup_source_lag *grown = realloc(link->lags, count * sizeof *link->lags);
        if (grown != NULL) link->lags = grown;
        if (grown != NULL) link->lag_cap = count;
        count = cup_source_lags(worker->source, link->lags, link->lag_cap);
    }
    bool room       = count <= link->lag_cap;
    link->lag_count = room ? count : 0;
    pthread_mutex_unlock(&link->lock);
    return room ? CUP_OK : cup_fault_set(out_fault, CUP_NO_MEMORY, "lags", NULL);
}

/* Nothing to read: waits for news, the shard, or the next look. */
enum cup_err cup_worker_priv_idle(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_worker_link *link  = &worker->link;
    uint64_t                due   = cup_source_due(worker->source);
    struct timespec         until = {.tv_sec  = (time_t)(due / CUP_NS_PER_S),
                                     .tv_nsec = (long)(due % CUP_NS_PER_S)};

    enum cup_err err = cup_worker_priv_tell_ends(worker, out_fault);
    if (err != CUP_OK || due <= cup_clock_mono_ns()) return err;
    pthread_mutex_lock(&link->lock);
    while (!atomic_load_explicit(&link->close_asked, memory_order_acquire) &&
           !atomic_load_explicit(&link->has_news, memory_order_relaxed) &&
           pthread_cond_timedwait(&link->changed, &link->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&link->lock);
    return CUP_OK;
}
