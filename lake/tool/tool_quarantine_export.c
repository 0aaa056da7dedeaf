// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "lake/tool/tool_quarantine_priv.h"
#include "lake/tool/tool_value.h"

/* --- one line --- */

struct export
{
    struct cup_quarantine               *quarantine;
    const struct cup_quarantine_options *options;
    struct cup_retry_sums                sums;
    struct cup_retry_file                file;
};

static void put_line(struct export *export, const struct cup_quarantine_record *record)
{
    const struct cup_quarantine     *in   = export->quarantine;
    const struct cup_quarantine_row *row  = record->row;
    struct cup_text                 *text = &export->file.text;
    const struct cup_retry_record    line = {
           .topic         = cup_quarantine_name(in, row->topic),
           .input         = cup_quarantine_name(in, row->input),
           .form          = cup_quarantine_name(in, row->form),
           .by            = export->file.by,
           .file          = row->file == CUP_NAME_NONE ? "" : cup_quarantine_name(in, row->file),
           .key           = record->key,
           .value         = record->value,
           .headers       = record->headers,
           .key_bytes     = record->key_bytes,
           .value_bytes   = record->value_bytes,
           .headers_bytes = record->headers_bytes,
           .partition     = row->partition,
           .offset        = row->offset,
           .timestamp_us  = row->timestamp_us,
           .epoch         = row->first_epoch,
           .position      = row->position,
           .member_at     = row->member_at,
           .at            = row->at,
           .has_timestamp = row->has_timestamp};

    cup_retry_put_record(text, &line);
    if (cup_quarantine_is(in, row->kind, "line")) cup_text_puts(text, ",\"line\":true");
    if (cup_quarantine_is(in, row->reason, "truncated")) cup_text_puts(text, ",\"torn\":true");
    if (export->options->discard)
        cup_text_printf(text, ",\"discard\":true,\"bytes\":%" PRId64,
                        row->bytes > 0 ? row->bytes : 0);
    cup_text_puts(text, "}}\n");
}

static enum cup_err export_one(void *arg, const struct cup_quarantine_record *record,
                               struct cup_fault *out_fault)
{
    struct export *export                = arg;
    const struct cup_quarantine_row *row = record->row;

    if (!export->options->discard) {
        bool line     = cup_quarantine_is(export->quarantine, row->kind, "line");
        bool too_long = row->bytes > 0 && cup_retry_is_long((uint64_t)row->bytes, line,
                                                            export->options->record_bytes_max);
        export->sums.too_long += too_long;
        bool kept = record->kept && row->withheld == CUP_NAME_NONE;
        export->sums.not_kept += !too_long && !kept;
        if (too_long || !kept) return CUP_OK;
    }
    export->sums.records++;
    if (export->file.fd >= 0) put_line(export, record);
    return cup_retry_file_next(&export->file, out_fault);
}

enum cup_err cup_retry_priv_export(struct cup_quarantine               *quarantine,
                                   const struct cup_retry_folder       *folder,
                                   const struct cup_quarantine_options *options,
                                   char out_path[CUP_PATH_BYTES], struct cup_retry_sums *out_sums,
                                   struct cup_fault *out_fault)
{
    struct export export = {.quarantine = quarantine, .options = options};
    bool dry             = options->dry_run || quarantine->count == 0;

    out_path[0]      = '\0';
    enum cup_err err = cup_retry_file_open(folder, dry, false, &export.file, out_fault);
    if (err != CUP_OK) return err;
    err = cup_quarantine_each(quarantine, UINT64_MAX, !options->discard, export_one, &export,
                              out_fault);
    enum cup_err closed = cup_retry_file_close(&export.file, err == CUP_OK, out_path, out_fault);
    export.sums.bytes   = export.file.bytes;
    *out_sums           = export.sums;
    return err != CUP_OK ? err : closed;
}
