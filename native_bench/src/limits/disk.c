/* The disk below a directory, and its page cache: one thread, one file, which has no name. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fail.h"
#include "limits/items.h"

/* Small enough for memory to hold it. */
enum { FILE_BYTES = 256 << 20, PIECE_BYTES = 1 << 20, ALIGNMENT = 4096 };

struct file {
    int fd;
    char *piece;
};

typedef ssize_t piece_work(int fd, void *piece, size_t bytes, off_t offset);

static ssize_t write_piece(int fd, void *piece, size_t bytes, off_t offset)
{
    return pwrite(fd, piece, bytes, offset);
}

static ssize_t read_piece(int fd, void *piece, size_t bytes, off_t offset)
{
    return pread(fd, piece, bytes, offset);
}

static void go_through(const struct file *file, piece_work *work)
{
    for (off_t offset = 0; offset < FILE_BYTES; offset += PIECE_BYTES)
        if (work(file->fd, file->piece, PIECE_BYTES, offset) != PIECE_BYTES)
            die_errno("the disk's file");
}

/* Empty and preallocated, as the file of a pull: to write over cached pages costs a fraction. */
static void renew(const struct file *file)
{
    if (ftruncate(file->fd, 0))
        die_errno("the disk's file");
    int error = posix_fallocate(file->fd, 0, FILE_BYTES);
    if (error)
        die("no room for the disk's file: %s", strerror(error));
}

enum manner { PLAIN = 0, RENEWS = 1, SYNCS = 2 };

/* Through the whole file again and again; what comes before a pass is not counted. */
static double round_of(const struct setting *setting, const struct file *file, piece_work *work,
                       int manner)
{
    double bytes = 0, seconds = 0;
    do {
        if (manner & RENEWS)
            renew(file);
        int64_t started_ns = now_ns();
        go_through(file, work);
        if (manner & SYNCS && fdatasync(file->fd))
            die_errno("fdatasync");
        seconds += seconds_since(started_ns);
        bytes += FILE_BYTES;
    } while (seconds < setting->seconds);
    return bytes / seconds;
}

static double write_cached(const struct setting *setting, void *file)
{
    return round_of(setting, file, write_piece, RENEWS);
}

static double write_synced(const struct setting *setting, void *file)
{
    return round_of(setting, file, write_piece, RENEWS | SYNCS);
}

static double read_cached(const struct setting *setting, void *file)
{
    return round_of(setting, file, read_piece, PLAIN);
}

/* The same file past the page cache, if its file system lets it. */
static double direct(const struct setting *setting, const struct file *file, piece_work *work)
{
    int flags = fcntl(file->fd, F_GETFL);
    if (fsync(file->fd) || flags < 0)
        die_errno("the disk's file");
    if (fcntl(file->fd, F_SETFL, flags | O_DIRECT) ||
        pread(file->fd, file->piece, PIECE_BYTES, 0) != PIECE_BYTES)
        return -1;
    double found = round_of(setting, file, work, PLAIN);
    fcntl(file->fd, F_SETFL, flags);
    return found;
}

static double write_direct(const struct setting *setting, void *file)
{
    return direct(setting, file, write_piece);
}

static double read_direct(const struct setting *setting, void *file)
{
    return direct(setting, file, read_piece);
}

/* Made and unlinked at once, so that it goes even if the program is killed. */
static struct file create(const char *directory)
{
    char path[4096];
    struct file file;
    if (snprintf(path, sizeof path, "%s/limits-XXXXXX", directory) >= (int)sizeof path)
        die("the path is too long: %s", directory);
    file.fd = mkstemp(path);
    if (file.fd < 0 || unlink(path))
        die_errno("no file in %s", directory);
    if (posix_memalign((void **)&file.piece, ALIGNMENT, PIECE_BYTES))
        die("no memory for %d bytes", PIECE_BYTES);
    memset(file.piece, 1, PIECE_BYTES);
    return file;
}

void limits_disk(const struct setting *setting)
{
    struct file file = create(setting->directory);
    json_open("disk");
    measure("write_cached", setting, write_cached, &file);
    measure("write_and_sync", setting, write_synced, &file);
    measure("read_cached", setting, read_cached, &file);
    measure("write_direct", setting, write_direct, &file);
    measure("read_direct", setting, read_direct, &file);
    json_close();
    close(file.fd);
    free(file.piece);
}
