/* Ends in every way that there is, in turns that a byte of the frame decides. What a redirect without a target does depends
   on what the frame before has left. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

SEC("xdp")
int ends(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	__u32 key = data[15] & 7;

	switch (data[14] * data[14] >> 4 & 7) {
	case 0:
	case 1:
	case 2:
		return bpf_redirect_map(&ports, key, 0);
	case 3:
		return bpf_redirect_map(&ports, key, XDP_PASS);
	case 4:
		bpf_redirect_map(&ports, key, 0);
		return data[16] & 1 ? XDP_REDIRECT : XDP_PASS;
	case 5:
		return bpf_redirect(key, 0);
	case 6:
		return data[16] & 1 ? XDP_REDIRECT : XDP_DROP;
	}
	if (data[16] & 16)
		return bpf_redirect_map(&ports, key, BPF_F_BROADCAST);
	return data[200]; /* Behind the end of short frames. */
}

