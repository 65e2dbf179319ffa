/* Clamps the MSS that SYNs announce: TCP's options are walked, the checksum follows. */
#include "headers.h"

const volatile __u16 mss_max = 1400;
__u64 clamped;

SEC("xdp")
int clamp_mss(struct xdp_md *ctx)
{
	void *end = end_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct tcp *tcp = (void *)(ip + 1);
	__u8 *start = (void *)(tcp + 1);
	__u32 at = 0, len, i;

	if (!ip || ip->proto != PROTO_TCP || (void *)(tcp + 1) > end || !(tcp->flags & TCP_SYN))
		return XDP_PASS;
	len = (tcp->offset >> 4) * 4;
	if (len < sizeof(*tcp))
		return XDP_DROP;
	len -= sizeof(*tcp);
	for (i = 0; i < 10; i++) {
		__u8 *option;
		__u16 mss;

		if (at >= len || at > 40)
			break;
		option = start + at;
		if ((void *)(option + 4) > end || option[0] == 0)
			break;
		if (option[0] == 1) {
			at++;
			continue;
		}
		if (option[0] == 2 && option[1] == 4) {
			mss = option[2] << 8 | option[3];
			if (mss > mss_max) {
				option[2] = mss_max >> 8;
				option[3] = mss_max & 0xff;
				if (at & 1)
					tcp->sum = changed(tcp->sum, mss, mss_max);
				else
					tcp->sum = changed(tcp->sum, bpf_htons(mss), bpf_htons(mss_max));
				clamped++;
			}
			return XDP_TX;
		}
		if (option[1] < 2)
			return XDP_DROP;
		at += option[1];
	}
	return XDP_PASS;
}
