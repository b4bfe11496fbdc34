#include "common/token_bucket.h"

#include "common/clock.h"

void bucket_init(struct token_bucket *bucket, double per_second, double burst)
{
    pthread_mutex_init(&bucket->lock, NULL);
    bucket->per_ns = per_second / (double)NS_PER_S;
    bucket->burst = burst;
    bucket->tokens = 0;
    bucket->updated_ns = now_ns();
}

static void refill(struct token_bucket *bucket, int64_t now)
{
    bucket->tokens += (double)(now - bucket->updated_ns) * bucket->per_ns;
    if (bucket->tokens > bucket->burst)
        bucket->tokens = bucket->burst;
    bucket->updated_ns = now;
}

int64_t bucket_take(struct token_bucket *bucket, double tokens)
{
    if (bucket->per_ns == 0)
        return 0;
    pthread_mutex_lock(&bucket->lock);
    int64_t now = now_ns();
    refill(bucket, now);
    bucket->tokens -= tokens;
    int64_t paid = bucket->tokens >= 0 ? now : now + (int64_t)(-bucket->tokens / bucket->per_ns);
    pthread_mutex_unlock(&bucket->lock);
    return paid;
}

int bucket_try(struct token_bucket *bucket, double tokens)
{
    if (bucket->per_ns == 0)
        return 1;
    pthread_mutex_lock(&bucket->lock);
    refill(bucket, now_ns());
    int there = bucket->tokens >= tokens;
    if (there)
        bucket->tokens -= tokens;
    pthread_mutex_unlock(&bucket->lock);
    return there;
}
