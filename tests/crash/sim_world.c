// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/sim_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "dataplane/source/source.h"
#include "kernels/json/json.h"
#include "tests/check.h"

#define RESUMES_MAX   4u /* of a decided epoch before the process gives up */
#define TRIES_MAX     4u /* of one step before the process gives up */
#define STEPS_A_BOOT  4u
#define PARSERS_MAX   256u
#define BRONZE_FOLDER "dom/bronze/pipe/date=2026-11-21"

/* --- what the room is told instead of what the machine would say --- */

void         __wrap_cup_rnd_uuid(char out_text[CUP_UUID_TEXT_BYTES]);
int          __wrap_stat64(const char *path, struct stat *info); /* stat of large files */
int          __real_stat64(const char *path, struct stat *info);
enum cup_err __wrap_cup_input_identify(const char *path, uint32_t head_bytes,
                                       struct cup_input_identity *out_identity,
                                       struct cup_fault          *out_fault);

enum cup_err __wrap_cup_json_open(const char *level, size_t bytes, struct cup_json_limits limits,
                                  struct cup_json **out_json, struct cup_fault *out_fault);
enum cup_err __real_cup_json_open(const char *level, size_t bytes, struct cup_json_limits limits,
                                  struct cup_json **out_json, struct cup_fault *out_fault);
void         __wrap_cup_json_close(struct cup_json *json);

static struct parser {
    struct cup_json       *json;
    size_t                 bytes;
    struct cup_json_limits limits;
    bool                   lent;
} parsers[PARSERS_MAX];
static uint32_t parser_count;

static struct life *now; /* whose code runs; a fork may run inside another life's operation */

void __wrap_cup_rnd_uuid(char out_text[CUP_UUID_TEXT_BYTES])
{
    struct cup_rnd rnd  = {.state = now->names};
    uint64_t       high = cup_rnd_u64(&rnd), low = cup_rnd_u64(&rnd);

    now->names = rnd.state;
    snprintf(out_text, CUP_UUID_TEXT_BYTES,
             "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-8%03" PRIx64 "-%012" PRIx64, high >> 32,
             high & 0xffff, high >> 16 & 0xfff, low >> 48 & 0xfff, low & 0xffffffffffff);
}

/* Where an input is before step `step`, rounds counted. */
static uint64_t start_of(const struct world *world, uint64_t step, uint32_t input)
{
    return world->starts[world->steps][input] * (step / world->steps) +
           world->starts[step % world->steps][input];
}

static uint64_t size_of(const struct world *world, uint32_t input)
{
    return start_of(world, (uint64_t)world->steps * world->rounds, input);
}

static uint32_t input_of(const char *path)
{
    CHECK(strncmp(path, "/in/", 4) == 0);
    return ((uint32_t)path[4] - '0') % WORLD_INPUTS;
}

int __wrap_stat64(const char *path, struct stat *info)
{
    if (strncmp(path, "/in/", 4) != 0) return __real_stat64(path, info); /* an exported lake */
    *info = (struct stat){.st_size = (off_t)size_of(now->world, input_of(path))};
    return 0;
}

enum cup_err __wrap_cup_input_identify(const char *path, uint32_t head_bytes,
                                       struct cup_input_identity *out_identity,
                                       struct cup_fault          *out_fault)
{
    uint32_t input = input_of(path);
    uint64_t bytes = size_of(now->world, input);

    (void)out_fault; /* the input is always there */
    if (head_bytes == 0 || head_bytes > bytes)
        head_bytes = bytes < CUP_INPUT_HEAD_BYTES ? (uint32_t)bytes : CUP_INPUT_HEAD_BYTES;
    *out_identity = (struct cup_input_identity){.device      = 1,
                                                .inode       = (uint64_t)path[4],
                                                .head_bytes  = head_bytes,
                                                .head_crc32c = 7 + input};
    return CUP_OK;
}

/* Parsers are made for every table that is looked at: making them anew would be a third of the
 * time. */
enum cup_err __wrap_cup_json_open(const char *level, size_t bytes, struct cup_json_limits limits,
                                  struct cup_json **out_json, struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < parser_count; i++) {
        struct parser *parser = &parsers[i];
        if (parser->lent || parser->bytes != bytes ||
            memcmp(&parser->limits, &limits, sizeof limits) != 0)
            continue;
        parser->lent = true;
        *out_json    = parser->json;
        return CUP_OK;
    }
    CHECK(parser_count < PARSERS_MAX);
    enum cup_err err = __real_cup_json_open(level, bytes, limits, out_json, out_fault);
    if (err == CUP_OK)
        parsers[parser_count++] =
            (struct parser){.json = *out_json, .bytes = bytes, .limits = limits, .lent = true};
    return err;
}

