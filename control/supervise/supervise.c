// SPDX-License-Identifier: Apache-2.0
#include "control/supervise/supervise.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/plan/compile.h"
#include "control/supervise/child.h"
#include "control/supervise/report.h"
#include "control/supervise/unknown_priv.h"
#include "control/supervise/upkeep_priv.h"
#include "control/supervise/watch.h"

#define TERMINAL_MS 1000u /* a person looks at it */
#define PIPED_MS    5000u /* a log keeps it */

enum state { RUNNING, STOPPING, OVER };

struct run {
    const struct cup_supervise *job;
    struct cup_child            child;
    struct cup_report           report;
    struct cup_upkeep           upkeep;
    struct cup_watch           *watch;   /* NULL: the run ends with its inputs */
    struct cup_text             message; /* last payload received */
    struct cup_text             refused; /* what was said about refused schemas: said once */
    uint64_t                    generation;
    uint64_t                    line_due_ns;
    int                         signals; /* signalfd */
    enum state                  state;
    enum cup_exit               code;
    bool                        terminal, line_open;
    bool                        may_tell; /* the data plane has taken the files it was told */
    bool                        said_none;
    uint32_t                    stop_signal_count;
};

/* --- words on stderr --- */

/* Ends the line that progress is refreshing, so that a message gets its own. */
static void close_line(struct run *run)
{
    if (run->line_open) fputc('\n', stderr);
    run->line_open = false;
}

/* Each line of the text gets the program's name. */
static void say(struct run *run, const char *text)
{
    close_line(run);
    while (*text != '\0') {
        size_t bytes = strcspn(text, "\n");
        fprintf(stderr, "cupel: %.*s\n", (int)bytes, text);
        text += bytes + (text[bytes] != '\0');
    }
}

/* What a person can paste stands as it is. */
static void say_starter(const struct cup_catalog_unknown *unknown)
{
    struct cup_text text = {0};

    cup_unknown_priv_starter(&text, unknown);
    if (!text.failed) fputs(text.at, stderr);
    cup_text_free(&text);
}

static void say_progress(struct run *run)
{
    struct cup_text line = {0};

    cup_report_progress(&run->report, &line);
    if (!line.failed && run->terminal)
        fprintf(stderr, "\r%s\033[K", line.at);
    else if (!line.failed)
        fprintf(stderr, "%s\n", line.at);
    run->line_open = run->terminal;
    cup_text_free(&line);
}

static void say_fault(struct run *run, const char *what, const struct cup_fault *fault)
{
    struct cup_text text = {0};

    cup_report_fault(&text, what, fault);
    if (!text.failed) say(run, text.at);
    cup_text_free(&text);
}

/* What to do about a fault of the data plane; one line each. */
static const char *advice(const struct cup_fault *fault, bool consumes)
{
    switch (fault->err) {
    case CUP_NO_SPACE: return "free some space on the lake's disk";
    case CUP_IO:
        if (fault->os_errno == 0) return "change what the sentence above names"; /* a cluster's */
        return "look after the disk or file that is named: a disk with errors is often mounted "
               "read-only (see dmesg)";
    case CUP_NO_MEMORY: return "raise memory in pipeline.yaml (or --memory), or use fewer workers";
    case CUP_LOCKED: return "wait for the other run to end (`cupel recover LAKE` says who runs it)";
    case CUP_FENCED: return "stop the other instance; `cupel recover LAKE` names the way out";
    case CUP_INPUT_CHANGED:
        if (consumes)
            return "find out who deleted records or made the topic anew. To go on without records "
                   "that retention deleted: kafka.gaps: skip. A topic that was made anew is "
                   "another one: read it with another pipeline; `cupel recover LAKE` lists how "
                   "far each partition is";
        return "put the file back as it was, or give the new one another name: inputs only "
               "grow; `cupel recover LAKE` lists them";
    case CUP_TABLE_CHANGED: return "`cupel recover LAKE` says what it is, and the way out";
    case CUP_CORRUPT: return "`cupel recover LAKE` says what is damaged, and the way out";
    case CUP_UNSUPPORTED: return "the table was changed by another engine; see its table features";
    case CUP_BAD_PLAN: return "cupel and cupel-dataplane must be of one build";
    case CUP_BAD_CONFIG: return "correct the setting";
    case CUP_RULE_BROKEN: return "look at what the rule measured, correct its cause or its limit";
    case CUP_QUARANTINE_FULL:
        return "see what was refused (`cupel quarantine ls LAKE`) and mend its cause; `cupel "
               "quarantine retry` and `drop` work now and settle records, but free nothing: the "
               "table keeps each row, so raise quarantine.bytes_max (`cupel compact LAKE` wins a "
               "little where files are small)";
    case CUP_OUTPUT_HALTED:
        return "mend the cause above; what is spooled is delivered by the next run";
    default: return "see the cause above";
    }
}

