// SPDX-License-Identifier: Apache-2.0
#include "control/schema/existing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "control/schema/names.h"
#include "lake/delta.h"

#define READ_BYTES (64u << 10)

/* A name below the table's folder, or "" when it is too long for any file to have it. */
static void join(const char *folder, const char *name, char out_path[PATH_MAX])
{
    int bytes = snprintf(out_path, PATH_MAX, "%s/%s", folder, name);
    if (bytes >= PATH_MAX) out_path[0] = '\0';
}

static enum cup_err get(void *arg, const char *name, struct cup_text *out,
                        struct cup_fault *out_fault)
{
    char         path[PATH_MAX], bytes[READ_BYTES];
    enum cup_err err = CUP_OK;
    ssize_t      got;

    join(arg, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        bool none = errno == ENOENT || errno == ENOTDIR;
        return cup_fault_set(out_fault, none ? CUP_NOT_FOUND : CUP_IO, "open", path);
    }
    while ((got = read(fd, bytes, sizeof(bytes))) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            err = cup_fault_set(out_fault, CUP_IO, "read", path);
            break;
        }
        cup_text_put(out, bytes, (size_t)got);
    }
    (void)close(fd); /* nothing was written */
    if (err == CUP_OK && out->failed) err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read", path);
    return err;
}

static enum cup_err list(void *arg, const char *folder, void (*each)(void *, const char *name),
                         void *each_arg, struct cup_fault *out_fault)
{
    char path[PATH_MAX];

    join(arg, folder, path);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        bool none = errno == ENOENT || errno == ENOTDIR;
        return cup_fault_set(out_fault, none ? CUP_NOT_FOUND : CUP_IO, "list", path);
    }
    errno = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        each(each_arg, entry->d_name);
    enum cup_err err = errno == 0 ? CUP_OK : cup_fault_set(out_fault, CUP_IO, "list", path);
    (void)closedir(dir); /* nothing was written */
    return err;
}

static bool type_of(const struct cup_field *field, struct cup_shape_type *out_is)
{
    bool                    is_list = field->type == CUP_TYPE_LIST && field->child_count == 1;
    const struct cup_field *inner   = is_list ? &field->children[0] : field;

    bool texts = field->type == CUP_TYPE_MAP && field->child_count == 2 &&
                 field->children[0].type == CUP_TYPE_STRING &&
                 field->children[1].type == CUP_TYPE_STRING;
    if (inner->type >= CUP_TYPE_LIST && !texts) return false;
    *out_is = (struct cup_shape_type){.type         = field->type,
                                      .precision    = inner->precision,
                                      .scale        = inner->scale,
                                      .element_type = is_list ? inner->type : (uint8_t)0};
    return true;
}

static enum cup_err read_fields(struct cup_keep *keep, const char *path,
                                const struct cup_delta_state *state,
                                struct cup_shape_member **out_columns, uint32_t *out_count,
                                struct cup_text *says)
{
    uint32_t                 count   = 0;
    struct cup_shape_member *columns = cup_keep_bytes(keep, state->field_count * sizeof(*columns));

    for (uint32_t i = 0; i < state->field_count; i++) {
        const struct cup_field  *field  = &state->fields[i];
        struct cup_shape_member *column = &columns[count];
        if (cup_names_is_generated(field->name)) continue;
        if (!type_of(field, &column->is)) {
            cup_text_printf(says, "table %s: column \"%s\" has a type that cupel does not write",
                            path, field->name);
            return CUP_UNSUPPORTED;
        }
        column->name    = cup_keep_string(keep, field->name);
        column->comment = cup_keep_string(keep, field->comment == NULL ? "" : field->comment);
        count++;
    }
    *out_columns = columns;
    *out_count   = count;
    return CUP_OK;
}

enum cup_err cup_existing_load(struct cup_keep *keep, const char *lake, const char *path,
                               struct cup_shape_member **out_columns, uint32_t *out_count,
                               struct cup_text *says)
{
    char                    folder[PATH_MAX];
    struct cup_fault        fault = {0};
    struct cup_delta_state *state = NULL;

    CUP_ASSERT(lake != NULL && path != NULL);
    CUP_ASSERT(out_columns != NULL && out_count != NULL);
    join(lake, path, folder);
    struct cup_delta_io io  = {.arg = folder, .get = get, .list = list};
    enum cup_err        err = cup_delta_load(&io, &state, &fault);
    if (err == CUP_NOT_FOUND) {
        *out_columns = NULL;
        *out_count   = 0;
        return CUP_OK;
    }
    if (err != CUP_OK) {
        cup_text_printf(says, "table %s cannot be read: %s (%s %s)", path, cup_err_text(err),
                        fault.what == NULL ? "" : fault.what, fault.where);
        return err;
    }
    err = read_fields(keep, path, state, out_columns, out_count, says);
    cup_delta_state_free(state);
    return err;
}
