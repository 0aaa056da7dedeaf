// SPDX-License-Identifier: Apache-2.0
#include "control/cli/quarantine.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/cli/help.h"
#include "control/cli/job_priv.h"
#include "control/config/pipeline.h"

#define WORDS_MAX 64

/* What cupel-lake is asked; owns nothing. */
struct words {
    const char *list[WORDS_MAX + 1];
    int         count;
};

static void add(struct words *words, const char *word)
{
    CUP_ASSERT(words->count < WORDS_MAX);
    words->list[words->count++] = word;
    words->list[words->count]   = NULL;
}

static enum cup_exit usage(const char *what, const char *which)
{
    fprintf(stderr, "cupel: quarantine: %s%s\ncupel: cupel help quarantine  explains it\n", what,
            which);
    return CUP_EXIT_CONFIG;
}

/* --- ls, show --- */

static bool is_pipeline(const char *folder)
{
    char        path[PATH_MAX];
    struct stat status;

    return snprintf(path, sizeof path, "%s/pipeline.yaml", folder) < (int)sizeof path &&
           stat(path, &status) == 0;
}

/* The lake and the name of a pipeline's folder; --lake goes over what its file says. */
static bool read_folder(struct cup_keep *keep, const char *folder, const char **lake,
                        const char **name)
{
    struct cup_settings settings;
    struct cup_text     says = {0}, text = {0};

    cup_settings_default(&settings);
    bool good = cup_pipeline_load(keep, folder, &settings, &says) == CUP_OK;
    if (!good) fputs(says.failed ? "cupel: there is no memory\n" : says.at, stderr);
    if (good && *lake == NULL) *lake = settings.lake;
    cup_text_printf(&text, "%s/%s", settings.domain, settings.name);
    if (good && !text.failed) *name = cup_keep_string(keep, text.at);
    if (good && (*lake == NULL || **lake == '\0')) {
        fprintf(stderr, "cupel: %s: there is no lake: give lake: there or --lake FOLDER\n", folder);
        good = false;
    }
    cup_text_free(&says);
    cup_text_free(&text);
    return good;
}

/* Filters and forms go on as they are; --lake is ours. */
static enum cup_exit look(struct cup_keep *keep, const char *action, int count, char **rest)
{
    struct words words  = {0};
    const char  *folder = NULL, *lake = NULL, *name = NULL;
    int          first = 0;

    if (count > 0 && rest[0][0] != '-') folder = rest[first++];
    if (folder == NULL) return usage(action, " needs LAKE, or the FOLDER of a pipeline, next");
    add(&words, "cupel-lake");
    add(&words, "quarantine");
    add(&words, NULL); /* the lake */
    words.list[3] = NULL;
    add(&words, action);
    for (int i = first; i < count; i++) {
        if (strcmp(rest[i], "--lake") == 0 && i + 1 < count)
            lake = rest[++i];
        else if (strncmp(rest[i], "--lake=", 7) == 0)
            lake = rest[i] + 7;
        else if (words.count < WORDS_MAX - 2)
            add(&words, rest[i]);
    }
    if (is_pipeline(folder) && !read_folder(keep, folder, &lake, &name)) return CUP_EXIT_CONFIG;
    if (name != NULL) {
        add(&words, "--pipeline");
        add(&words, name);
    }
    words.list[2] = lake != NULL ? lake : folder;
    return cup_lake_priv_become(words.list);
}

/* --- retry, drop --- */

struct retry {
    struct cup_job job;
    struct words   filters; /* for cupel-lake */
    struct words   rest;    /* for the run */
    bool           discard, yes, dry_run, filtered;
    bool           missing;    /* not of the quarantine: what silver lacks of bronze */
    char           name[600];  /* domain/pipeline */
    char           record[32]; /* limits.record_bytes_max */
};

/* Takes the options that choose records; what is left is a command line like that of a run. */
static enum cup_exit split(struct retry *retry, int count, char **words)
{
    static const char *const of_quarantine[] = {"--reason", "--table", "--since", "--offset", NULL};
    static const char *const of_bronze[]     = {"--input", "--topic",   "--since",
                                                "--until", "--offsets", NULL};
    const char *const       *with_value      = retry->missing ? of_bronze : of_quarantine;

