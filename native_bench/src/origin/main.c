/* origin: an S3 service for benchmarks, as fast as the kernel and as slow as it is told to be. */
#include <signal.h>
#include <sys/prctl.h>
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
    /* The 50 us by which a sleep may be late would be a percent of a small request's time. */
    prctl(PR_SET_TIMERSLACK, 1);
    struct origin *origin = origin_new(&options);
    int port = server_listen(&options);
    /* Who reaches the control socket may connect to the port. */
    control_start(origin);
    server_run(origin, port);
}
