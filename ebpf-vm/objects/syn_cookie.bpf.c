/* Answers SYNs with a cookie that is a keyed hash of the flow (SipHash), and checks it in ACKs. */
#include "headers.h"

struct keys {
	__u64 k0;
	__u64 k1;
};

struct keys keys = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL };
__u64 cookies_sent;
__u64 cookies_good;
__u64 cookies_bad;

static __always_inline __u64 rotate64(__u64 word, int by)
{
	return word << by | word >> (64 - by);
}

static __always_inline void sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[1] = rotate64(v[1], 13) ^ v[0];
	v[0] = rotate64(v[0], 32);
	v[2] += v[3];
	v[3] = rotate64(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate64(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate64(v[1], 17) ^ v[2];
	v[2] = rotate64(v[2], 32);
}

static __noinline __u32 cookie(__u64 addresses, __u64 ports)
{
	__u64 v[4] = {
		keys.k0 ^ 0x736f6d6570736575ULL,
		keys.k1 ^ 0x646f72616e646f6dULL,
		keys.k0 ^ 0x6c7967656e657261ULL,
		keys.k1 ^ 0x7465646279746573ULL,
	};
	__u64 words[3] = { addresses, ports, 12ULL << 56 };
	int i, j;

#pragma unroll
	for (i = 0; i < 3; i++) {
		v[3] ^= words[i];
		sip_round(v);
		sip_round(v);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
#pragma unroll
	for (j = 0; j < 4; j++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static __always_inline void answer(struct eth *eth, struct ipv4 *ip, struct tcp *tcp, __u32 number)
{
	__be32 address = ip->src;
	__be16 port = tcp->src;
	__u16 *words = (void *)tcp;
	__u32 sum, i;

	swap_macs(eth);
	ip->src = ip->dst;
	ip->dst = address;
	tcp->src = tcp->dst;
	tcp->dst = port;
	tcp->ack = bpf_htonl(bpf_ntohl(tcp->seq) + 1);
	tcp->seq = bpf_htonl(number);
	tcp->flags = TCP_SYN | TCP_ACK;
	tcp->sum = 0;
	sum = (ip->src & 0xffff) + (ip->src >> 16) + (ip->dst & 0xffff) + (ip->dst >> 16);
	sum += bpf_htons(PROTO_TCP) + bpf_htons(sizeof(*tcp));
#pragma unroll
	for (i = 0; i < sizeof(*tcp) / 2; i++)
		sum += words[i];
	tcp->sum = ~fold(sum);
}

SEC("xdp")
int syn_cookie(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = ipv4_of(ctx);
	struct tcp *tcp = (void *)(ip + 1);
	__u32 number;

	if (!ip || ip->proto != PROTO_TCP || (void *)(tcp + 1) > end_of(ctx))
		return XDP_PASS;
	number = cookie((__u64)ip->src << 32 | ip->dst, (__u64)tcp->src << 16 | tcp->dst);
	if ((tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		answer(eth, ip, tcp, number);
		cookies_sent++;
		return XDP_TX;
	}
	if (!(tcp->flags & TCP_ACK) || tcp->flags & TCP_RST)
		return XDP_PASS;
	if (bpf_ntohl(tcp->ack) - 1 == number) {
		cookies_good++;
		return XDP_PASS;
	}
	cookies_bad++;
	return XDP_DROP;
}
