/* Headers behind Ethernet and IPv4, and what is often done with them. */
#pragma once

#include "common.h"

#define PROTO_ICMP 1
#define PROTO_IPIP 4
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_GRE 47
#define ETH_ARP 0x0806

struct ipv6 {
	__be32 version_class_flow;
	__be16 len;
	__u8 next;
	__u8 hops;
	__u8 src[16];
	__u8 dst[16];
};

struct ports {
	__be16 src;
	__be16 dst;
};

struct udp {
	__be16 src;
	__be16 dst;
	__be16 len;
	__u16 sum;
};

struct tcp {
	__be16 src;
	__be16 dst;
	__be32 seq;
	__be32 ack;
	__u8 offset;
	__u8 flags;
	__be16 window;
	__u16 sum;
	__be16 urgent;
};

struct icmp {
	__u8 type;
	__u8 code;
	__u16 sum;
	__be16 id;
	__be16 seq;
};

#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16

/* IPv4 without options, or nothing. */
static __always_inline struct ipv4 *ipv4_of(struct xdp_md *ctx)
{
	struct eth *eth = start_of(ctx);
	struct ipv4 *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end_of(ctx) || eth->type != bpf_htons(ETH_IPV4) || ip->version_ihl != 0x45)
		return 0;
	return ip;
}

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* A checksum after one of the words under it has changed (RFC 1624). */
static __always_inline __u16 changed(__u16 sum, __u16 from, __u16 to)
{
	return ~fold((__u16)~sum + (__u16)~from + to);
}

static __always_inline __u16 ipv4_sum(struct ipv4 *ip)
{
	__u16 *words = (void *)ip;
	__u32 sum = 0;
	int i;

#pragma unroll
	for (i = 0; i < 10; i++)
		sum += words[i];
	return ~fold(sum);
}

static __always_inline void swap_macs(struct eth *eth)
{
	__u8 mac[6];

	__builtin_memcpy(mac, eth->dst, 6);
	__builtin_memcpy(eth->dst, eth->src, 6);
	__builtin_memcpy(eth->src, mac, 6);
}

static __always_inline __u32 rotate(__u32 word, int by)
{
	return word << by | word >> (32 - by);
}

/* Bob Jenkins' hash of three words, as the kernel's jhash_3words(). */
static __always_inline __u32 hash3(__u32 a, __u32 b, __u32 c)
{
	a += 0xdeadbef9;
	b += 0xdeadbef9;
	c += 0xdeadbef9;
	c ^= b;
	c -= rotate(b, 14);
	a ^= c;
	a -= rotate(c, 11);
	b ^= a;
	b -= rotate(a, 25);
	c ^= b;
	c -= rotate(b, 16);
	a ^= c;
	a -= rotate(c, 4);
	b ^= a;
	b -= rotate(a, 14);
	c ^= b;
	c -= rotate(b, 24);
	return c;
}
