/* Drops queries for names that are blocked: the name is read byte by byte, its hash looked up. */
#include "headers.h"

struct dns {
	__be16 id;
	__u8 recursion_desired : 1;
	__u8 truncated : 1;
	__u8 authoritative : 1;
	__u8 opcode : 4;
	__u8 response : 1;
	__u8 code : 4;
	__u8 zeros : 3;
	__u8 recursion_available : 1;
	__be16 questions;
	__be16 answers;
	__be16 authorities;
	__be16 additional;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} blocked SEC(".maps");

__u64 last_hash;
__u64 queries;
__u64 malformed;

SEC("xdp")
int dns(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct udp *udp = (void *)(ip + 1);
	struct dns *dns = (void *)(udp + 1);
	__u8 *at = (void *)(dns + 1);
	__u64 hash = 0xcbf29ce484222325ULL;
	__u32 *verdict, left = 0;
	int i;

	if (!ip || ip->proto != PROTO_UDP || (void *)at > end || udp->dst != bpf_htons(53))
		return XDP_PASS;
	if (dns->response || dns->opcode || dns->questions != bpf_htons(1))
		return XDP_PASS;
	queries++;
	for (i = 0; i < 64; i++) {
		__u8 byte;

		if ((void *)(at + 1) > end) {
			malformed++;
			return XDP_DROP;
		}
		byte = *at++;
		if (!left) {
			if (!byte)
				break;
			left = byte & 63;
		} else {
			left--;
			if (byte >= 'A' && byte <= 'Z')
				byte |= 32;
		}
		hash = (hash ^ byte) * 0x100000001b3ULL;
	}
	last_hash = hash;
	verdict = bpf_map_lookup_elem(&blocked, &hash);
	return verdict ? *verdict & 3 : XDP_PASS;
}
