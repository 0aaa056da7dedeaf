// SPDX-License-Identifier: Apache-2.0
/* Goal:   the inputs that were kept in a corpus go well on every preset and compiler.
 * Method: each file of the folders given is handed to the fuzz target, as libFuzzer would. */
#include <dirent.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define FILE_BYTES_MAX (1u << 20)

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file != NULL);
    uint8_t *bytes = malloc(FILE_BYTES_MAX);
    FUZZ_CHECK(bytes != NULL);
    size_t   count = fread(bytes, 1, FILE_BYTES_MAX, file);
    uint8_t *exact = malloc(count == 0 ? 1 : count); /* so that a read behind the end is seen */
    FUZZ_CHECK(exact != NULL);
    memcpy(exact, bytes, count);
    printf("%s: %zu bytes\n", path, count);
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput(exact, count); /* it fails by ending the process */
    free(exact);
    free(bytes);
    fclose(file);
}

int main(int argc, char **argv)
{
    uint32_t file_count = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        FUZZ_CHECK(folder != NULL);
        for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
            char path[4096];
            if (entry->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            replay_file(path);
            file_count++;
        }
        closedir(folder);
    }
    FUZZ_CHECK(file_count > 0);
    return 0;
}