/* --- talk with the data plane --- */

static enum cup_err send_plan(struct run *run, struct cup_fault *out_fault)
{
    const struct cup_compile compile = {.settings    = run->job->settings,
                                        .lake        = run->job->lake,
                                        .inputs      = run->job->inputs,
                                        .input_count = run->job->input_count,
                                        .catalog     = run->job->catalog,
                                        .generation  = run->generation + 1};
    struct cup_text          blob    = {0};
    int                      fd      = -1;

    enum cup_err err = cup_compile_blob(&compile, &blob, out_fault);
    if (err == CUP_OK) err = cup_compile_seal(&blob, &fd, out_fault);
    if (err == CUP_OK)
        err = cup_wire_send(run->child.socket, CUP_WIRE_PLAN, NULL, 0, fd, out_fault);
    if (fd >= 0) (void)close(fd); /* the other side has its own */
    cup_text_free(&blob);
    run->generation += err == CUP_OK;
    return err;
}

static enum cup_err send_refuse(struct run *run, uint64_t id, enum cup_outcome outcome,
                                struct cup_fault *out_fault)
{
    struct cup_wire_refuse refuse = {.id = id, .outcome = (uint32_t)outcome};

    return cup_wire_send(run->child.socket, CUP_WIRE_REFUSE, &refuse, sizeof(refuse), -1,
                         out_fault);
}

static enum cup_err send_stop(struct run *run, struct cup_fault *out_fault)
{
    run->state = STOPPING;
    return cup_wire_send(run->child.socket, CUP_WIRE_STOP, NULL, 0, -1, out_fault);
}

/* Every worker asks for itself, and again after each plan: a refusal is told once. */
static void say_refusal(struct run *run, const struct cup_text *says)
{
    if (says->bytes == 0 || says->failed) return;
    if (run->refused.at != NULL && strstr(run->refused.at, says->at) != NULL) return;
    cup_text_put(&run->refused, says->at, says->bytes);
    say(run, says->at);
}

static enum cup_err answer_unknown(struct run *run, struct cup_fault *out_fault)
{
    struct cup_catalog_unknown unknown;
    struct cup_text            says    = {0};
    enum cup_outcome           outcome = CUP_OUTCOME_SCHEMA_DRIFT;
    enum cup_err               err     = CUP_OK;
    uint64_t                   id;

    if (run->state == STOPPING) return CUP_OK; /* STOP is the answer that it will read */
    if (!cup_unknown_priv_read(run->job->catalog->keep, &run->message, &id, &unknown))
        return cup_fault_set(out_fault, CUP_BAD_DATA, "message about an unknown schema", NULL);
    switch (cup_catalog_learn(run->job->catalog, &unknown, &outcome, &says)) {
    case CUP_CATALOG_PLAN:
        if (says.bytes > 0) say(run, says.at);
        err = send_plan(run, out_fault);
        break;
    case CUP_CATALOG_REFUSE:
        say_refusal(run, &says);
        err = send_refuse(run, id, outcome, out_fault);
        break;
    case CUP_CATALOG_STOP:
        if (says.bytes > 0) say(run, says.at);
        if (unknown.kind == CUP_UNKNOWN_KIND_SCHEMA && *unknown.schema == '\0')
            say_starter(&unknown);
        run->code = CUP_EXIT_FAULT;
        err       = send_stop(run, out_fault);
        break;
    }
    cup_text_free(&says);
    return err;
}

