// SPDX-License-Identifier: Apache-2.0
/* Bronze, once more: to files, into a topic, into new tables, into the same tables.
 *
 *   files       cupel-lake replay
 *   topic       cupel-lake replay --dump | cupel-kafka produce
 *   new tables  cupel-lake replay --to TARGET/_cupel/<domain>/<name>/replay --> a run over it
 *   the same    cupel-lake missing --> a retry file --> a run over it (cli/quarantine.c)
 *
 * The folder of a replay into new tables is complete when it has its name; it stays until the run
 * has ended, so that the next call goes on with it. A target that has read anything else is
 * refused: what is new begins empty, and so nothing can come twice. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/cli/job_priv.h"
#include "control/cli/kafka_priv.h"
#include "control/cli/quarantine.h"
#include "control/kafka/ask.h"
#include "control/kafka/samples.h"

#define FOLDERS_OPEN_MAX 16

static const enum cup_stream_option which[] = {CUP_STREAM_INPUT, CUP_STREAM_TOPIC, CUP_STREAM_SINCE,
                                               CUP_STREAM_UNTIL, CUP_STREAM_OFFSETS};

static enum cup_exit exit_of(int code)
{
    return code == 0 ? CUP_EXIT_OK : code == 2 ? CUP_EXIT_CONFIG : CUP_EXIT_FAULT;
}

/* cupel-lake replay with the words that choose records. */
static void begin(const struct cup_place *place, struct cup_ask *ask)
{
    const char *const *values = place->words.values;
    const char        *keys   = values[CUP_STREAM_KEYS];

    if (keys == NULL) keys = place->settings.key_folder;
    *ask = (struct cup_ask){0};
    cup_ask_add(ask, "cupel-lake");
    cup_ask_add(ask, "replay");
    cup_ask_add(ask, place->lake);
    if (place->pipeline != NULL) cup_ask_add(ask, "--pipeline");
    if (place->pipeline != NULL) cup_ask_add(ask, place->pipeline);
    if (values[CUP_STREAM_DOMAIN] != NULL) cup_ask_add(ask, "--domain");
    if (values[CUP_STREAM_DOMAIN] != NULL) cup_ask_add(ask, values[CUP_STREAM_DOMAIN]);
    for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
        if (values[which[i]] == NULL) continue;
        cup_ask_add(ask, cup_stream_name(which[i]));
        cup_ask_add(ask, values[which[i]]);
    }
    if (keys != NULL) cup_ask_add(ask, "--keys");
    if (keys != NULL) cup_ask_add(ask, keys);
}

static enum cup_exit to_files(const struct cup_place *place)
{
    const char    *to = place->words.values[CUP_STREAM_TO];
    struct cup_ask ask;

    begin(place, &ask);
    if (to != NULL) cup_ask_add(&ask, "--to");
    if (to != NULL) cup_ask_add(&ask, to);
    if (place->words.values[CUP_STREAM_DUMP] != NULL) cup_ask_add(&ask, "--dump");
    return exit_of(cup_ask_run(&ask, NULL));
}

static enum cup_exit to_topic(struct cup_place *place)
{
    const char     *create   = place->words.values[CUP_STREAM_CREATE];
    struct cup_text settings = {0};
    struct cup_ask  from, to = {0};

    if (!cup_place_priv_cluster(place)) return CUP_EXIT_CONFIG;
    cup_samples_put_settings(&settings, &place->settings.kafka);
    begin(place, &from);
    cup_ask_add(&from, "--dump");
    cup_ask_add(&to, "cupel-kafka");
    cup_ask_add(&to, "produce");
    cup_ask_add(&to, "--to");
    cup_ask_add(&to, place->words.values[CUP_STREAM_TO_TOPIC]);
    if (create != NULL) cup_ask_add(&to, "--create");
    if (create != NULL) cup_ask_add(&to, create);
    to.settings = settings.at;
    int code    = settings.failed ? CUP_ASK_LOST : cup_ask_pipe(&from, &to);
    cup_text_free(&settings);
    return exit_of(code);
}

/* --- into new tables --- */

/* nftw takes no argument. */
static struct walk {
    struct cup_keep        *keep;
    struct cup_inputs_file *files;
    uint32_t                count, cap;
    size_t                  root; /* bytes of the folder's path and its slash */
} walk;

