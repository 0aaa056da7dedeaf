// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "dataplane/shard_priv.h"

#define LIST_MIN 256u

/* --- the list --- */

static struct cup_shard_input **bucket_of(struct cup_shard_inputs *inputs, uint64_t device,
                                          uint64_t inode)
{
    uint64_t hash = (device * 0x9E3779B97F4A7C15u ^ inode) * 0x9E3779B97F4A7C15u;

    return &inputs->buckets[(hash >> 32) % CUP_SHARD_BUCKETS];
}

static struct cup_shard_input *find(struct cup_shard_inputs *inputs, uint64_t device,
                                    uint64_t inode)
{
    struct cup_shard_input *input = *bucket_of(inputs, device, inode);

    while (input != NULL && (input->device != device || input->inode != inode))
        input = input->next;
    return input;
}

/* Another file may have its inode from now on. */
static void unlink_input(struct cup_shard_inputs *inputs, const struct cup_shard_input *input)
{
    struct cup_shard_input **at = bucket_of(inputs, input->device, input->inode);

    while (*at != NULL && *at != input)
        at = &(*at)->next;
    if (*at == input) *at = input->next;
}

static void free_input(struct cup_shard_input *input)
{
    if (input == NULL) return;
    free(input->path);
    free(input->first);
    free(input->topic);
    free(input->name);
    free(input);
}

enum cup_err cup_shard_priv_inputs_open(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct cup_shard_inputs *inputs = &shard->inputs_followed;

    inputs->buckets = calloc(CUP_SHARD_BUCKETS, sizeof(*inputs->buckets));
    if (inputs->buckets != NULL) return CUP_OK;
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of files", NULL);
}

void cup_shard_priv_inputs_close(struct cup_shard *shard)
{
    struct cup_shard_inputs *inputs = &shard->inputs_followed;

    for (uint32_t i = 0; i < inputs->count; i++)
        free_input(inputs->list[i]);
    free(inputs->buckets);
    free(inputs->list);
    free(inputs->over);
    *inputs = (struct cup_shard_inputs){0};
}

bool cup_shard_priv_grow(void **list, uint32_t count, uint32_t *cap, size_t bytes)
{
    if (count < *cap) return true;
    uint32_t more  = *cap == 0 ? LIST_MIN : *cap * 2;
    void    *grown = realloc(*list, more * bytes);
    if (grown == NULL) return false;
    *list = grown;
    *cap  = more;
    return true;
}

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of files", NULL);
}

/* --- words --- */

static void count(struct cup_shard *shard, enum cup_counter counter, uint64_t by)
{
    cup_stats_add(&shard->stats->workers[0].counters[counter], by);
}

static enum cup_err note_end(struct cup_shard *shard, const struct cup_shard_input *input,
                             const struct cup_source_end *end, struct cup_fault *out_fault)
{
    struct cup_text text = {0};

    if (!end->truncated && end->lost_bytes == 0) return CUP_OK;
    cup_text_printf(&text, "input %s was %s", input->path,
                    end->truncated ? "truncated in place: it is read from byte 0 again"
                                   : "removed before it was read to its end");
    cup_text_printf(&text, "; %" PRIu64 " bytes were read, ", end->position);
    if (end->lost_bytes > 0)
        cup_text_printf(&text, "%" PRIu64 " bytes behind them were seen and are lost",
                        end->lost_bytes);
    else
        cup_text_puts(&text, "what was written behind them in the moment before, if anything, "
                             "is lost");
    enum cup_err err = text.failed ? no_memory(out_fault)
                                   : cup_wire_send(shard->socket, CUP_WIRE_NOTE, text.at,
                                                   text.bytes, -1, out_fault);
    cup_text_free(&text);
    return err;
}

/* --- workers --- */

static enum cup_err tell(struct cup_shard *shard, const struct cup_shard_input *input,
                         enum cup_worker_news_kind kind, uint64_t start,
                         struct cup_fault *out_fault)
{
    const struct cup_worker_news news = {.kind = kind,
                                         .file = {.input      = input->input,
                                                  .group      = input->group,
                                                  .generation = input->generation,
                                                  .form       = input->form,
                                                  .gzip       = input->gzip,
                                                  .start      = start,
                                                  .device     = input->device,
                                                  .inode      = input->inode,
                                                  .path       = input->path,
                                                  .first      = input->first,
                                                  .topic      = input->topic,
                                                  .name       = input->name}};

    if (shard->worker_count == 0) return CUP_OK; /* they are told all when they begin again */
    struct cup_worker *worker = shard->workers[input->group % shard->worker_count];
    return cup_worker_tell(worker, &news, out_fault);
}