/* A fault's literal does not cross processes: its text follows the struct. */
static void take_fault(struct run *run)
{
    struct cup_fault fault = {.err = CUP_BAD_DATA};
    const char      *what  = "";

    if (run->message.bytes >= sizeof(fault)) {
        memcpy(&fault, run->message.at, sizeof(fault));
        what = run->message.at + sizeof(fault); /* a cup_text ends with NUL */
    }
    fault.where[sizeof(fault.where) - 1] = '\0';
    say_fault(run, *what == '\0' ? "the run has stopped" : what, &fault);
    fprintf(stderr,
            "cupel: what to do: %s; then give the same command again\n"
            "cupel: nothing undecided is visible; it goes on where it stopped, after the last "
            "epoch\n",
            advice(&fault, cup_settings_consumes(run->job->settings)));
    run->code  = CUP_EXIT_FAULT;
    run->state = OVER;
}

static void take_ready(struct run *run)
{
    struct cup_wire_ready ready;

    if (run->generation != 1 || run->message.bytes != sizeof(ready)) return;
    memcpy(&ready, run->message.at, sizeof(ready));
    run->may_tell = true;
    close_line(run);
    fprintf(stderr, "cupel: %u worker%s, %llu MiB of memory, kernels %.*s, store %.*s\n",
            ready.worker_count, ready.worker_count == 1 ? "" : "s",
            (unsigned long long)ready.pool_bytes >> 20, (int)sizeof(ready.kernels), ready.kernels,
            (int)sizeof(ready.store), ready.store);
}

static bool take_status(struct run *run)
{
    struct cup_text says = {0};
    bool            good = cup_report_status(&run->report, &run->message, run->job->lake, &says);

    if (says.bytes > 0 && !says.failed) say(run, says.at);
    cup_text_free(&says);
    return good;
}

static void take_note(struct run *run)
{
    if (run->message.bytes > 0 && !run->message.failed) say(run, run->message.at);
}

static bool take_broken(struct run *run)
{
    struct cup_text says = {0};
    bool            good = cup_report_broken(&run->message, &says);

    if (good && !says.failed) say(run, says.at);
    cup_text_free(&says);
    return good;
}

static enum cup_err take_message(struct run *run, struct cup_fault *out_fault)
{
    enum cup_wire_kind kind;
    int                fd = -1;

    enum cup_err err = cup_wire_receive(run->child.socket, &kind, &run->message, &fd, out_fault);
    if (err != CUP_OK) return err;
    if (fd >= 0) (void)close(fd); /* the data plane has none to give */
    switch (kind) {
    case CUP_WIRE_READY: take_ready(run); return CUP_OK;
    case CUP_WIRE_UNKNOWN: return answer_unknown(run, out_fault);
    case CUP_WIRE_FAULT: take_fault(run); return CUP_OK;
    case CUP_WIRE_ENDED: run->state = OVER; return CUP_OK;
    case CUP_WIRE_TAKEN: run->may_tell = true; return CUP_OK;
    case CUP_WIRE_NOTE: take_note(run); return CUP_OK;
    case CUP_WIRE_LAG:
        if (cup_lag_take(&run->report.lag, &run->message)) return CUP_OK;
        break;
    case CUP_WIRE_STATUS:
        if (take_status(run)) return CUP_OK;
        break;
    case CUP_WIRE_BROKEN:
        if (take_broken(run)) return CUP_OK;
        break;
    case CUP_WIRE_EPOCH:
        if (cup_report_epoch(&run->report, &run->message)) return CUP_OK;
        break;
    default: break;
    }
    return cup_fault_set(out_fault, CUP_BAD_DATA, "message of the data plane", NULL);
}

