/* origin: an S3 service for benchmarks, as fast as the kernel and as slow as it is told to be. */
#include <signal.h>
#include <sys/resource.h>

#include "control.h"
#include "server.h"

static void raise_file_limit(void)
{
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int count, char **arguments)
{
    struct options options = parse_options(count, arguments);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    struct origin *origin = origin_new(&options);
    int port = server_listen(&options);
    /* Who reaches the control socket may connect to the port. */
    control_start(origin);
    server_run(origin, port);
}