enum cup_err cup_shard_priv_inputs_follow(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct cup_shard_inputs *inputs = &shard->inputs_followed;
    enum cup_err             err    = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < inputs->count; i++) {
        const struct cup_shard_input *input = inputs->list[i];
        if (input == NULL) continue;
        err = tell(shard, input, CUP_NEWS_FOLLOW, cup_commit_end(shard->commit, i), out_fault);
        if (err == CUP_OK && input->gone) err = tell(shard, input, CUP_NEWS_GONE, 0, out_fault);
    }
    return err;
}

/* --- files that are found --- */

/* A row of INPUTS with its texts. */
struct row {
    struct cup_wire_input is;
    char                  path[PATH_MAX], topic[PATH_MAX];
};

static struct cup_shard_input *make_input(const struct row              *row,
                                          const struct cup_commit_place *place)
{
    struct cup_shard_input *input = calloc(1, sizeof *input);

    if (input == NULL) return NULL;
    *input = (struct cup_shard_input){
        .device     = place->identity.device,
        .inode      = place->identity.inode,
        .born_us    = place->identity.born_us,
        .group      = row->is.group,
        .generation = place->generation,
        .form       = row->is.form,
        .gzip       = row->is.gzip,
        .path       = strdup(row->path),
        .first      = strndup(place->path, cup_position_base(place->path, place->generation)),
        .topic      = strndup(place->name, cup_position_base(place->name, place->generation)),
        .name       = strdup(place->name)};
    if (input->path != NULL && input->first != NULL && input->topic != NULL && input->name != NULL)
        return input;
    free_input(input);
    return NULL;
}

/* A file that no input stands for. anew: it was truncated; its first path. */
static enum cup_err begin(struct cup_shard *shard, const struct row *row, const char *anew,
                          struct cup_fault *out_fault)
{
    struct cup_shard_inputs     *inputs = &shard->inputs_followed;
    struct cup_commit_place      place;
    const struct cup_commit_file file = {.path   = row->path,
                                         .topic  = row->topic,
                                         .gzip   = row->is.gzip != 0,
                                         .beside = row->is.kind == CUP_INPUT_BESIDE,
                                         .key    = anew,
                                         .anew   = anew != NULL};

    if (!cup_shard_priv_grow((void **)&inputs->list, inputs->count, &inputs->cap,
                             sizeof(*inputs->list)))
        return no_memory(out_fault);
    enum cup_err err = cup_commit_follow(shard->commit, inputs->count, &file, &place, out_fault);
    if (err == CUP_NOT_FOUND) return CUP_OK; /* gone by now, or none of ours */
    if (err != CUP_OK) return err;
    struct cup_shard_input *input = make_input(row, &place);
    if (input == NULL) return no_memory(out_fault);
    struct cup_shard_input **bucket = bucket_of(inputs, input->device, input->inode);
    input->input                    = inputs->count;
    input->next                     = *bucket;
    *bucket                         = input;
    inputs->list[inputs->count++]   = input;
    count(shard, CUP_COUNTER_INPUTS_BEGUN, 1);
    count(shard, CUP_COUNTER_INPUTS_ROTATED, place.rotated && anew == NULL && !place.changed);
    count(shard, CUP_COUNTER_INPUTS_TRUNCATED, anew != NULL || place.changed);
    return tell(shard, input, CUP_NEWS_FOLLOW, place.start, out_fault);
}

static enum cup_err leave(struct cup_shard *shard, struct cup_shard_input *input,
                          struct cup_fault *out_fault)
{
    if (input == NULL || input->gone) return CUP_OK;
    input->gone = true;
    return tell(shard, input, CUP_NEWS_GONE, 0, out_fault);
}

static enum cup_err take_row(struct cup_shard *shard, const struct row *row,
                             struct cup_fault *out_fault)
{
    struct cup_shard_inputs *inputs = &shard->inputs_followed;
    struct cup_shard_input  *input  = find(inputs, row->is.device, row->is.inode);

    if (row->is.kind == CUP_INPUT_SCANNED) {
        cup_commit_scanned(shard->commit);
        return CUP_OK;
    }
    if (row->is.kind == CUP_INPUT_GONE) return leave(shard, input, out_fault);
    bool reused = input != NULL && input->born_us != 0 && row->is.born_us != 0 &&
                  input->born_us != row->is.born_us;
    if (reused) { /* the file is gone, and another has its inode */
        enum cup_err err = leave(shard, input, out_fault);
        if (err != CUP_OK) return err;
        unlink_input(inputs, input);
        input = NULL;
    }
    if (input == NULL) return begin(shard, row, NULL, out_fault);
    bool moved = strcmp(input->path, row->path) != 0;
    if (!moved && !input->gone) return tell(shard, input, CUP_NEWS_GREW, 0, out_fault);
    char *path = strdup(row->path);
    if (path == NULL) return no_memory(out_fault);
    free(input->path);
    input->path = path;
    input->gone = false;
    return tell(shard, input, CUP_NEWS_MOVED, 0, out_fault);
}

