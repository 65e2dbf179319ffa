/* A copy for every port but the one it came from; each copy gets the source address of its port. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct mac {
	__u8 bytes[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} tx_port SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct mac);
} port_mac SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} rewritten SEC(".maps");

SEC("xdp")
int redirect_all(struct xdp_md *ctx)
{
	return bpf_redirect_map(&tx_port, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
}

SEC("xdp/devmap")
int source_mac(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 port = ctx->egress_ifindex, key = 0;
	__u64 *count = bpf_map_lookup_elem(&rewritten, &key);
	struct mac *mac = bpf_map_lookup_elem(&port_mac, &port);

	if (data + 12 > end)
		return XDP_DROP;
	if (mac) {
		__builtin_memcpy(data + 6, mac->bytes, 6);
		if (count)
			*count += 1;
	}
	return XDP_PASS;
}
