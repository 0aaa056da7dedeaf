// SPDX-License-Identifier: Apache-2.0
#include "kernels/token/token.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

struct cup_token {
    EVP_MAC_CTX *mac;
    uint32_t     id_bytes;
    char         id[CUP_TOKEN_ID_MAX + 1];
};

static EVP_MAC_CTX *open_mac(const uint8_t *key, size_t key_bytes)
{
    char         digest[] = "SHA256";
    OSSL_PARAM   params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                             OSSL_PARAM_construct_end()};
    EVP_MAC     *kind     = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac      = kind == NULL ? NULL : EVP_MAC_CTX_new(kind);

    EVP_MAC_free(kind); /* the context has its own reference */
    if (mac != NULL && EVP_MAC_init(mac, key, key_bytes, params) != 1) {
        EVP_MAC_CTX_free(mac);
        mac = NULL;
    }
    return mac;
}

enum cup_err cup_token_open(const uint8_t *key, size_t key_bytes, const char *id,
                            struct cup_token **out_token, struct cup_fault *out_fault)
{
    struct cup_token *token = calloc(1, sizeof *token);
    size_t            bytes = strlen(id);

    CUP_ASSERT(bytes <= CUP_TOKEN_ID_MAX);
    CUP_ASSERT(key_bytes > 0);
    if (token == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open a token key", id);
    token->mac = open_mac(key, key_bytes);
    if (token->mac == NULL) {
        free(token);
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "HMAC-SHA256 of libcrypto", id);
    }
    memcpy(token->id, id, bytes + 1);
    token->id_bytes = (uint32_t)bytes;
    *out_token      = token;
    return CUP_OK;
}

void cup_token_close(struct cup_token *token)
{
    if (token == NULL) return;
    EVP_MAC_CTX_free(token->mac);
    free(token);
}

void cup_token_hash(struct cup_token *token, const void *bytes, size_t count,
                    uint8_t out_hash[CUP_TOKEN_HASH_BYTES])
{
    size_t made = 0;

    /* without a key: the state of the one given at open. None of the three can fail then. */
    CUP_ASSERT(EVP_MAC_init(token->mac, NULL, 0, NULL) == 1);
    CUP_ASSERT(count == 0 || EVP_MAC_update(token->mac, bytes, count) == 1);
    CUP_ASSERT(EVP_MAC_final(token->mac, out_hash, &made, CUP_TOKEN_HASH_BYTES) == 1);
    CUP_ASSERT(made == CUP_TOKEN_HASH_BYTES);
}

static char *put_base64url(char *to, const uint8_t *bytes, uint32_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t          bits = 0, held = 0;

    for (uint32_t i = 0; i < count; i++) {
        held = held << 8 | bytes[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *to++ = digits[held >> (bits - 6) & 63];
    }
    if (bits > 0) *to++ = digits[held << (6 - bits) & 63];
    return to;
}

uint32_t cup_token_text(struct cup_token *token, const void *bytes, size_t count, char *out)
{
    uint8_t hash[CUP_TOKEN_HASH_BYTES];
    char   *to = out + token->id_bytes;

    cup_token_hash(token, bytes, count, hash);
    memcpy(out, token->id, token->id_bytes);
    *to++ = ':';
    to    = put_base64url(to, hash, sizeof hash);
    CUP_ASSERT(to <= out + CUP_TOKEN_TEXT_MAX);
    return (uint32_t)(to - out);
}

/* A parameter of no bytes must still point somewhere. */
static OSSL_PARAM octets(const char *name, const uint8_t *bytes, size_t count)
{
    static uint8_t none[1];

    return OSSL_PARAM_construct_octet_string(name, bytes == NULL ? none : (void *)(uintptr_t)bytes,
                                             count);
}

enum cup_err cup_token_derive(const uint8_t *key, size_t key_bytes, const uint8_t *salt,
                              size_t salt_bytes, const uint8_t *info, size_t info_bytes,
                              uint8_t *out, size_t out_bytes, struct cup_fault *out_fault)
{
    char       digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, key, key_bytes), octets(OSSL_KDF_PARAM_SALT, salt, salt_bytes),
        octets(OSSL_KDF_PARAM_INFO, info, info_bytes), OSSL_PARAM_construct_end()};
    EVP_KDF     *kind = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *kdf  = kind == NULL ? NULL : EVP_KDF_CTX_new(kind);

    EVP_KDF_free(kind); /* the context has its own reference */
    bool done = kdf != NULL && EVP_KDF_derive(kdf, out, out_bytes, params) == 1;
    EVP_KDF_CTX_free(kdf);
    return done ? CUP_OK
                : cup_fault_set(out_fault, CUP_UNSUPPORTED, "HKDF-SHA256 of libcrypto", NULL);
}

void cup_token_forget(void *key, size_t count)
{
    OPENSSL_cleanse(key, count);
}