/* Takes the row at *at of the message; false when it has not the form. */
static bool read_row(const struct cup_text *message, size_t *at, struct row *row)
{
    size_t left = message->bytes - *at;

    if (left < sizeof row->is) return false;
    memcpy(&row->is, message->at + *at, sizeof row->is);
    left -= sizeof row->is;
    if (row->is.kind >= CUP_INPUT_KIND_COUNT || row->is.form > CUP_INPUT_DUMP || row->is.gzip > 1 ||
        row->is.path_bytes >= sizeof row->path || row->is.topic_bytes >= sizeof row->topic ||
        (uint64_t)row->is.path_bytes + row->is.topic_bytes > left)
        return false;
    const char *text = message->at + *at + sizeof row->is;
    memcpy(row->path, text, row->is.path_bytes);
    memcpy(row->topic, text + row->is.path_bytes, row->is.topic_bytes);
    row->path[row->is.path_bytes]   = '\0';
    row->topic[row->is.topic_bytes] = '\0';
    *at += sizeof row->is + row->is.path_bytes + row->is.topic_bytes;
    return row->is.kind > CUP_INPUT_BESIDE || (row->path[0] == '/' && row->topic[0] != '\0');
}

enum cup_err cup_shard_priv_inputs_take(struct cup_shard *shard, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (shard->first.plan->until_end != 0)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "files for a run that ends", NULL);
    for (size_t at = 0; err == CUP_OK && at < shard->message.bytes;) {
        struct row row;
        if (!read_row(&shard->message, &at, &row))
            return cup_fault_set(out_fault, CUP_BAD_DATA, "message about files", NULL);
        if (!shard->stopping) err = take_row(shard, &row, out_fault);
    }
    if (err != CUP_OK) return err;
    return cup_wire_send(shard->socket, CUP_WIRE_TAKEN, NULL, 0, -1, out_fault);
}

/* --- files that are over --- */

/* Truncated: it begins again, as another generation of its first path. */
static enum cup_err begin_again(struct cup_shard *shard, const struct cup_shard_input *input,
                                struct cup_fault *out_fault)
{
    struct row row = {.is = {.kind  = CUP_INPUT_FOUND,
                             .group = input->group,
                             .form  = input->form,
                             .gzip  = input->gzip}};

    snprintf(row.path, sizeof row.path, "%s", input->path);
    snprintf(row.topic, sizeof row.topic, "%s", input->topic);
    return begin(shard, &row, input->first, out_fault);
}

static enum cup_err end(struct cup_shard *shard, const struct cup_source_end *end,
                        struct cup_fault *out_fault)
{
    struct cup_shard_inputs *inputs = &shard->inputs_followed;
    enum cup_err             err    = CUP_OK;

    CUP_ASSERT(end->input < inputs->count && inputs->list[end->input] != NULL);
    struct cup_shard_input *input = inputs->list[end->input];
    /* it came back while its end was being read */
    if (!end->truncated && !input->gone)
        return tell(shard, input, CUP_NEWS_FOLLOW, end->position, out_fault);
    if (!cup_shard_priv_grow((void **)&inputs->over, inputs->over_count, &inputs->over_cap,
                             sizeof(*inputs->over)))
        return no_memory(out_fault);
    inputs->over[inputs->over_count++] = input->input;
    inputs->list[input->input]         = NULL;
    unlink_input(inputs, input);
    count(shard, CUP_COUNTER_INPUTS_ENDED, 1);
    count(shard, CUP_COUNTER_INPUTS_LOST_BYTES, end->lost_bytes);
    err = note_end(shard, input, end, out_fault);
    if (err == CUP_OK && end->truncated && !input->gone) err = begin_again(shard, input, out_fault);
    free_input(input);
    return err;
}

static bool take_end(struct cup_worker_link *link, struct cup_source_end *out_end)
{
    pthread_mutex_lock(&link->lock);
    bool any = link->end_count > 0;
    if (any) *out_end = link->ends[--link->end_count];
    pthread_mutex_unlock(&link->lock);
    return any;
}

enum cup_err cup_shard_priv_inputs_turn(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct cup_source_end over;
    enum cup_err          err = CUP_OK;

    if (shard->first.plan->until_end != 0) return CUP_OK;
    for (uint32_t i = 0; i < shard->worker_count; i++)
        while (err == CUP_OK && take_end(cup_worker_link(shard->workers[i]), &over))
            err = end(shard, &over, out_fault);
    return err;
}

void cup_shard_priv_inputs_decided(struct cup_shard *shard, uint32_t over_count)
{
    struct cup_shard_inputs *inputs = &shard->inputs_followed;

    CUP_ASSERT(over_count <= inputs->over_count);
    for (uint32_t i = 0; i < over_count; i++)
        cup_commit_gone(shard->commit, inputs->over[i]);
    if (over_count == 0) return;
    inputs->over_count -= over_count;
    memmove(inputs->over, inputs->over + over_count, inputs->over_count * sizeof(*inputs->over));
}