void __wrap_cup_json_close(struct cup_json *json)
{
    for (uint32_t i = 0; i < parser_count; i++)
        if (parsers[i].json == json) parsers[i].lent = false;
}

/* --- lives --- */

void life_blame(struct life *life, const char *format, ...)
{
    va_list list;

    if (life->why[0] != '\0') return;
    va_start(list, format);
    vsnprintf(life->why, sizeof life->why, format, list);
    va_end(list);
}

static void blame_fault(struct life *life, const char *what, const struct cup_fault *fault)
{
    life_blame(life, "%s: %s: %s (%s)", what, fault->what, fault->where, cup_err_text(fault->err));
}

void life_use(struct life *life)
{
    now = life;
}

void life_begin(struct life *life, const struct world *world,
                const struct cup_disk_sim_options *options)
{
    *life      = (struct life){.world = world, .names = cup_rnd_seed(options->seed ^ 77).state};
    life->disk = cup_disk_sim_open(options);
}

void life_fork(struct life *to, const struct life *from, uint64_t seed)
{
    *to        = *from;
    to->disk   = cup_disk_sim_copy(from->disk);
    to->names  = cup_rnd_seed(seed).state;
    to->store  = NULL;
    to->commit = NULL;
}

void life_end(struct life *life)
{
    life_close(life);
    cup_disk_close(life->disk);
    life->disk = NULL;
}

enum cup_err life_open(struct life *life, struct cup_fault *out_fault)
{
    struct life *before = now;
    char         staging[CUP_STORE_NAME_BYTES];

    CHECK(life->store == NULL);
    now        = life;
    life->late = false;
    cup_commit_staging(life->world->plan, staging);
    enum cup_err err = cup_store_open(life->disk, WORLD_LAKE, staging, &life->store, out_fault);
    if (err == CUP_OK)
        err = cup_commit_open(life->store, life->world->plan, &life->commit, out_fault);
    if (err != CUP_OK) life_close(life);
    now = before;
    return err;
}

void life_close(struct life *life)
{
    struct life *before = now;

    now = life;
    cup_commit_close(life->commit);
    cup_store_close(life->store);
    life->commit = NULL;
    life->store  = NULL;
    now          = before;
}

bool life_is_through(const struct life *life)
{
    return cup_commit_next_epoch(life->commit) >
               (uint64_t)life->world->steps * life->world->rounds &&
           cup_commit_standing(life->commit) == CUP_COMMIT_READY;
}

void life_crash(struct life *life, enum cup_disk_sim_model model, uint64_t seed)
{
    life_close(life);
    life->crashes++;
    cup_disk_sim_crash(life->disk, model, seed);
    life_read(life);
}

/* --- one step --- */

static const struct {
    const char   *format; /* of a name: folder, epoch, shard, id */
    enum cup_zone zone;
} zones[WORLD_ZONES] = {
    [WORLD_SILVER_0]     = {"%s/part-%010u-%u-%s.parquet", CUP_ZONE_SILVER},
    [WORLD_SILVER_0 + 1] = {"%s/part-%010u-%u-%s.parquet", CUP_ZONE_SILVER},
    [WORLD_SILVER_0 + 2] = {"%s/part-%010u-%u-%s.parquet", CUP_ZONE_SILVER},
    [WORLD_INDEX]        = {"%s/part-%010u-%u-%s.parquet", CUP_ZONE_INDEX},
    [WORLD_QUARANTINE]   = {"%s/part-%010u-%u-%s.parquet", CUP_ZONE_QUARANTINE},
    [WORLD_BRONZE]       = {"%s/%010u-%u-%s.ndjson.gz", CUP_ZONE_BRONZE},
};

static enum cup_err stage(struct life *life, const struct world_file *made,
                          struct cup_epoch_file *file, struct cup_fault *out_fault)
{
    enum cup_err err = cup_store_stage(life->store, &file->staged, out_fault);

    if (err == CUP_OK) err = cup_store_append(file->staged, made->bytes, made->count, out_fault);
    return err;
}

static void name_file(const struct world *world, const struct world_file *made,
                      enum world_zone zone, uint32_t step, struct cup_epoch_file *out_file)
{
    char id[CUP_UUID_TEXT_BYTES];

    cup_rnd_uuid(id);
    *out_file = (struct cup_epoch_file){.zone      = zones[zone].zone,
                                        .table     = zone < WORLD_SILVER ? zone : 0,
                                        .bytes     = made->count,
                                        .row_count = made->rows,
                                        .crc32c    = made->crc32c};
    snprintf(out_file->name, sizeof out_file->name, zones[zone].format,
             zone == WORLD_BRONZE ? BRONZE_FOLDER : world_tables[zone], step + 1, world->shard, id);
    if (made->stats != NULL) cup_text_puts(&out_file->stats, made->stats);
}

