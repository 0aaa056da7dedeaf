// SPDX-License-Identifier: Apache-2.0
/* Goal:   messages and descriptors arrive as they were sent, whatever their size; a peer that is
 * gone or speaks nonsense is an error; every table row has its sentence. Method: a socket pair with
 * a sending thread; hand-made bad heads; the tables' texts. */
#include "dataplane/abi/wire.h"

#include <ctype.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/abi/tables.h"
#include "tests/check.h"

#define LARGE_BYTES (3u << 20) /* more than a socket buffers */

static uint8_t large[LARGE_BYTES];

struct letter {
    int    socket, fd;
    size_t bytes;
};

static void *post(void *arg)
{
    const struct letter *letter = arg;
    struct cup_fault     fault;

    CHECK(cup_wire_send(letter->socket, CUP_WIRE_PLAN, large, letter->bytes, letter->fd, &fault) ==
          CUP_OK);
    return NULL;
}

static void check_message(size_t bytes, bool with_fd)
{
    int                pair[2], fd = with_fd ? memfd_create("t", 0) : -1, got;
    struct cup_text    payload = {0};
    enum cup_wire_kind kind;
    struct cup_fault   fault;
    pthread_t          sender;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    if (with_fd) CHECK(write(fd, "plan", 4) == 4);
    struct letter letter = {.socket = pair[0], .fd = fd, .bytes = bytes};
    CHECK(pthread_create(&sender, NULL, post, &letter) == 0);
    CHECK(cup_wire_receive(pair[1], &kind, &payload, &got, &fault) == CUP_OK);
    CHECK(pthread_join(sender, NULL) == 0);
    CHECK(kind == CUP_WIRE_PLAN && payload.bytes == bytes);
    if (bytes > 0) CHECK(memcmp(payload.at, large, bytes) == 0);
    CHECK((got >= 0) == with_fd);
    if (with_fd) {
        char text[4];
        CHECK(pread(got, text, 4, 0) == 4 && memcmp(text, "plan", 4) == 0);
        close(got);
        close(fd);
    }
    close(pair[0]);
    CHECK(cup_wire_receive(pair[1], &kind, &payload, &got, &fault) == CUP_PEER_GONE);
    CHECK(cup_wire_send(pair[1], CUP_WIRE_STOP, NULL, 0, -1, &fault) == CUP_PEER_GONE);
    close(pair[1]);
    cup_text_free(&payload);
}

static void check_nonsense(struct cup_wire_head head)
{
    int                pair[2], got;
    struct cup_text    payload = {0};
    enum cup_wire_kind kind;
    struct cup_fault   fault;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(write(pair[0], &head, sizeof head) == (ssize_t)sizeof head);
    CHECK(cup_wire_receive(pair[1], &kind, &payload, &got, &fault) == CUP_BAD_DATA);
    close(pair[0]);
    close(pair[1]);
    cup_text_free(&payload);
}

static void check_sentence(const char *text)
{
    CHECK(text != NULL && strlen(text) >= 8);
}

static void check_tables(void)
{
    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++) {
        check_sentence(cup_outcome_text((enum cup_outcome)i));
        for (const char *c = cup_outcome_name((enum cup_outcome)i); *c != '\0'; c++)
            CHECK(islower(*c) || *c == '_' || isdigit(*c));
        for (uint32_t j = 0; j < i; j++)
            CHECK(strcmp(cup_outcome_name((enum cup_outcome)i),
                         cup_outcome_name((enum cup_outcome)j)) != 0);
    }
    for (uint32_t i = 0; i < CUP_ENCODING_COUNT; i++)
        check_sentence(cup_encoding_row((enum cup_encoding)i)->text);
    for (uint32_t i = 0; i < CUP_COUNTER_COUNT; i++)
        check_sentence(cup_counter_text((enum cup_counter)i));
    for (uint32_t i = 0; i < CUP_SILVER_COUNT; i++)
        CHECK(cup_silver_fields()[i].name[0] == '_' && cup_silver_fields()[i].comment != NULL);
    CHECK(cup_silver_fields()[CUP_SILVER_UNSET].child_count == 1);
    CHECK(strcmp(cup_silver_fields()[CUP_SILVER_UNSET].children->name, "element") == 0);
    CHECK(strcmp(cup_index_fields()[CUP_INDEX_OUTCOME].name, "outcome") == 0);
    CHECK(strcmp(cup_quarantine_fields()[CUP_QUARANTINE_VALUE].name, "value") == 0);
    CHECK(strcmp(cup_ledger_fields()[CUP_LEDGER_ROWS].name, "rows") == 0);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)cup_rnd_u64(&rnd);
    check_message(0, false);
    check_message(0, true);
    check_message(5, true);
    check_message(LARGE_BYTES, true);
    check_nonsense((struct cup_wire_head){.magic = 1, .kind = CUP_WIRE_STOP});
    check_nonsense(
        (struct cup_wire_head){.magic = CUP_WIRE_MAGIC, .bytes = CUP_WIRE_BYTES_MAX + 1});
    check_tables();
    return 0;
}