static int note_file(const char *path, const struct stat *status, int type, struct FTW *at)
{
    struct cup_inputs_file file = {.bytes = (uint64_t)status->st_size};
    int                    read_errno;

    (void)at; /* depth and name: not needed */
    if (type == FTW_DNR || type == FTW_NS) return -1;
    if (type != FTW_F || status->st_size == 0) return 0;
    file.path  = cup_keep_string(walk.keep, path);
    file.topic = file.path + walk.root;
    if (!cup_inputs_look(path, CUP_FORM_AUTO, &file.form, &file.gzip, &read_errno)) return -1;
    walk.files = cup_keep_grow(walk.keep, walk.files, walk.count, &walk.cap, sizeof *walk.files);
    walk.files[walk.count++] = file;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status, (void)type, (void)at; /* whatever it is */
    return remove(path);
}

static void remove_folder(const char *path)
{
    if (access(path, F_OK) == 0 &&
        nftw(path, remove_one, FOLDERS_OPEN_MAX, FTW_DEPTH | FTW_PHYS) != 0)
        fprintf(stderr, "cupel: %s: %s\n", path, strerror(errno));
}

/* Where a replay into new tables waits. */
struct target {
    char folder[PATH_MAX], making[PATH_MAX], shard[PATH_MAX], ledger[PATH_MAX];
};

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool make_parents(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at       = '\0';
        bool good = mkdir(path, 0755) == 0 || errno == EEXIST;
        *at       = '/';
        if (!good) return false;
    }
    return true;
}

static bool name_target(const struct cup_job *job, struct target *target)
{
    char base[PATH_MAX];
    bool good = snprintf(base, sizeof base, "%s/_cupel/%s/%s", job->lake, job->settings.domain,
                         job->settings.name) < (int)sizeof base;

    good &= snprintf(target->folder, PATH_MAX, "%s/replay", base) < PATH_MAX;
    good &= snprintf(target->making, PATH_MAX, "%s/replay.tmp", base) < PATH_MAX;
    good &= snprintf(target->shard, PATH_MAX, "%s/0", base) < PATH_MAX;
    good &= snprintf(target->ledger, PATH_MAX, "%s/ledger", base) < PATH_MAX;
    return good;
}

/* Writes the records below the target, unless an earlier call has. */
static bool fill(struct cup_place *place, struct target *target)
{
    struct cup_ask ask;

    if (exists(target->folder)) {
        fputs("cupel: an earlier replay was interrupted: it is finished first\n", stderr);
        return true;
    }
    if (exists(target->shard) || exists(target->ledger)) {
        fprintf(stderr,
                "cupel: %s: the pipeline has run there; a replay into new tables needs a lake or "
                "a domain of its own (--missing adds to tables what they lack)\n",
                target->shard);
        return false;
    }
    remove_folder(target->making);
    if (!make_parents(target->making) || mkdir(target->making, 0700) != 0) {
        fprintf(stderr, "cupel: %s: %s\n", target->making, strerror(errno));
        return false;
    }
    begin(place, &ask);
    cup_ask_add(&ask, "--to");
    cup_ask_add(&ask, target->making);
    if (cup_ask_run(&ask, NULL) != 0) return false;
    if (rename(target->making, target->folder) == 0) return true;
    fprintf(stderr, "cupel: %s: %s\n", target->folder, strerror(errno));
    return false;
}

static enum cup_exit run_folder(struct cup_job *job, const char *folder)
{
    walk = (struct walk){.keep = job->keep, .root = strlen(folder) + 1};
    if (nftw(folder, note_file, FOLDERS_OPEN_MAX, FTW_PHYS) != 0) {
        fprintf(stderr, "cupel: %s: %s\n", folder, strerror(errno));
        return CUP_EXIT_FAULT;
    }
    job->settings.until_end         = true;
    job->settings.output.kind       = CUP_OUTPUT_NONE; /* it was published when it came */
    const struct cup_supervise run  = {.settings    = &job->settings,
                                       .lake        = job->lake,
                                       .inputs      = walk.files,
                                       .input_count = walk.count,
                                       .catalog     = &job->catalog};
    enum cup_exit              code = walk.count > 0 ? cup_supervise_run(&run) : CUP_EXIT_OK;
    if (walk.count == 0) fputs("cupel: no records are chosen\n", stderr);
    if (code == CUP_EXIT_OK) remove_folder(folder);
    if (code != CUP_EXIT_OK)
        fputs("cupel: nothing is lost or done twice: call it again, and it goes on\n", stderr);
    return code;
}

static enum cup_exit to_tables(struct cup_place *place)
{
    const char *const *values = place->words.values;
    struct cup_job     job    = {.keep = place->keep};
    struct cup_args    args   = {.folder = place->words.place};
    const char        *lake   = values[CUP_STREAM_TO_LAKE];
    struct target      target;

