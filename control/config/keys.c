// SPDX-License-Identifier: Apache-2.0
#include "control/config/keys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/token/token.h"

#define INFO "cupel token " /* and the domain */

static bool fail(struct cup_text *says, const char *path, const char *what)
{
    cup_text_printf(says, "keys: %s: %s\n", path, what);
    return false;
}

static bool needs_tokens(const struct cup_catalog *catalog)
{
    for (uint32_t i = 0; i < catalog->table_count; i++)
        for (uint32_t c = 0; c < catalog->tables[i].column_count; c++)
            if (catalog->tables[i].columns[c].mask.mask == CUP_MASK_HMAC) return true;
    return false;
}

/* Bytes of the lake and their key must not be backed up, copied or shared together. */
static bool is_below(const char *path, const char *folder)
{
    size_t bytes = strlen(folder);

    return strncmp(path, folder, bytes) == 0 && (path[bytes] == '/' || path[bytes] == '\0');
}

static bool check_folder(struct cup_settings *settings, const struct cup_catalog *catalog,
                         struct cup_text *says)
{
    char        path[PATH_MAX], lake[PATH_MAX];
    struct stat status;

    if (settings->key_folder == NULL) {
        cup_text_puts(says, "keys.folder: is missing; give the folder of the keys, outside of the "
                            "lake\n");
        return false;
    }
    if (realpath(settings->key_folder, path) == NULL || stat(path, &status) != 0)
        return fail(says, settings->key_folder, strerror(errno));
    if (!S_ISDIR(status.st_mode)) return fail(says, path, "is no folder");
    if ((status.st_mode & 022) != 0)
        return fail(says, path, "others could put keys there; chmod 0700");
    if (realpath(catalog->lake, lake) != NULL && is_below(path, lake))
        return fail(says, path, "lies in the lake; keys and what they open must lie apart");
    settings->key_folder = cup_keep_string(catalog->keep, path);
    return true;
}

static bool is_id(const char *id)
{
    size_t bytes = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    return bytes > 0 && bytes <= CUP_TOKEN_ID_MAX && id[bytes] == '\0';
}

/* The bytes of a key file: nobody but its owner may read it. */
static bool read_file(const char *path, uint8_t bytes[CUP_KEYS_BYTES_MAX + 1], size_t *out_count,
                      struct cup_text *says)
{
    struct stat status;
    ssize_t     got;
    int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) return fail(says, path, strerror(errno));
    bool known = fstat(fd, &status) == 0;
    do
        got = read(fd, bytes, CUP_KEYS_BYTES_MAX + 1);
    while (got < 0 && errno == EINTR);
    (void)close(fd); /* nothing was written */
    if (!known || got < 0) return fail(says, path, strerror(errno));
    if (!S_ISREG(status.st_mode)) return fail(says, path, "is no file");
    if ((status.st_mode & 07777) != 0600 && (status.st_mode & 07777) != 0400)
        return fail(says, path, "others may read or change it; chmod 0600 or 0400");
    *out_count = (size_t)got;
    return true;
}

static uint8_t nibble(uint8_t digit)
{
    return (uint8_t)(isdigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

/* In place, when all is hexadecimal digits (an LF may follow). */
static void decode_hex(uint8_t *bytes, size_t *count)
{
    size_t digits = *count;

    while (digits > 0 && (bytes[digits - 1] == '\n' || bytes[digits - 1] == '\r'))
        digits--;
    if (digits % 2 != 0 || digits < 2ul * CUP_TOKEN_KEY_BYTES) return;
    for (size_t i = 0; i < digits; i++)
        if (!isxdigit(bytes[i])) return;
    for (size_t i = 0; i < digits / 2; i++)
        bytes[i] = (uint8_t)(nibble(bytes[2 * i]) << 4 | nibble(bytes[2 * i + 1]));
    *count = digits / 2;
}

static bool load_key(const struct cup_catalog *catalog, struct cup_settings *settings,
                     struct cup_text *says)
{
    uint8_t          bytes[CUP_KEYS_BYTES_MAX + 1];
    char             path[PATH_MAX], info[256];
    struct cup_fault fault;
    size_t           count;

    if (settings->token_id == NULL || !is_id(settings->token_id)) {
        cup_text_printf(says,
                        "keys.current: %s; allowed: the name of a file in keys.folder without its "
                        ".key: 1 to %u letters, digits, _ and -\n",
                        settings->token_id == NULL ? "is missing" : "is no name of a key",
                        CUP_TOKEN_ID_MAX);
        return false;
    }
    int length = snprintf(path, sizeof path, "%s/%s.key", settings->key_folder, settings->token_id);
    int says_info = snprintf(info, sizeof info, INFO "%s", catalog->domain);
    if (length >= PATH_MAX || says_info >= (int)sizeof info)
        return fail(says, settings->key_folder, "the path or the domain's name is too long");
    if (!read_file(path, bytes, &count, says)) return false;
    bool good = count <= CUP_KEYS_BYTES_MAX;
    if (good) decode_hex(bytes, &count);
    good = good && count >= CUP_TOKEN_KEY_BYTES;
    if (!good) {
        fail(says, path, "must hold 32 to 1024 random bytes, in hexadecimal or as they are");
    } else if (cup_token_derive(bytes, count, NULL, 0, (const uint8_t *)info, (size_t)says_info,
                                settings->token_key, sizeof settings->token_key,
                                &fault) != CUP_OK) {
        good = fail(says, path, fault.what);
    }
    cup_token_forget(bytes, sizeof bytes);
    return good;
}

enum cup_err cup_keys_load(const struct cup_catalog *catalog, struct cup_settings *settings,
                           struct cup_text *says)
{
    const struct rlimit none   = {0, 0};
    bool                tokens = needs_tokens(catalog);

    if (!tokens) settings->token_id = NULL;
    if (!tokens && !settings->bronze_encrypt) return CUP_OK;
    if (!check_folder(settings, catalog, says)) return CUP_BAD_CONFIG;
    (void)setrlimit(RLIMIT_CORE, &none); /* no core file with keys; lowering never fails */
    if (tokens && !load_key(catalog, settings, says)) return CUP_BAD_CONFIG;
    return CUP_OK;
}