/* Two workers' parts: odd zones and inputs are the second's. */
static enum cup_err make_files(struct life *life, uint32_t step, struct cup_epoch_part *parts,
                               struct cup_fault *out_fault)
{
    struct cup_store_file *staged[WORLD_ZONES];
    struct cup_sealed      sealed[WORLD_ZONES];
    uint32_t               count = 0;
    enum cup_err           err   = CUP_OK;

    for (enum world_zone zone = 0; err == CUP_OK && zone < WORLD_ZONES; zone++) {
        const struct world_file *made = &life->world->files[step % life->world->steps][zone];
        struct cup_epoch_part   *part = &parts[zone % 2];
        if (made->bytes == NULL) continue;
        struct cup_epoch_file *file = &part->files[part->file_count++];
        name_file(life->world, made, zone, step, file);
        err = stage(life, made, file, out_fault);
        if (err == CUP_OK) staged[count++] = file->staged;
    }
    return err == CUP_OK ? cup_store_seal_all(staged, count, sealed, out_fault) : err;
}

static enum cup_err make_ranges(struct life *life, uint32_t step, struct cup_epoch_part *parts,
                                struct cup_fault *out_fault)
{
    const struct world *world = life->world;

    for (uint32_t input = 0; input < WORLD_INPUTS; input++) {
        uint64_t     start;
        bool         ended;
        enum cup_err err = cup_commit_start(life->commit, input, &start, &ended, out_fault);
        if (err != CUP_OK) return err;
        uint64_t truth = start_of(world, step, input);
        if (start != truth) {
            life_blame(life, "input %u starts at %" PRIu64 " in epoch %u, truth says %" PRIu64,
                       input, start, step + 1, truth);
            return cup_fault_set(out_fault, CUP_CORRUPT, "position", NULL);
        }
        struct cup_epoch_part  *part  = &parts[input % 2];
        struct cup_epoch_range *range = &part->ranges[part->range_count++];
        *range                        = (struct cup_epoch_range){.input = input, .start = start};
        range->end                    = start_of(world, step + 1ull, input);
        range->ended                  = step + 1 == world->steps * world->rounds;
        range->record_count           = (range->end - range->start) / WORLD_RECORD;
        memcpy(range->outcomes, world->outcomes[step % world->steps][input],
               sizeof range->outcomes);
    }
    return CUP_OK;
}

static enum cup_err do_step(struct life *life, struct cup_fault *out_fault)
{
    struct cup_epoch_part    parts[2];
    struct cup_commit_result result;
    uint32_t                 step = (uint32_t)cup_commit_next_epoch(life->commit) - 1;

    for (uint32_t i = 0; i < 2; i++)
        parts[i] = (struct cup_epoch_part){.files  = calloc(WORLD_ZONES, sizeof *parts[i].files),
                                           .ranges = calloc(WORLD_INPUTS, sizeof *parts[i].ranges)};
    if (step >= life->world->late_step && !life->late)
        cup_commit_adopt(life->commit, life->world->late);
    life->late       = step >= life->world->late_step;
    enum cup_err err = make_ranges(life, step, parts, out_fault);
    if (err == CUP_OK) err = make_files(life, step, parts, out_fault);
    if (err != CUP_OK) {
        cup_epoch_part_free(&parts[0], life->store);
        cup_epoch_part_free(&parts[1], life->store);
        return err;
    }
    err = cup_commit_epoch(life->commit, parts, 2, &result, out_fault);
    if (err == CUP_OK) CHECK(result.epoch == step + 1 && result.zones[CUP_ZONE_LEDGER].files == 1);
    return err;
}

enum cup_err life_step(struct life *life, struct cup_fault *out_fault)
{
    struct life             *before = now;
    struct cup_commit_result result;
    enum cup_err             err = CUP_OK;

    now              = life;
    uint64_t was     = cup_commit_next_epoch(life->commit);
    bool     decided = cup_commit_standing(life->commit) == CUP_COMMIT_DECIDED;
    if (!decided && !life_is_through(life)) {
        err     = do_step(life, out_fault);
        decided = cup_commit_standing(life->commit) == CUP_COMMIT_DECIDED;
    }
    for (uint32_t i = 0; decided && i < RESUMES_MAX; i++) {
        err     = cup_commit_resume(life->commit, &result, out_fault);
        decided = cup_commit_standing(life->commit) == CUP_COMMIT_DECIDED;
    }
    life->epochs += cup_commit_next_epoch(life->commit) > was;
    if (err != CUP_OK) life->orphans_allowed = true;
    now = before;
    return err;
}

/* --- a whole life --- */

