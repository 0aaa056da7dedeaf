// SPDX-License-Identifier: Apache-2.0
/* Goal:   no pipeline.yaml and no contract ends control otherwise than by a sentence; what control
 *         compiles, the data plane's check accepts.
 * Method: the first byte says which of the two files the bytes are; the other is a plain one. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/cluster.h"
#include "control/config/pipeline.h"
#include "control/contract/contract.h"
#include "control/plan/compile.h"
#include "tests/fuzz/fuzz.h"

#define PIPELINE "input:\n  - files: '*.ndjson'\nlake: lake\nsource: pg\n"

static char folder[] = "/tmp/cupel-fuzz-XXXXXX";
static char pipeline_path[64], contract_path[64], contracts_path[64];

static void remove_all(void)
{
    (void)unlink(pipeline_path); /* any of them may be missing */
    (void)unlink(contract_path);
    (void)rmdir(contracts_path);
    (void)rmdir(folder);
}

static void open_folder(void)
{
    static bool is_open;

    if (is_open) return;
    is_open = true;
    FUZZ_CHECK(mkdtemp(folder) != NULL);
    snprintf(pipeline_path, sizeof pipeline_path, "%s/pipeline.yaml", folder);
    snprintf(contracts_path, sizeof contracts_path, "%s/contracts", folder);
    snprintf(contract_path, sizeof contract_path, "%s/contracts/a.odcs.yaml", folder);
    FUZZ_CHECK(mkdir(contracts_path, 0700) == 0);
    FUZZ_CHECK(atexit(remove_all) == 0);
}

static void write_file(const char *path, const void *bytes, size_t count)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    FUZZ_CHECK(fd >= 0 && write(fd, bytes, count) == (ssize_t)count);
    FUZZ_CHECK(close(fd) == 0);
}

static void compile(const struct cup_settings *settings, const struct cup_catalog *catalog)
{
    const struct cup_compile compile = {
        .settings = settings, .lake = "/nonexistent-lake", .catalog = catalog, .generation = 1};
    struct cup_text  blob  = {0};
    struct cup_fault fault = {0};

    if (cup_compile_blob(&compile, &blob, &fault) == CUP_OK)
        FUZZ_CHECK(cup_plan_check(blob.at, blob.bytes, &fault) == CUP_OK);
    cup_text_free(&blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct cup_keep     keep = {0};
    struct cup_text     says = {0};
    struct cup_settings settings;
    struct cup_fault    fault = {0};

    if (count == 0) return 0;
    bool is_contract = (bytes[0] & 1) != 0;
    open_folder();
    FUZZ_CHECK(cup_keep_open(&keep, &fault) == CUP_OK);
    write_file(is_contract ? contract_path : pipeline_path, bytes + 1, count - 1);
    if (is_contract)
        write_file(pipeline_path, PIPELINE, sizeof PIPELINE - 1);
    else
        (void)unlink(contract_path); /* there may be none yet */
    cup_settings_default(&settings);
    enum cup_err err = cup_pipeline_load(&keep, folder, &settings, &says);
    if (err == CUP_OK) {
        cup_cluster_complete(&keep, &settings);
        cup_cluster_check(&settings, &says);
        if (says.bytes > 0) err = CUP_BAD_CONFIG;
    }
    struct cup_catalog catalog = {.keep = &keep, .lake = "/nonexistent-lake", .domain = "default"};
    if (err == CUP_OK) {
        catalog.source = settings.source;
        catalog.domain = settings.domain;
        catalog.drift  = settings.drift;
        err            = cup_contract_load(&catalog, folder, &says);
    }
    FUZZ_CHECK(err == CUP_OK || says.bytes > 0); /* every refusal says why */
    if (err == CUP_OK && settings.worker_count > 0) compile(&settings, &catalog);
    cup_text_free(&says);
    cup_keep_close(&keep);
    return 0;
}
