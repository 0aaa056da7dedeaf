// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sends all of bytes; MSG_NOSIGNAL, because a peer that is gone is an answer, not a signal. */
static enum cup_err send_all(int socket, const void *bytes, size_t count,
                             struct cup_fault *out_fault)
{
    const uint8_t *at = bytes;

    while (count > 0) {
        ssize_t sent = send(socket, at, count, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return cup_fault_set(out_fault, CUP_PEER_GONE, "send to the other process", NULL);
        if (sent < 0) return cup_fault_set(out_fault, CUP_IO, "send to the other process", NULL);
        at += sent;
        count -= (size_t)sent;
    }
    return CUP_OK;
}

/* The control message that carries one descriptor. */
union fd_message {
    struct cmsghdr align;
    uint8_t        bytes[CMSG_SPACE(sizeof(int))];
};

static enum cup_err send_head(int socket, const struct cup_wire_head *head, int fd,
                              struct cup_fault *out_fault)
{
    union fd_message control = {0};
    struct iovec     part    = {.iov_base = (void *)(uintptr_t)head, .iov_len = sizeof *head};
    struct msghdr    message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd < 0) return send_all(socket, head, sizeof *head, out_fault);
    message.msg_control    = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *cmsg   = CMSG_FIRSTHDR(&message);
    CUP_ASSERT(cmsg != NULL);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type  = SCM_RIGHTS;
    cmsg->cmsg_len   = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);

    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent <= 0) return cup_fault_set(out_fault, CUP_PEER_GONE, "send a descriptor", NULL);
    return send_all(socket, (const uint8_t *)head + sent, sizeof *head - (size_t)sent, out_fault);
}

enum cup_err cup_wire_send(int socket, enum cup_wire_kind kind, const void *payload, size_t bytes,
                           int fd_to_pass, struct cup_fault *out_fault)
{
    CUP_ASSERT(bytes <= CUP_WIRE_BYTES_MAX);
    CUP_ASSERT(payload != NULL || bytes == 0);

    struct cup_wire_head head = {
        .magic = CUP_WIRE_MAGIC, .kind = (uint16_t)kind, .bytes = (uint32_t)bytes};
    enum cup_err err = send_head(socket, &head, fd_to_pass, out_fault);
    return err == CUP_OK ? send_all(socket, payload, bytes, out_fault) : err;
}

/* Fills bytes[0..count); takes a descriptor that comes along into *fd. */
static enum cup_err receive_all(int socket, void *bytes, size_t count, int *fd,
                                struct cup_fault *out_fault)
{
    uint8_t *at = bytes;

    while (count > 0) {
        union fd_message control = {0};
        struct iovec     part    = {.iov_base = at, .iov_len = count};
        struct msghdr    message = {.msg_iov        = &part,
                                    .msg_iovlen     = 1,
                                    .msg_control    = control.bytes,
                                    .msg_controllen = sizeof control.bytes};
        ssize_t          got     = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            return cup_fault_set(out_fault, CUP_PEER_GONE, "receive from the other process", NULL);
        if (got < 0)
            return cup_fault_set(out_fault, CUP_IO, "receive from the other process", NULL);
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
        if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS && *fd < 0)
            memcpy(fd, CMSG_DATA(cmsg), sizeof *fd);
        at += got;
        count -= (size_t)got;
    }
    return CUP_OK;
}

static enum cup_err receive_payload(int socket, const struct cup_wire_head *head,
                                    struct cup_text *payload, int *fd, struct cup_fault *out_fault)
{
    uint8_t piece[4096];

    if (head->magic != CUP_WIRE_MAGIC || head->bytes > CUP_WIRE_BYTES_MAX)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "message head", NULL);
    cup_text_clear(payload);
    for (size_t left = head->bytes; left > 0;) {
        size_t       part = left < sizeof piece ? left : sizeof piece;
        enum cup_err err  = receive_all(socket, piece, part, fd, out_fault);
        if (err != CUP_OK) return err;
        cup_text_put(payload, piece, part);
        left -= part;
    }
    if (payload->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "message", NULL);
    return CUP_OK;
}

enum cup_err cup_wire_receive(int socket, enum cup_wire_kind *out_kind,
                              struct cup_text *out_payload, int *out_fd,
                              struct cup_fault *out_fault)
{
    struct cup_wire_head head;
    int                  fd = -1;

    CUP_ASSERT(out_payload != NULL);
    enum cup_err err = receive_all(socket, &head, sizeof head, &fd, out_fault);
    if (err == CUP_OK) err = receive_payload(socket, &head, out_payload, &fd, out_fault);
    if (err != CUP_OK) {
        if (fd >= 0) (void)close(fd); /* nothing can be done about a failing close of a memfd */
        return err;
    }
    *out_kind = (enum cup_wire_kind)head.kind;
    *out_fd   = fd;
    return CUP_OK;
}
