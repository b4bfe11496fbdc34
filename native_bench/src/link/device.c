#include "link/device.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fail.h"
#include "common/units.h"

static const char NAME[] = "link";

static int open_or_die(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        die_errno("%s", path);
    return fd;
}

static void enter(int netns)
{
    if (setns(netns, CLONE_NEWNET))
        die_errno("a network namespace cannot be entered");
}

static int create(void)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    int device = open_or_die("/dev/net/tun", O_RDWR | O_NONBLOCK);
    strcpy(request.ifr_name, NAME);
    if (ioctl(device, TUNSETIFF, &request))
        die_errno("no TUN device");
    if (ioctl(device, TUNSETOFFLOAD, offloads))
        die_errno("the TUN device takes no segments together");
    return device;
}

static void configure(int control, unsigned long what, struct ifreq *request)
{
    strcpy(request->ifr_name, NAME);
    if (ioctl(control, what, request))
        die_errno("the TUN device cannot be set up");
}

static struct ifreq inet_request(struct in_addr address)
{
    struct sockaddr_in inet = {.sin_family = AF_INET, .sin_addr = address};
    struct ifreq request = {0};
    memcpy(&request.ifr_addr, &inet, sizeof inet);
    return request;
}

static void set_address(int control, const char *text)
{
    char host[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    struct in_addr address;
    size_t length = slash ? (size_t)(slash - text) : sizeof host;
    if (length >= sizeof host)
        die_usage("no address with a prefix: %s", text);
    memcpy(host, text, length);
    host[length] = 0;
    if (inet_pton(AF_INET, host, &address) != 1)
        die_usage("no IPv4 address: %s", host);
    int64_t bits = parse_count("the length of a prefix", slash + 1, 1, 31);
    struct ifreq request = inet_request(address);
    configure(control, SIOCSIFADDR, &request);
    request = inet_request((struct in_addr){htonl(~0U << (32 - bits))});
    configure(control, SIOCSIFNETMASK, &request);
}

/* The namespace's own queue before the device must not drop what the line would take. */
enum { QUEUE_PACKETS = 5000 };

static void bring_up(const char *address)
{
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0)
        die_errno("no socket");
    struct ifreq request = {.ifr_mtu = DEVICE_MTU_BYTES};
    configure(control, SIOCSIFMTU, &request);
    request = (struct ifreq){.ifr_qlen = QUEUE_PACKETS};
    configure(control, SIOCSIFTXQLEN, &request);
    set_address(control, address);
    request = (struct ifreq){.ifr_flags = IFF_UP | IFF_RUNNING};
    configure(control, SIOCSIFFLAGS, &request);
    close(control);
}

int device_open(const char *netns, const char *address)
{
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", netns);
    int home = open_or_die("/proc/self/ns/net", O_RDONLY);
    int there = open_or_die(path, O_RDONLY);
    enter(there);
    int device = create();
    bring_up(address);
    enter(home);
    close(there);
    close(home);
    return device;
}