void life_trace(const struct life *life, const struct cup_disk_sim_event *event)
{
    static const char *const kinds[CUP_DISK_KIND_COUNT] = {"open", "close",  "read",   "write",
                                                           "sync", "cut",    "mkdir",  "chmod",
                                                           "link", "rename", "unlink", "put"};

    if (life->traced && event->changes)
        fprintf(stderr, "%6" PRIu64 " %-6s %s %s %zu\n", event->number, kinds[event->kind],
                event->path, event->to_path, event->count);
}

static struct cup_disk_sim_verdict judge_trace(void *arg, const struct cup_disk_sim_event *event)
{
    life_trace(arg, event);
    return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
}

void life_finish(struct life *life)
{
    struct cup_fault fault;

    if (life->why[0] != '\0') return;
    cup_disk_sim_judge(life->disk, life->traced ? judge_trace : NULL, life);
    if (life_open(life, &fault) != CUP_OK) {
        blame_fault(life, "open", &fault);
        return;
    }
    while (life->why[0] == '\0' && !life_is_through(life))
        if (life_step(life, &fault) != CUP_OK) blame_fault(life, "step", &fault);
    life_close(life);
    life_read(life);
    if (cup_disk_sim_info(life->disk).descriptors != 0)
        life_blame(life, "%u descriptors were left open",
                   cup_disk_sim_info(life->disk).descriptors);
    if (life->why[0] == '\0') life_check(life, life->world->steps);
}

struct chance {
    struct life                     *life;
    const struct cup_disk_sim_rates *rates;
    struct cup_rnd                   rnd;
    cup_disk_sim_judge_fn           *lie;
    void                            *lie_arg;
    bool                             named; /* the last operation may have shown a commit */
};

static struct cup_disk_sim_verdict judge_chance(void *arg, const struct cup_disk_sim_event *event)
{
    struct chance              *chance  = arg;
    struct cup_disk_sim_verdict verdict = {.effect = CUP_SIM_DO};

    if (chance->named) life_read(chance->life);
    chance->named = event->to_path[0] != '\0';
    if (chance->lie != NULL) verdict = chance->lie(chance->lie_arg, event);
    if (verdict.effect != CUP_SIM_DO || chance->rates == NULL) return verdict;
    return cup_disk_sim_roll(chance->rates, &chance->rnd, event);
}

/* A process: as many steps as it lives for. */
static void run_boot(struct life *life)
{
    struct cup_fault fault;
    uint32_t         failed = 0;
    enum cup_err     err    = life_open(life, &fault);
    bool             ended  = cup_disk_sim_info(life->disk).ended;

    if (err != CUP_OK) life->orphans_allowed = true;
    if (err != CUP_OK && !ended && err != CUP_IO && err != CUP_NO_SPACE)
        blame_fault(life, "open", &fault);
    for (uint32_t i = 0; err == CUP_OK && i < STEPS_A_BOOT && !life_is_through(life); i++) {
        enum cup_err step = life_step(life, &fault);
        if (step == CUP_OK) continue;
        ended = cup_disk_sim_info(life->disk).ended;
        if (!ended && step != CUP_IO && step != CUP_NO_SPACE) blame_fault(life, "step", &fault);
        if (cup_commit_standing(life->commit) != CUP_COMMIT_READY || ++failed > TRIES_MAX) break;
    }
}

static bool is_done(struct life *life)
{
    return life->commit != NULL && life_is_through(life);
}

void life_run(struct life *life, const struct life_rates *rates, uint64_t seed,
              cup_disk_sim_judge_fn *lie, void *lie_arg)
{
    struct chance chance = {.life    = life,
                            .rates   = &rates->disk,
                            .rnd     = cup_rnd_seed(seed),
                            .lie     = lie,
                            .lie_arg = lie_arg};
    bool          done   = false;

    for (uint32_t boots = 0; !done && life->why[0] == '\0'; boots++) {
        if (boots == rates->boots_max) chance.rates = NULL;
        cup_disk_sim_judge(life->disk, judge_chance, &chance);
        run_boot(life);
        done             = is_done(life);
        bool     dies    = cup_rnd_below(&chance.rnd, 100) < rates->death;
        bool     crashes = cup_rnd_below(&chance.rnd, 4) == 0;
        uint32_t how     = cup_rnd_below(&chance.rnd, CUP_SIM_DEATH);
        if (!crashes && !cup_disk_sim_info(life->disk).ended) life_close(life);
        if (crashes || cup_disk_sim_info(life->disk).ended) /* perhaps only while it closed */
            life_crash(life, dies ? CUP_SIM_DEATH : (enum cup_disk_sim_model)how,
                       cup_rnd_u64(&chance.rnd));
    }
    for (uint32_t i = 0; i < 2; i++) {
        life_finish(life);
        life_crash(life, CUP_SIM_SUBSET, cup_rnd_u64(&chance.rnd));
    }
    life_finish(life);
}