    if (!place->is_folder)
        return cup_place_priv_usage(place, "new tables need the FOLDER of the pipeline, not its "
                                           "LAKE: its contracts say what records mean");
    args.values[CUP_OPTION_LAKE]   = lake != NULL ? lake : place->lake;
    args.values[CUP_OPTION_DOMAIN] = values[CUP_STREAM_TO_DOMAIN];
    if (!cup_job_priv_load(&job, &args, CUP_JOB_BRINGS_INPUT | CUP_JOB_MAKES_LAKE))
        return cup_job_priv_complain(&job);
    enum cup_exit code = CUP_EXIT_FAULT;
    if (!name_target(&job, &target))
        fprintf(stderr, "cupel: %s: the path is too long\n", job.lake);
    else if (fill(place, &target))
        code = run_folder(&job, target.folder);
    cup_text_free(&job.says);
    return code;
}

/* --- into the same --- */

static enum cup_exit add_missing(struct cup_place *place)
{
    const char *const *values = place->words.values;
    char              *words[2 * CUP_STREAM_COUNT + 4];
    int                count = 0;

    if (!place->is_folder)
        return cup_place_priv_usage(place,
                                    "--missing needs the FOLDER of the pipeline, which reads "
                                    "what is missing");
    words[count++] = (char *)(uintptr_t)place->words.place;
    for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
        if (values[which[i]] == NULL) continue;
        words[count++] = (char *)(uintptr_t)cup_stream_name(which[i]);
        words[count++] = (char *)(uintptr_t)values[which[i]];
    }
    if (values[CUP_STREAM_LAKE] != NULL) words[count++] = (char *)(uintptr_t) "--lake";
    if (values[CUP_STREAM_LAKE] != NULL)
        words[count++] = (char *)(uintptr_t)values[CUP_STREAM_LAKE];
    if (values[CUP_STREAM_DRY_RUN] != NULL) words[count++] = (char *)(uintptr_t) "--dry-run";
    return cup_quarantine_missing(place->keep, count, words);
}

/* --- the command --- */

static const enum cup_stream_option goals[] = {CUP_STREAM_TO, CUP_STREAM_TO_TOPIC,
                                               CUP_STREAM_TO_LAKE, CUP_STREAM_TO_DOMAIN,
                                               CUP_STREAM_MISSING};

/* One goal; the last two kinds of new tables go together. */
static bool is_one_goal(const struct cup_place *place)
{
    const char *const *values = place->words.values;
    uint32_t           count  = 0;

    for (size_t i = 0; i < sizeof goals / sizeof *goals; i++)
        count += values[goals[i]] != NULL;
    return count - (values[CUP_STREAM_TO_LAKE] != NULL && values[CUP_STREAM_TO_DOMAIN] != NULL) <=
           1;
}

enum cup_exit cup_replay_priv_run(struct cup_place *place)
{
    const char *const *values = place->words.values;

    if (place->lake == NULL || *place->lake == '\0')
        return cup_place_priv_usage(place,
                                    "it needs a LAKE, or the FOLDER of a pipeline and, where "
                                    "that names none, --lake LAKE");
    if (!is_one_goal(place))
        return cup_place_priv_usage(place, "--to, --to-topic, --to-lake with --to-domain, and "
                                           "--missing: one of them");
    if (values[CUP_STREAM_DRY_RUN] != NULL && values[CUP_STREAM_MISSING] == NULL)
        return cup_place_priv_usage(place, "--dry-run goes with --missing");
    if (values[CUP_STREAM_CREATE] != NULL && values[CUP_STREAM_TO_TOPIC] == NULL)
        return cup_place_priv_usage(place, "--create goes with --to-topic");
    if (values[CUP_STREAM_DUMP] != NULL &&
        (values[CUP_STREAM_TO_LAKE] != NULL || values[CUP_STREAM_TO_DOMAIN] != NULL ||
         values[CUP_STREAM_MISSING] != NULL))
        return cup_place_priv_usage(place, "--dump goes with --to, or with none");
    if (values[CUP_STREAM_TO_TOPIC] != NULL) return to_topic(place);
    if (values[CUP_STREAM_TO_LAKE] != NULL || values[CUP_STREAM_TO_DOMAIN] != NULL)
        return to_tables(place);
    return values[CUP_STREAM_MISSING] != NULL ? add_missing(place) : to_files(place);
}
