// SPDX-License-Identifier: Apache-2.0
/* sim_world: a pipeline whose inputs, files and tables are known in advance, run by the real commit
 * room on a disk in memory, and a judge who compares the tables with what is known.
 *
 *   world (truth: per step ranges and files) --> life (a disk, its process, what readers saw)
 *                                                  open, step..., close | crash --> check
 *
 * Step s is what epoch s+1 has to hold: a range of some inputs and the files made of it. An epoch
 * takes effect or not, so the step to do next follows from the number of the next epoch, and the
 * position of each input from the step.
 *
 * Linked with --wrap, so that a run depends on its seed only: cup_rnd_uuid gives seeded names,
 * stat64 and cup_input_identify speak of inputs that need no file, cup_json_open and cup_json_close
 * keep parsers for the next one.
 */
#ifndef CUP_TESTS_CRASH_SIM_WORLD_H
#define CUP_TESTS_CRASH_SIM_WORLD_H

#include "dataplane/commit/commit.h"
#include "dataplane/store/sim.h"

#define WORLD_LAKE        "/lake"
#define WORLD_INPUTS      3u
#define WORLD_SILVER      3u
#define WORLD_STEPS_MAX   16u
#define WORLD_VERSIONS    64u /* of one table's log that readers remember */
#define WORLD_RECORD      10u /* bytes of an input */
#define WORLD_CHUNK_MAX   4u  /* records of one input in one step */
#define WORLD_INPUT_BYTES (WORLD_STEPS_MAX * WORLD_CHUNK_MAX * WORLD_RECORD)

/* Tables, then what is no Delta table. */
enum world_zone {
    WORLD_SILVER_0,
    WORLD_INDEX = WORLD_SILVER,
    WORLD_QUARANTINE,
    WORLD_LEDGER,
    WORLD_TABLES,
    WORLD_BRONZE = WORLD_TABLES,
    WORLD_ZONES
};

struct world_file { /* the bytes are the same in every life; the names are not */
    void    *bytes; /* NULL: the step has none for this zone */
    size_t   count;
    uint32_t crc32c, rows;
    char    *stats;
};

struct world {
    uint64_t seed;
    uint32_t steps;
    uint32_t rounds; /* the steps are done so often, one after the other; 1, or the test's */
    uint32_t shard, shard_count;
    uint32_t late_step; /* from it on the plan is `late`, which has a column more */
    struct cup_plan  *plan, *late;
    uint64_t          starts[WORLD_STEPS_MAX + 1][WORLD_INPUTS]; /* [steps]: the ends */
    uint64_t          outcomes[WORLD_STEPS_MAX][WORLD_INPUTS][CUP_OUTCOME_COUNT];
    struct world_file files[WORLD_STEPS_MAX][WORLD_ZONES]; /* of LEDGER: none */
};

/* world_make: equal seeds give equal worlds. The rows of all files are read back and compared with
 * the records. */
struct world *world_make(uint64_t seed, uint32_t steps);

/* world_make_shard: one of several that share the tables; it has inputs and columns of its own. */
struct world *world_make_shard(uint64_t seed, uint32_t steps, uint32_t shard, uint32_t shard_count);
void          world_free(struct world *world);

/* Names of tables below the lake. */
extern const char *const world_tables[WORLD_TABLES];

/* world_begin sets the clock, and malloc up for many disks one after the other. Once, first. */
void world_begin(void);

/* --- one life --- */

struct life {
    const struct world *world;
    struct cup_disk    *disk;
    struct cup_store   *store; /* NULL: no process */
    struct cup_commit  *commit;
    uint64_t            names;                              /* state of the seeded names */
    uint32_t            seen[WORLD_TABLES][WORLD_VERSIONS]; /* checksums; 0: never seen */
    uint32_t            epochs;                             /* decided in this life */
    uint32_t            crashes;
    bool                late;            /* the process has the late plan */
    bool                orphans_allowed; /* something failed that would have removed them */
    bool                traced;          /* operations are printed */
    char                why[256];        /* the first violation; "" */
};

/* life_use: names asked for outside of the functions below come from this life. */
void life_use(struct life *life);

/* life_begin gives a life on a new disk; life_fork one that goes on from a copy of the disk, with
 * names of its own. life_end closes the disk. */
void life_begin(struct life *life, const struct world *world,
                const struct cup_disk_sim_options *options);
void life_fork(struct life *to, const struct life *from, uint64_t seed);
void life_end(struct life *life);

/* The process: open, one step, close. life_step: OK also when there is none left. What an abandoned
 * or decided epoch asks for, it does: resumes a few times, leaves READY for another try. */
enum cup_err life_open(struct life *life, struct cup_fault *out_fault);
enum cup_err life_step(struct life *life, struct cup_fault *out_fault);
void         life_close(struct life *life);
bool         life_is_through(const struct life *life);

/* life_crash ends the process and crashes the disk. */
void life_crash(struct life *life, enum cup_disk_sim_model model, uint64_t seed);

/* life_read is a reader that looks at all logs now: what it saw before must be as it was. */
void life_read(struct life *life);

/* life_finish opens, does all steps that are left, closes and checks; nothing may fail any more. */
void life_finish(struct life *life);

/* life_check compares the whole lake with the truth of `steps` steps. */
void life_check(struct life *life, uint32_t steps);

/* life_verify exports the lake and has cupel-lake look at it, deep. */
void life_verify(struct life *life);

/* life_trace prints an operation of a traced life. */
void life_trace(const struct life *life, const struct cup_disk_sim_event *event);

/* life_blame notes a violation, if it is the first. */
void life_blame(struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* life_run is one whole life with crashes, deaths and failures by chance; nothing fails any more
 * after `boots_max` boots. */
struct life_rates {
    struct cup_disk_sim_rates disk;
    uint32_t                  boots_max;
    uint32_t                  death; /* of a hundred crashes, how many end the process only */
};
void life_run(struct life *life, const struct life_rates *rates, uint64_t seed,
              cup_disk_sim_judge_fn *lie, void *lie_arg);

#endif
