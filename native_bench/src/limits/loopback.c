/* TCP on loopback: sendfile from memory at one end, recv at the other; a thread for each end. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fail.h"
#include "limits/items.h"

enum { FILE_BYTES = 16 << 20, BUFFER_BYTES = 256 << 10 };

/* A file in memory, filled: a hole would be sent from one page. */
static int make_file(void)
{
    int file = memfd_create("limits", MFD_CLOEXEC);
    char *bytes = malloc(FILE_BYTES);
    if (file < 0 || !bytes)
        die_errno("no file in memory");
    memset(bytes, 1, FILE_BYTES);
    if (write(file, bytes, FILE_BYTES) != FILE_BYTES)
        die_errno("a file in memory is not filled");
    free(bytes);
    return file;
}

static int listen_on_loopback(struct sockaddr_in *address)
{
    socklen_t length = sizeof *address;
    *address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)address, length) ||
        listen(listener, 1) || getsockname(listener, (struct sockaddr *)address, &length))
        die_errno("no listener on loopback");
    return listener;
}

/* Both ends of a connection. */
static void connect_ends(int *near, int *far)
{
    struct sockaddr_in address;
    int listener = listen_on_loopback(&address);
    *near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*near < 0 || connect(*near, (struct sockaddr *)&address, sizeof address))
        die_errno("no connection on loopback");
    *far = accept(listener, NULL, NULL);
    if (*far < 0)
        die_errno("a connection on loopback is not accepted");
    close(listener);
}

struct sender {
    int socket;
    int file;
    int64_t until_ns;
};

static void *send_all(void *argument)
{
    const struct sender *sender = argument;
    do {
        off_t offset = 0;
        while (offset < FILE_BYTES)
            if (sendfile(sender->socket, sender->file, &offset, FILE_BYTES - (size_t)offset) <= 0)
                die_errno("sendfile");
    } while (now_ns() < sender->until_ns);
    close(sender->socket);
    return NULL;
}

static void receive(struct hand *hand)
{
    struct sender sender = {.file = *(int *)hand->detail, .until_ns = hand->until_ns};
    pthread_t thread;
    int near;
    char *buffer = malloc(BUFFER_BYTES);
    connect_ends(&near, &sender.socket);
    if (!buffer || pthread_create(&thread, NULL, send_all, &sender))
        die("no thread");
    ssize_t got;
    while ((got = recv(near, buffer, BUFFER_BYTES, 0)) > 0)
        hand->bytes += got;
    if (got < 0)
        die_errno("recv");
    pthread_join(thread, NULL);
    close(near);
    free(buffer);
}

static double one(const struct setting *setting, void *file)
{
    return work_together(setting, 1, receive, file);
}

static double all(const struct setting *setting, void *file)
{
    return work_together(setting, setting->cpus, receive, file);
}

void limits_loopback(const struct setting *setting)
{
    int file = make_file();
    json_open("loopback");
    measure("tcp_1_stream", setting, one, &file);
    measure("tcp_a_stream_a_cpu", setting, all, &file);
    json_close();
    close(file);
}
