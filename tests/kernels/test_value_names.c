// SPDX-License-Identifier: Apache-2.0
/* Goal:   name-based UUIDs are those of RFC 4122 (and Java); UTF-8 is judged as RFC 3629 says.
 * Method: published vectors of MD5 (RFC 1321), the connector's own placeholder, lengths around the
 *         block; for UTF-8 every sequence of up to three bytes against a second, plain decoder, and
 * the edges of four bytes. */
#include <string.h>

#include "kernels/value/utf8.h"
#include "kernels/value/uuid.h"
#include "tests/check.h"

/* MD5 of the name with version and variant put in; made with Python's hashlib. */
static const struct {
    const char *name, *uuid;
} names[] = {
    {"", "d41d8cd9-8f00-3204-a980-0998ecf8427e"},
    {"abc", "90015098-3cd2-3fb0-9696-3f7d28e17f72"},
    {"message digest", "f96b697d-7cb7-338d-925a-2f31aaf161d0"},
    {"__debezium_unavailable_value", "b68a35a7-17ad-35b3-af2a-ae46edb4545a"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "57edf4a2-2be3-3955-ac49-da2e2107b67a"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "ef1772b6-dff9-3122-b585-52954ad0df65"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "3b0c8ac7-03f8-38b0-8c6c-197006d17218"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "014842d4-80b5-3149-9a4a-0363793f7367"},
};

static void check_names(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t text[CUP_UUID_NAMED_BYTES];
        cup_uuid_named((const uint8_t *)names[i].name, strlen(names[i].name), text);
        CHECK(memcmp(text, names[i].uuid, sizeof text) == 0);
    }
}

/* A decoder that knows nothing of ranges: it decodes and looks at what came out. */
static bool is_character(const uint8_t *bytes, size_t count)
{
    uint32_t code, least;

    if (count == 1) return bytes[0] < 0x80;
    for (size_t i = 1; i < count; i++)
        if (bytes[i] >> 6 != 2) return false;
    if (count == 2 && bytes[0] >> 5 == 6) {
        code  = (uint32_t)(bytes[0] & 31) << 6 | (bytes[1] & 63);
        least = 0x80;
    } else if (count == 3 && bytes[0] >> 4 == 14) {
        code  = (uint32_t)(bytes[0] & 15) << 12 | (uint32_t)(bytes[1] & 63) << 6 | (bytes[2] & 63);
        least = 0x800;
    } else {
        return false;
    }
    return code >= least && (code < 0xd800 || code > 0xdfff);
}

static bool is_text(const uint8_t *bytes, size_t count)
{
    if (count == 0) return true;
    for (size_t take = 1; take <= count && take <= 3; take++)
        if (is_character(bytes, take) && is_text(bytes + take, count - take)) return true;
    return false;
}

static void check_utf8(void)
{
    static const char *const good[] = {"", "d41d8cd9-8f00-3204-a980-0998ecf8427e",
                                       "\xf4\x8f\xbf\xbf", "a\xf0\x9f\x98\x80z"};
    static const char *const bad[]  = {"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80", "\xf0\x9f\x98",
                                       "\xf0\x9f\x98z",    "\xf8\x88\x80\x80\x80"};

    for (uint32_t word = 0; word < 1u << 24; word++) {
        const uint8_t bytes[] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16)};
        CHECK(cup_utf8_valid(bytes, 3) == is_text(bytes, 3));
        if (word < 1u << 16) CHECK(cup_utf8_valid(bytes, 2) == is_text(bytes, 2));
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(cup_utf8_valid((const uint8_t *)good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!cup_utf8_valid((const uint8_t *)bad[i], strlen(bad[i])));
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_names();
    check_utf8();
    return 0;
}