/* --- signals and the loop --- */

static enum cup_err take_signal(struct run *run, struct cup_fault *out_fault)
{
    struct signalfd_siginfo info;

    if (read(run->signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) return CUP_OK;
    run->stop_signal_count++;
    if (run->stop_signal_count == 1) {
        say(run,
            "stopping: the open epoch is being finished (again: wait; a third time: end now)\n");
        return run->state == RUNNING ? send_stop(run, out_fault) : CUP_OK;
    }
    if (run->stop_signal_count == 2) {
        say(run,
            "still finishing the open epoch; once more ends it now, and loses only that epoch\n");
        return CUP_OK;
    }
    (void)kill(run->child.pid, SIGKILL); /* it may be gone already */
    return CUP_OK;
}

static bool tells(const struct run *run)
{
    return run->watch != NULL && run->may_tell && run->state == RUNNING;
}

static int wait_ms(const struct run *run)
{
    uint64_t now = cup_clock_mono_ns(), due = run->line_due_ns;

    if (tells(run) && cup_watch_due(run->watch) < due) due = cup_watch_due(run->watch);
    return now >= due ? 0 : (int)((due - now) / 1000000u) + 1;
}

static void say_watched(struct run *run)
{
    struct cup_text says = {0};

    cup_watch_says(run->watch, &says);
    if (says.bytes > 0 && !says.failed) say(run, says.at);
    cup_text_free(&says);
    if (run->said_none || cup_watch_matched(run->watch) > 0) return;
    say(run, "no file matches yet: waiting for some (a shell pattern; quote it on the command "
             "line)\n");
    run->said_none = true;
}

/* Tells what is new of the files. */
static enum cup_err tell_files(struct run *run, struct cup_fault *out_fault)
{
    struct cup_text rows = {0};

    if (!tells(run) || cup_clock_mono_ns() < cup_watch_due(run->watch)) return CUP_OK;
    enum cup_err err = cup_watch_rows(run->watch, &rows, out_fault);
    if (err == CUP_OK && rows.bytes > 0) {
        run->may_tell = false;
        err = cup_wire_send(run->child.socket, CUP_WIRE_INPUTS, rows.at, rows.bytes, -1, out_fault);
    }
    cup_text_free(&rows);
    if (err == CUP_OK) say_watched(run);
    return err;
}

static enum cup_err step(struct run *run, struct cup_fault *out_fault)
{
    struct pollfd fds[3] = {
        {.fd = run->child.socket, .events = POLLIN},
        {.fd = run->signals, .events = POLLIN},
        {.fd = run->watch == NULL ? -1 : cup_watch_fd(run->watch), .events = POLLIN}};
    enum cup_err err = CUP_OK;

    if (poll(fds, 3, wait_ms(run)) < 0 && errno != EINTR)
        return cup_fault_set(out_fault, CUP_IO, "wait for the data plane", NULL);
    if (fds[1].revents != 0) err = take_signal(run, out_fault);
    if (err == CUP_OK && fds[0].revents != 0) err = take_message(run, out_fault);
    if (fds[2].revents != 0) cup_watch_heard(run->watch);
    if (err == CUP_OK) err = tell_files(run, out_fault);
    cup_upkeep_priv_turn(&run->upkeep, run->report.epoch_count);
    if (cup_clock_mono_ns() >= run->line_due_ns) {
        say_progress(run);
        run->line_due_ns =
            cup_clock_mono_ns() + (run->terminal ? TERMINAL_MS : PIPED_MS) * 1000000ull;
    }
    return err;
}

/* What cannot be sent any more says nothing: why the data plane ended may still be to be read. */
static enum cup_err hear_out(struct run *run, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    while (err == CUP_OK && run->state != OVER)
        err = take_message(run, out_fault);
    return err;
}

static void say_death(struct run *run, const struct cup_fault *fault)
{
    char end[CUP_CHILD_END_BYTES];

    run->code = CUP_EXIT_FAULT;
    if (fault->err != CUP_PEER_GONE) {
        say_fault(run, fault->what, fault);
        return;
    }
    (void)cup_child_wait(&run->child, end); /* it is gone whatever it says */
    close_line(run);
    fprintf(stderr,
            "cupel: the data plane is gone: %s\n"
            "cupel: nothing is lost: run again, and it resumes after the last epoch\n",
            end);
}

static enum cup_err start(struct run *run, const sigset_t *mask, struct cup_fault *out_fault)
{
    char         path[PATH_MAX];
    enum cup_err err = cup_child_find("cupel-dataplane", "CUPEL_DATAPLANE", path, out_fault);

