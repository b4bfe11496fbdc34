#include "floor/exchange.h"

#include <stdio.h>

#include "common/fail.h"

static bool ask(const struct exchange *exchange, struct worker *worker)
{
    const struct options *options = &worker->job->options;
    char head[4096];
    int length = snprintf(head, sizeof head,
                          "%s %s%s%s HTTP/1.1\r\nHost: %s:%s\r\nContent-Length: %zu\r\n\r\n",
                          exchange->method, options->prefix, exchange->hex, exchange->query,
                          options->host, options->port, exchange->body_bytes);
    if (length >= (int)sizeof head)
        die("the path of %s is too long", exchange->hex);
    worker->requests++;
    return http_send(&worker->http, head, exchange->body, exchange->body_bytes);
}

static bool read_text(struct exchange *exchange, struct http *http)
{
    size_t length = (size_t)exchange->answer.body_bytes, got = 0;
    if (length >= sizeof exchange->text)
        die("%s: an answer of %zu bytes", exchange->hex, length);
    while (got < length) {
        size_t more = http_read(http, exchange->text + got, length - got);
        if (!more)
            return false;
        got += more;
    }
    exchange->text[length] = 0;
    http_end(http);
    return true;
}

/* NULL when there is an answer to keep, else why not. */
static const char *try_once(struct exchange *exchange, struct worker *worker)
{
    struct http *http = &worker->http;
    if (!ask(exchange, worker) || !http_read_head(http, &exchange->answer))
        return "the connection breaks";
    if (is_passing(exchange->answer.status)) {
        http_close(http);
        return "the server is busy";
    }
    return read_text(exchange, http) ? NULL : "the connection breaks within an answer";
}

void exchange_run(struct exchange *exchange, struct worker *worker)
{
    const char *reason;
    int failures = 0;
    while ((reason = try_once(exchange, worker)))
        worker_retry(worker, &failures, reason);
    if (exchange->answer.status != 200)
        die("%s %s%s: status %d: %s", exchange->method, exchange->hex, exchange->query,
            exchange->answer.status, exchange->text);
}
