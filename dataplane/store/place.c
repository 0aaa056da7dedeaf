// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "kernels/isal/isal.h"

/* A durable file on the way to its name. */
struct job {
    struct cup_store_file   *file; /* NULL: not one of ours */
    int                      from_fd;
    const char              *from; /* in that folder */
    unsigned                 mode; /* as far as we know */
    const char              *name;
    struct cup_store_folder *folder;
    struct cup_fault         fault; /* err OK: all is well so far */
};

static uint32_t piece_of(uint32_t count)
{
    return count < CUP_STORE_PIECE ? count : CUP_STORE_PIECE;
}

static struct job make_job(struct cup_store_file *file, const char *name)
{
    return (struct job){.file    = file,
                        .from_fd = file->store->staging_fd,
                        .from    = file->name,
                        .mode    = CUP_STORE_STAGED_MODE,
                        .name    = name};
}

static void fail(struct job *job, int64_t result, const char *what)
{
    (void)cup_store_priv_fail(&job->fault, result == -EEXIST ? CUP_EXISTS : CUP_IO, result, what,
                              job->name); /* kept in the job */
}

/* --- one batch each --- */

/* The zone is known only now. The new mode is durable with the new name: both are the inode's. */
static void set_modes(struct cup_store *store, struct job *jobs, uint32_t count)
{
    struct cup_disk_op ops[CUP_STORE_PIECE];
    struct job        *owners[CUP_STORE_PIECE];
    uint32_t           found = 0;

    for (uint32_t i = 0; i < count; i++) {
        unsigned mode = cup_store_priv_file_mode(jobs[i].name);
        if (jobs[i].fault.err != CUP_OK || mode == jobs[i].mode) continue;
        owners[found] = &jobs[i];
        ops[found++]  = (struct cup_disk_op){
             .kind = CUP_DISK_CHMOD, .fd = jobs[i].from_fd, .name = jobs[i].from, .mode = mode};
    }
    store->disk->ops->run(store->disk, ops, found);
    for (uint32_t i = 0; i < found; i++)
        if (ops[i].result < 0) fail(owners[i], ops[i].result, "set file mode");
}

static void link_names(struct cup_store *store, struct job *jobs, uint32_t count, bool replace)
{
    struct cup_disk_op ops[CUP_STORE_PIECE];
    struct job        *owners[CUP_STORE_PIECE];
    uint32_t           found = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (jobs[i].fault.err != CUP_OK) continue;
        owners[found] = &jobs[i];
        ops[found++]  = (struct cup_disk_op){.kind    = replace ? CUP_DISK_RENAME : CUP_DISK_LINK,
                                             .fd      = jobs[i].from_fd,
                                             .name    = jobs[i].from,
                                             .to_fd   = jobs[i].folder->fd,
                                             .to_name = cup_store_priv_leaf(jobs[i].name)};
    }
    store->disk->ops->run(store->disk, ops, found);
    for (uint32_t i = 0; i < found; i++) {
        /* what failed may have been done all the same, except where the name was taken */
        if (ops[i].result != -EEXIST) cup_store_priv_touch(store, owners[i]->folder);
        if (ops[i].result < 0) fail(owners[i], ops[i].result, replace ? "replace" : "place");
    }
}

/* Gives the files of at most a piece their names. */
static void name_files(struct cup_store *store, struct job *jobs, uint32_t count, bool replace)
{
    for (uint32_t i = 0; i < count; i++)
        if (jobs[i].fault.err == CUP_OK)
            jobs[i].fault.err =
                cup_store_priv_hold_parent(store, jobs[i].name, &jobs[i].folder, &jobs[i].fault);
    set_modes(store, jobs, count);
    link_names(store, jobs, count, replace);
    cup_store_priv_release(store);
}

/* --- objects: whole, from memory --- */

static struct cup_disk_op put_op(struct cup_store *store, const char *name, const void *bytes,
                                 size_t count, bool replace)
{
    return (struct cup_disk_op){.kind    = CUP_DISK_PUT,
                                .to_fd   = store->lake_fd,
                                .to_name = name,
                                .flags   = replace ? 0 : O_EXCL,
                                .bytes   = bytes,
                                .count   = count};
}

/* Reads the file `from` back and puts what was read: all of it is in memory once. */
static void upload(struct cup_store *store, const char *from, struct job *job)
{
    const struct cup_store_file *file  = job->file;
    struct cup_text              bytes = {0};

    enum cup_err err = cup_store_get(store, from, &bytes, &job->fault);
    if (err == CUP_OK && file != NULL &&
        (bytes.bytes != file->written || cup_crc32c(0, bytes.at, bytes.bytes) != file->crc32c))
        err = cup_fault_set(&job->fault, CUP_CORRUPT, "read back", from);
    if (err == CUP_OK) {
        int64_t result =
            cup_store_priv_run(store->disk, put_op(store, job->name, bytes.at, bytes.bytes, false));
        if (result < 0) fail(job, result, "put");
    }
    cup_text_free(&bytes);
}

