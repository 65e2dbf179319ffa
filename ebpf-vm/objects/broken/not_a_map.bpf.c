/* Passes the key where the map belongs. */
#include "../headers.h"

SEC("xdp")
int not_a_map(struct xdp_md *ctx)
{
	__u32 key = 1;

	return bpf_map_lookup_elem(&key, &key) ? XDP_PASS : XDP_DROP;
}