    for (int i = 0; i < count; i++) {
        const char *word   = words[i];
        bool        filter = false, whole = false;
        for (size_t k = 0; with_value[k] != NULL; k++) {
            size_t bytes = strlen(with_value[k]);
            if (strncmp(word, with_value[k], bytes) != 0) continue;
            whole |= word[bytes] == '=';
            filter |= word[bytes] == '=' || word[bytes] == '\0';
        }
        if (retry->filters.count + 4 > WORDS_MAX / 2 || retry->rest.count + 2 > WORDS_MAX / 2)
            return usage("too many words: ", word);
        if (filter && !whole && i + 1 >= count) return usage("a value is missing behind ", word);
        retry->filtered |= filter;
        if (filter) add(&retry->filters, word);
        if (filter && !whole) add(&retry->filters, words[++i]);
        if (filter) continue;
        if (strcmp(word, "--dry-run") == 0)
            retry->dry_run = true;
        else if (strcmp(word, "--yes") == 0 && retry->discard)
            retry->yes = true;
        else
            add(&retry->rest, word);
    }
    return CUP_EXIT_OK;
}

struct answer {
    char               word[16];
    unsigned long long records, too_long, not_kept, shards;
    char               path[PATH_MAX];
};

/* Has cupel-lake write the file. */
static bool export(struct retry *retry, struct answer *answer)
{
    struct words    words = {0};
    struct cup_text text  = {0};

    add(&words, "cupel-lake");
    add(&words, retry->missing ? "missing" : "quarantine");
    add(&words, retry->job.lake);
    if (!retry->missing) add(&words, "export");
    add(&words, "--pipeline");
    add(&words, retry->name);
    add(&words, "--record-max");
    add(&words, retry->record);
    if (retry->discard) add(&words, "--discard");
    if (retry->dry_run) add(&words, "--dry-run");
    for (int i = 0; i < retry->filters.count; i++)
        add(&words, retry->filters.list[i]);
    *answer   = (struct answer){0};
    bool good = cup_lake_priv_ask(words.list, &text);
    if (good) {
        int at = 0;
        good   = !text.failed && text.bytes < sizeof answer->path &&
               sscanf(text.at, "%15s %llu %llu %llu %llu %n", answer->word, &answer->records,
                      &answer->too_long, &answer->not_kept, &answer->shards, &at) == 5 &&
               at > 0;
        if (good)
            snprintf(answer->path, sizeof answer->path, "%.*s", (int)strcspn(text.at + at, "\n"),
                     text.at + at);
        else
            fputs("cupel: cupel-lake gave an answer that is of another version\n", stderr);
    }
    cup_text_free(&text);
    return good;
}

static void say_left_out(const struct answer *answer)
{
    if (answer->too_long > 0)
        printf("%llu records stay: they are still longer than limits.record_bytes_max\n",
               answer->too_long);
    if (answer->not_kept > 0)
        printf("%llu records stay: their bytes are sealed, withheld by a mask, or not kept whole\n",
               answer->not_kept);
}

/* Records that were accepted before were published then; this may finish another command's file. */
static bool was_published(const char *path)
{
    size_t bytes = strlen(path), wanted = strlen(CUP_RETRY_ACCEPTED);
    return bytes >= wanted && strcmp(path + bytes - wanted, CUP_RETRY_ACCEPTED) == 0;
}

/* Runs the pipeline over the file alone. What its epochs decided is in the tables when it ends, and
 * the rest is still open there: then the file has done its duty. */
static enum cup_exit run_file(struct retry *retry, const char *path)
{
    struct cup_text text = {0};
    struct stat     status;
    const char     *slash = strrchr(path, '/');

    if (slash == NULL || stat(path, &status) != 0) {
        fprintf(stderr, "cupel: %s: it is gone; another retry was faster\n", path);
        return CUP_EXIT_FAULT;
    }
    cup_text_printf(&text, "%s%s", CUP_RETRY_PREFIX, slash + 1);
    CUP_ASSERT(!text.failed);
    const struct cup_inputs_file input = {
        .path = path, .topic = text.at, .bytes = (uint64_t)status.st_size, .form = CUP_INPUT_RETRY};
    if (was_published(path)) retry->job.settings.output.kind = CUP_OUTPUT_NONE;
    const struct cup_supervise run  = {.settings    = &retry->job.settings,
                                       .lake        = retry->job.lake,
                                       .inputs      = &input,
                                       .input_count = 1,
                                       .catalog     = &retry->job.catalog};
    enum cup_exit              code = cup_supervise_run(&run);
    if (code == CUP_EXIT_OK && unlink(path) != 0)
        fprintf(stderr, "cupel: %s: it is not needed any more, but cannot be removed\n", path);
    if (code != CUP_EXIT_OK)
        fputs("cupel: nothing is lost or done twice: call it again, and it goes on\n", stderr);
    cup_text_free(&text);
    return code;
}