static void upload_staged(struct cup_store *store, struct job *job)
{
    char name[CUP_STORE_NAME_BYTES];

    snprintf(name, sizeof name, "%s/%s", store->staging, job->from);
    upload(store, name, job);
}

/* --- place --- */

static enum cup_err place_piece(struct cup_store *store, struct cup_store_file **files,
                                const char *const *names, uint32_t count,
                                struct cup_fault *out_fault)
{
    struct job             jobs[CUP_STORE_PIECE];
    struct cup_store_file *placed[CUP_STORE_PIECE];
    uint32_t               local = 0, placed_count = 0;
    uint32_t               at[CUP_STORE_PIECE]; /* of the job's file in files */
    enum cup_err           err = CUP_OK;

    /* objects from the end, so that the others are one run */
    for (uint32_t i = 0, end = count; i < count; i++) {
        CUP_ASSERT(files[i]->sealed);
        cup_store_priv_check(names[i]);
        bool     object = cup_store_priv_is_object(store, names[i]);
        uint32_t slot   = object ? --end : local++;
        jobs[slot]      = make_job(files[i], names[i]);
        at[slot]        = i;
        if (object) upload_staged(store, &jobs[slot]);
    }
    name_files(store, jobs, local, false);
    for (uint32_t i = 0; i < count; i++) {
        if (jobs[i].fault.err == CUP_OK) {
            placed[placed_count++] = jobs[i].file;
            files[at[i]]           = NULL;
        } else if (err == CUP_OK) {
            err = jobs[i].fault.err;
            if (out_fault != NULL) *out_fault = jobs[i].fault;
        }
    }
    cup_store_priv_drop(placed, placed_count); /* their staged names; the new ones stay */
    for (uint32_t i = 0; i < placed_count; i++)
        free(placed[i]);
    return err;
}

enum cup_err cup_store_place_all(struct cup_store *store, struct cup_store_file **files,
                                 const char *const *names, uint32_t count,
                                 struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (uint32_t at = 0; err == CUP_OK && at < count; at += CUP_STORE_PIECE)
        err = place_piece(store, files + at, names + at, piece_of(count - at), out_fault);
    return err;
}

enum cup_err cup_store_place(struct cup_store *store, struct cup_store_file *file, const char *name,
                             struct cup_fault *out_fault)
{
    return cup_store_place_all(store, &file, &name, 1, out_fault);
}

enum cup_err cup_store_publish(struct cup_store *store, const char *from, const char *name,
                               struct cup_fault *out_fault)
{
    struct job job = {.name = name};

    cup_store_priv_check(name);
    enum cup_err err = cup_store_priv_open_parent(store, from, &job.from_fd, &job.from, out_fault);
    if (err != CUP_OK) return err;
    if (cup_store_priv_is_object(store, name))
        upload(store, from, &job);
    else
        name_files(store, &job, 1, false);
    cup_store_priv_close(store->disk, job.from_fd);
    if (job.fault.os_errno == ENOENT)
        (void)cup_fault_set(&job.fault, CUP_NOT_FOUND, "publish", from); /* kept in the job */
    if (job.fault.err != CUP_OK && out_fault != NULL) *out_fault = job.fault;
    return job.fault.err;
}

/* --- put and replace --- */

static void set_result(struct cup_store_put *put, const struct cup_fault *fault)
{
    put->err = fault->err;
    if (fault->err != CUP_OK) put->fault = *fault;
}

static bool is_sealed(const struct cup_store_put *put)
{
    return put->sealed != NULL && *put->sealed != NULL;
}

/* Gives the sealed file of each put, made in the caller's memory where there was none. */
static void seal_puts(struct cup_store *store, struct cup_store_put **puts, uint32_t count,
                      struct cup_store_file *memory, struct cup_store_file **files)
{
    struct cup_store_file *fresh[CUP_STORE_PIECE];
    uint32_t               fresh_count = 0;

    for (uint32_t i = 0; i < count; i++) {
        files[i] = is_sealed(puts[i]) ? *puts[i]->sealed : &memory[i];
        if (files[i] == &memory[i]) fresh[fresh_count++] = files[i];
    }
    cup_store_priv_stage(store, fresh, fresh_count);
    for (uint32_t i = 0; i < count; i++) {
        if (files[i] != &memory[i]) continue;
        files[i]->lent = puts[i]->bytes;
        files[i]->held = puts[i]->count;
    }
    cup_store_priv_seal(fresh, fresh_count);
}

