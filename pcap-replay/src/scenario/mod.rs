//! x
#[cfg(test)]
mod t { #[test] fn spans() {
 let s = "\u{feff}a=1\n[[port]]\nname = \"x\"\npeer = {\n mtu = -0x10 }\n[port2]\nz=\"a\\n\"\n[[m]]\nq.r=1_0\n";
 let (d, e) = toml::de::DeTable::parse_recoverable(s);
 println!("{:?}", e); println!("{:#?}", d);
 let (d, e) = toml::de::DeTable::parse_recoverable("a = \nb = [1,\nb=3\nc=");
 println!("{:#?}", d); println!("{:#?}", e);
}}
