#include "link/frame.h"

#include <linux/virtio_net.h>
#include <string.h>

size_t frame_wire_bytes(const char *frame, size_t bytes)
{
    struct virtio_net_hdr header;
    memcpy(&header, frame, sizeof header);
    const unsigned char *packet = (const unsigned char *)frame + sizeof header;
    size_t packet_bytes = bytes - sizeof header;
    size_t data_offset = header.csum_start + 12u; /* of the TCP header: where its length stands */
    if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE || !header.gso_size ||
        data_offset >= packet_bytes)
        return packet_bytes;
    size_t headers_bytes = header.csum_start + (packet[data_offset] >> 4) * 4u;
    size_t segments = (packet_bytes - headers_bytes + header.gso_size - 1) / header.gso_size;
    return packet_bytes + (segments - 1) * headers_bytes;
}