static enum cup_exit judge_again(struct retry *retry)
{
    struct answer answer;

    if (!export(retry, &answer)) return CUP_EXIT_FAULT;
    if (retry->job.settings.shard_count == 1) retry->job.settings.shard_count = answer.shards;
    if (strcmp(answer.word, "pending") == 0) {
        if (retry->dry_run) {
            puts("an earlier retry was interrupted; the next one finishes it first");
            return CUP_EXIT_OK;
        }
        enum cup_exit code = run_file(retry, answer.path);
        if (code == CUP_EXIT_OK)
            puts("finished what an earlier retry was interrupted in; call it again to choose "
                 "records");
        return code;
    }
    say_left_out(&answer);
    if (answer.records == 0)
        puts(retry->missing ? "nothing is missing" : "no open records are chosen");
    if (answer.records == 0) return CUP_EXIT_OK;
    if (retry->dry_run)
        printf("%llu records would be %s\n", answer.records,
               retry->missing   ? "added"
               : retry->discard ? "given up"
                                : "judged again");
    return retry->dry_run ? CUP_EXIT_OK : run_file(retry, answer.path);
}

static enum cup_exit start(struct cup_keep *keep, struct retry *retry)
{
    struct cup_job *job = &retry->job;
    struct cup_args args;

    job->keep = keep;
    if (cup_args_parse(keep, retry->rest.count, (char **)(uintptr_t)retry->rest.list, &args,
                       &job->says) != CUP_OK)
        return cup_job_priv_complain(job);
    if (args.pattern_count > 0) return usage("it brings its own input; leave out --input", "");
    if (!cup_job_priv_load(job, &args, CUP_JOB_BRINGS_INPUT)) return cup_job_priv_complain(job);
    if (job->settings.shard != 0) /* the lake knows of how many */
        return usage("shard 0 does it: leave out --shard", "");
    job->settings.until_end = true;
    snprintf(retry->name, sizeof retry->name, "%s/%s", job->settings.domain, job->settings.name);
    snprintf(retry->record, sizeof retry->record, "%" PRIu64, job->settings.record_bytes_max);
    enum cup_exit code = judge_again(retry);
    cup_text_free(&job->says);
    return code;
}

static enum cup_exit again(struct cup_keep *keep, bool discard, int count, char **words)
{
    struct retry  retry = {.discard = discard};
    enum cup_exit code  = split(&retry, count, words);

    if (code != CUP_EXIT_OK) return code;
    if (discard && !retry.filtered)
        return usage("drop needs a choice: --reason, --table, --since or --offset", "");
    if (discard && !retry.yes) retry.dry_run = true;
    code = start(keep, &retry);
    if (code == CUP_EXIT_OK && discard && !retry.yes) puts("nothing was done: --yes does it");
    return code;
}

enum cup_exit cup_quarantine_missing(struct cup_keep *keep, int count, char **words)
{
    struct retry  retry = {.missing = true};
    enum cup_exit code  = split(&retry, count, words);

    return code == CUP_EXIT_OK ? start(keep, &retry) : code;
}

/* --- the command --- */

enum cup_exit cup_quarantine_command(int count, char **words)
{
    struct cup_keep  keep   = {0};
    struct cup_fault fault  = {0};
    const char      *action = count > 0 ? words[0] : "";
    enum cup_exit    code   = CUP_EXIT_CONFIG;

    if (cup_keep_open(&keep, &fault) != CUP_OK) {
        fprintf(stderr, "cupel: %s: %s\n", fault.what, cup_err_text(fault.err));
        return CUP_EXIT_FAULT;
    }
    if (strcmp(action, "ls") == 0 || strcmp(action, "show") == 0)
        code = look(&keep, action, count - 1, words + 1);
    else if (strcmp(action, "retry") == 0 || strcmp(action, "drop") == 0)
        code = again(&keep, strcmp(action, "drop") == 0, count - 1, words + 1);
    else
        (void)usage("it knows ls, show, retry and drop, not ",
                    *action != '\0' ? action : "nothing");
    cup_keep_close(&keep);
    return code;
}
