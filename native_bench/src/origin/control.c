#include "control.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fail.h"
#include "server.h"

struct control {
    struct origin *origin;
    int socket;
};

static void write_object(void *context, const struct object *object)
{
    struct text *json = context;
    text_add(json, json->data[json->length - 1] == '[' ? "{\"key\": " : ", {\"key\": ");
    text_add_json(json, object->name);
    text_add(json, ", \"size\": %llu, \"crc32c\": %u}", (unsigned long long)object->size_bytes,
             object->crc32c);
}

static void obey(struct origin *origin, const char *command, struct text *json)
{
    if (!strcmp(command, "counters")) {
        counters_write(&origin->counters, json);
    } else if (!strcmp(command, "objects")) {
        text_add(json, "{\"objects\": [");
        objects_visit(&origin->objects, write_object, json);
        text_add(json, "]}");
    } else if (!strcmp(command, "clear")) {
        origin_clear(origin);
        text_add(json, "{}");
    } else {
        text_add(json, "{\"error\": \"the commands are counters, objects and clear\"}");
    }
}

static void send_all(int fd, const struct text *json)
{
    size_t sent = 0;
    while (sent < json->length) {
        ssize_t some = send(fd, json->data + sent, json->length - sent, MSG_NOSIGNAL);
        if (some <= 0)
            return;
        sent += (size_t)some;
    }
}

static void answer(struct origin *origin, int fd)
{
    char line[64];
    size_t length = 0;
    struct timeval patience = {5, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (length < sizeof line && recv(fd, line + length, 1, 0) == 1) {
        if (line[length] == '\n') {
            struct text json = {0};
            line[length] = 0;
            obey(origin, line, &json);
            text_add(&json, "\n");
            send_all(fd, &json);
            text_free(&json);
            return;
        }
        length++;
    }
}

static void *run(void *argument)
{
    struct control *control = argument;
    for (;;) {
        int fd = accept4(control->socket, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        answer(control->origin, fd);
        close(fd);
    }
    return NULL;
}

void control_start(struct origin *origin)
{
    static struct control control;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = origin->options.control;
    if (strlen(path) >= sizeof address.sun_path)
        die("--control %s is longer than a socket's path may be", path);
    strcpy(address.sun_path, path);
    unlink(path);
    control.origin = origin;
    control.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (control.socket < 0 || bind(control.socket, (struct sockaddr *)&address, sizeof address) ||
        listen(control.socket, 64))
        die_errno("cannot listen on %s", path);
    if (!start_thread(run, &control))
        die_errno("no thread for %s", path);
}