/* Removes the staged names, but of sealed files that did not get theirs. */
static void drop_puts(struct cup_store_put **puts, uint32_t count,
                      const struct cup_store_file *memory, struct cup_store_file **files)
{
    struct cup_store_file *dropped[CUP_STORE_PIECE];
    uint32_t               dropped_count = 0;

    for (uint32_t i = 0; i < count; i++)
        if (files[i] == &memory[i] || puts[i]->err == CUP_OK) dropped[dropped_count++] = files[i];
    cup_store_priv_drop(dropped, dropped_count);
    for (uint32_t i = 0; i < count; i++) {
        if (files[i] == &memory[i] || puts[i]->err != CUP_OK) continue;
        free(files[i]);
        *puts[i]->sealed = NULL;
    }
}

/* At most a piece of puts, none of them an object. */
static void put_files(struct cup_store *store, struct cup_store_put **puts, uint32_t count,
                      bool replace)
{
    struct job             jobs[CUP_STORE_PIECE];
    struct cup_store_file *files[CUP_STORE_PIECE];
    struct cup_store_file *memory = calloc(count, sizeof *memory);

    CUP_ASSERT(count > 0 && count <= CUP_STORE_PIECE);
    for (uint32_t i = 0; memory == NULL && i < count; i++)
        puts[i]->err = cup_fault_set(&puts[i]->fault, CUP_NO_MEMORY, "put", puts[i]->name);
    if (memory == NULL) return;
    seal_puts(store, puts, count, memory, files);
    for (uint32_t i = 0; i < count; i++) {
        jobs[i]       = make_job(files[i], puts[i]->name);
        jobs[i].fault = files[i]->fault;
    }
    name_files(store, jobs, count, replace);
    for (uint32_t i = 0; i < count; i++)
        if (jobs[i].fault.err == CUP_OK) cup_store_priv_want(jobs[i].folder);
    cup_store_priv_sync_wanted(store);
    for (uint32_t i = 0; i < count; i++) {
        if (jobs[i].fault.err == CUP_OK)
            jobs[i].fault.err = cup_store_priv_synced(jobs[i].folder, &jobs[i].fault);
        set_result(puts[i], &jobs[i].fault);
    }
    drop_puts(puts, count, memory, files);
    free(memory);
}

static void put_objects(struct cup_store *store, struct cup_store_put **puts, uint32_t count,
                        bool replace)
{
    struct cup_disk_op ops[CUP_STORE_PIECE];

    for (uint32_t i = 0; i < count; i++)
        ops[i] = put_op(store, puts[i]->name, puts[i]->bytes, puts[i]->count, replace);
    store->disk->ops->run(store->disk, ops, count);
    for (uint32_t i = 0; i < count; i++) {
        struct job job = {.name = puts[i]->name};
        if (ops[i].result < 0) fail(&job, ops[i].result, "put");
        set_result(puts[i], &job.fault);
    }
}

static void put_all(struct cup_store *store, struct cup_store_put *puts, uint32_t count,
                    bool replace)
{
    struct cup_store_put *files[CUP_STORE_PIECE], *objects[CUP_STORE_PIECE];

    for (uint32_t at = 0; at < count; at += CUP_STORE_PIECE) {
        uint32_t file_count = 0, object_count = 0;
        for (uint32_t i = at; i < at + piece_of(count - at); i++) {
            cup_store_priv_check(puts[i].name);
            if (cup_store_priv_is_object(store, puts[i].name))
                objects[object_count++] = &puts[i];
            else
                files[file_count++] = &puts[i];
        }
        if (file_count > 0) put_files(store, files, file_count, replace);
        if (object_count > 0) put_objects(store, objects, object_count, replace);
    }
}

void cup_store_put_all(struct cup_store *store, struct cup_store_put *puts, uint32_t count)
{
    put_all(store, puts, count, false);
}

static enum cup_err put_one(struct cup_store *store, const char *name, const void *bytes,
                            size_t count, bool replace, struct cup_fault *out_fault)
{
    struct cup_store_put put = {.name = name, .bytes = bytes, .count = count};

    put_all(store, &put, 1, replace);
    if (put.err != CUP_OK && out_fault != NULL) *out_fault = put.fault;
    return put.err;
}

enum cup_err cup_store_put_if_absent(struct cup_store *store, const char *name, const void *bytes,
                                     size_t count, struct cup_fault *out_fault)
{
    return put_one(store, name, bytes, count, false, out_fault);
}

enum cup_err cup_store_replace(struct cup_store *store, const char *name, const void *bytes,
                               size_t count, struct cup_fault *out_fault)
{
    return put_one(store, name, bytes, count, true, out_fault);
}