    if (err == CUP_NOT_FOUND)
        say(run, "the data plane is a program of its own: it must lie beside cupel, or "
                 "CUPEL_DATAPLANE must name it\n");
    if (err == CUP_OK) err = cup_child_start(path, mask, &run->child, out_fault);
    bool consumes = cup_settings_consumes(run->job->settings);
    if (err == CUP_OK && !run->job->settings->until_end && !consumes)
        err = cup_watch_open(run->job->settings, &run->watch, out_fault);
    if (err != CUP_OK) return err;
    cup_report_begin(&run->report, run->job->catalog->keep, run->child.stats, run->job->inputs,
                     run->job->input_count);
    run->report.catalog   = run->job->catalog;
    run->report.consumes  = consumes;
    run->report.publishes = run->job->settings->output.kind != CUP_OUTPUT_NONE;
    cup_upkeep_priv_begin(&run->upkeep, run->job->settings, run->job->lake, mask);
    run->line_due_ns = cup_clock_mono_ns() + (run->terminal ? TERMINAL_MS : PIPED_MS) * 1000000ull;
    return send_plan(run, out_fault);
}

static void say_summary(struct run *run)
{
    struct cup_text text = {0};

    cup_report_summary(&run->report, &text);
    cup_upkeep_priv_end(&run->upkeep, &text);
    if (!text.failed) fputs(text.at, stdout);
    if (run->stop_signal_count > 0 && run->job->settings->until_end)
        fputs("stopped before the end of the inputs; the next run resumes here\n", stdout);
    cup_text_free(&text);
}

enum cup_exit cup_supervise_run(const struct cup_supervise *job)
{
    struct run       run   = {.job = job, .terminal = isatty(STDERR_FILENO) == 1, .signals = -1};
    struct cup_fault fault = {0};
    sigset_t         stops, before;
    enum cup_err     err;

    CUP_ASSERT(job->input_count > 0 || !job->settings->until_end ||
               cup_settings_consumes(job->settings));
    CUP_ASSERT(job->lake[0] == '/');
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigprocmask(SIG_BLOCK, &stops, &before);
    run.signals = signalfd(-1, &stops, SFD_CLOEXEC);
    err         = run.signals < 0 ? cup_fault_set(&fault, CUP_IO, "signalfd", NULL)
                                  : start(&run, &before, &fault);
    while (err == CUP_OK && run.state != OVER)
        err = step(&run, &fault);
    if (err == CUP_PEER_GONE) err = hear_out(&run, &fault);
    if (err != CUP_OK) say_death(&run, &fault);
    close_line(&run);
    if (run.child.stats != NULL && (run.code == CUP_EXIT_OK || run.report.epoch_count > 0))
        say_summary(&run);
    if (run.child.pid > 0 && run.state == OVER) {
        char end[CUP_CHILD_END_BYTES];
        (void)cup_child_wait(&run.child, end); /* it has said ENDED or FAULT */
    }
    cup_child_close(&run.child);
    cup_watch_close(run.watch);
    if (run.signals >= 0) (void)close(run.signals); /* nothing to lose */
    sigprocmask(SIG_SETMASK, &before, NULL);
    cup_text_free(&run.message);
    cup_text_free(&run.refused);
    cup_report_end(&run.report);
    return run.code;
}
