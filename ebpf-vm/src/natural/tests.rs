//! Types are written into BTF by hand, so that every kind is met; then random types and bytes.

use proptest::prelude::*;
use serde_json::json;

use super::{Value, decode, encode};
use crate::load::btf::{Btf, TypeId};

/// Writes BTF.
#[derive(Default)]
struct Types {
    records: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Types {
    fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    fn string(&mut self, text: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend(text.bytes().chain([0]));
        if text.is_empty() { 0 } else { at }
    }

    fn add(&mut self, name: &str, kind: u32, count: u32, flag: bool, size: u32, rest: &[u32]) -> TypeId {
        let name = self.string(name);
        let info = kind << 24 | count | u32::from(flag) << 31;
        for word in [name, info, size].iter().chain(rest) {
            self.records.extend(word.to_le_bytes());
        }
        self.count += 1;
        TypeId(self.count)
    }

    fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        self.add(name, 1, 0, false, size, &[(u32::from(signed) << 24) | (size * 8)])
    }

    fn boolean(&mut self) -> TypeId {
        self.add("_Bool", 1, 0, false, 1, &[4 << 24 | 8])
    }

    fn alias(&mut self, name: &str, of: TypeId) -> TypeId {
        self.add(name, 8, 0, false, of.0, &[])
    }

    fn array(&mut self, of: TypeId, len: u32) -> TypeId {
        self.add("", 3, 0, false, 0, &[of.0, of.0, len])
    }

    /// Kind 4 is a struct, 5 a union; offsets in bits, with a width in the upper 8 bits for bit fields.
    fn composite(&mut self, kind: u32, name: &str, size: u32, members: &[(&str, TypeId, u32)]) -> TypeId {
        let rest: Vec<u32> =
            members.iter().flat_map(|(name, ty, at)| [self.string(name), ty.0, *at]).collect();
        let fields = members.iter().any(|(_, _, at)| at >> 24 > 0);
        self.add(name, kind, members.len() as u32, fields, size, &rest)
    }

    fn enumeration(&mut self, name: &str, values: &[(&str, i32)]) -> TypeId {
        let rest: Vec<u32> =
            values.iter().flat_map(|(name, value)| [self.string(name), value.cast_unsigned()]).collect();
        self.add(name, 6, values.len() as u32, true, 4, &rest)
    }

    fn section(&mut self, variables: &[(&str, TypeId, u32, u32)]) -> TypeId {
        let vars: Vec<u32> = variables
            .iter()
            .flat_map(|(name, ty, at, size)| [self.add(name, 14, 0, false, ty.0, &[1]).0, *at, *size])
            .collect();
        self.add(".data", 15, variables.len() as u32, false, 0, &vars)
    }

    fn finish(&self) -> Btf {
        let (types, strings) = (self.records.len() as u32, self.strings.len() as u32);
        let mut all = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types, types, strings] {
            all.extend(word.to_le_bytes());
        }
        all.extend(&self.records);
        all.extend(&self.strings);
        Btf::parse(&all).expect("written here")
    }
}

/// A struct with a field of every kind that is written in its own way.
fn sample() -> (Btf, TypeId, usize) {
    let mut types = Types::new();
    let u8_ = types.int("unsigned char", 1, false);
    let u16_ = types.int("unsigned short", 2, false);
    let u32_ = types.int("unsigned int", 4, false);
    let s32 = types.int("int", 4, true);
    let u64_ = types.int("unsigned long long", 8, false);
    let char_ = types.int("char", 1, true);
    let flag = types.boolean();
    let be16 = types.alias("__be16", u16_);
    let be32 = types.alias("__be32", u32_);
    let mac = types.array(u8_, 6);
    let name = types.array(char_, 8);
    let pair = types.array(u16_, 2);
    let colour = types.enumeration("colour", &[("RED", 1), ("BLUE", -2)]);
    let either = types.composite(5, "", 4, &[("word", u32_, 0), ("bytes", mac, 0)]);
    let inner =
        types.composite(4, "inner", 8, &[("address", be32, 0), ("port", be16, 32), ("pair_of", u8_, 48)]);
    let members = [
        ("count", u64_, 0),
        ("mac", mac, 64),
        ("up", flag, 112),
        ("small", u8_, 120),
        ("low", u32_, 128 | 3 << 24),
        ("mid", s32, 131 | 5 << 24),
        ("name", name, 160),
        ("colour", colour, 224),
        ("", either, 256),
        ("inner", inner, 288),
        ("pair", pair, 352),
        ("delta", s32, 384),
    ];
    let all = types.composite(4, "sample", 56, &members);
    (types.finish(), all, 56)
}

#[test]
fn every_field_is_written_in_its_way() {
    let (btf, ty, size) = sample();
    let value = json!({
        "count": "0x10", "mac": "02:00:00:00:00:0a", "up": true, "small": 255, "low": 5, "mid": -3,
        "name": "eth0", "colour": "BLUE", "word": 7,
        "inner": { "address": "10.0.0.1", "port": 443 }, "pair": [1, 2], "delta": -1,
    });
    let bytes = encode(&btf, ty, size, &value).unwrap();
    assert_eq!(bytes[..8], 16_u64.to_le_bytes());
    assert_eq!(bytes[8..17], [2, 0, 0, 0, 0, 10, 1, 255, 5 | (0b11101 << 3)]);
    assert_eq!(bytes[20..32], *b"eth0\0\0\0\0\xfe\xff\xff\xff");
    assert_eq!(bytes[32..44], [7, 0, 0, 0, 10, 0, 0, 1, 0x01, 0xbb, 0, 0]);
    assert_eq!(bytes[44..52], [1, 0, 2, 0, 0xff, 0xff, 0xff, 0xff]);
    let back = decode(&btf, ty, &bytes);
    assert_eq!(back["mac"], "02:00:00:00:00:0a");
    assert_eq!((&back["up"], &back["low"], &back["mid"]), (&json!(true), &json!(5), &json!(-3)));
    assert_eq!((&back["name"], &back["colour"]), (&json!("eth0"), &json!("BLUE")));
    assert_eq!(back["inner"], json!({ "address": "10.0.0.1", "port": 443, "pair_of": 0 }));
    assert_eq!(encode(&btf, ty, size, &back).unwrap(), bytes);
    let hex = format!("hex:{}", "00".repeat(56));
    assert_eq!(encode(&btf, ty, size, &json!(hex)).unwrap(), vec![0; 56]);
}

#[test]
fn what_does_not_fit_is_named_with_what_was_expected() {
    let (btf, ty, size) = sample();
    let refused = |value: Value| encode(&btf, ty, size, &value).unwrap_err().to_string();
    insta::assert_snapshot!(refused(json!({"small": 256})), @"field `small`: expected a number from 0 to 255 (unsigned char), found 256");
    insta::assert_snapshot!(refused(json!({"inner": {"port": "http"}})), @r#"field `inner.port`: expected a number from 0 to 65535 (__be16), found the string "http""#);
    insta::assert_snapshot!(refused(json!({"inner": {"adress": 1}})), @"field `inner`: expected a field of struct inner (`address`, `port`, `pair_of`), found field `adress`");
    insta::assert_snapshot!(refused(json!({"pair": [1, "x"]})), @r#"field `pair[1]`: expected a number from 0 to 65535 (unsigned short), found the string "x""#);
    insta::assert_snapshot!(refused(json!({"pair": [1]})), @"field `pair`: expected a list of 2 (unsigned short[2]), or a string `hex:…` of all bytes, found 1 elements");
    insta::assert_snapshot!(refused(json!({"mac": "hex:0102"})), @"field `mac`: expected a list of 6 (unsigned char[6]), or a string `hex:…` of all bytes, found 2 bytes (`hex:0102`)");
    insta::assert_snapshot!(refused(json!({"mac": "hex:010"})), @"field `mac`: expected a list of 6 (unsigned char[6]), or a string `hex:…` of all bytes, found an odd number of hex digits (3)");
    insta::assert_snapshot!(refused(json!({"name": "a long name"})), @"field `name`: expected a string of at most 8 bytes (char[8]), found 11 bytes");
    insta::assert_snapshot!(refused(json!({"colour": "GREEN"})), @r#"field `colour`: expected a name or number of enum colour (`RED`, `BLUE`), found the string "GREEN""#);
    insta::assert_snapshot!(refused(json!({"low": 8})), @"field `low`: expected a number from 0 to 7 (a field of 3 bits), found 8");
    insta::assert_snapshot!(refused(json!({"word": 1, "bytes": [0, 0, 0, 0, 0, 0]})), @"expected one field of the union that `bytes` and `word` are in, found both");
    insta::assert_snapshot!(refused(json!(5)), @"expected a table with a field of struct sample (`count`, `mac`, `up`, `small`, `low`, `mid`, `name`, `colour`, `word`, `bytes`, `inner`, `pair`, `delta`), found 5");
    let unknown = encode(&btf, TypeId(0), 3, &json!(5)).unwrap_err();
    insta::assert_snapshot!(unknown, @"expected a string `hex:…` of 3 bytes (the object has no type for it), found 5");
}

#[test]
fn without_types_there_are_numbers_hex_and_addresses() {
    let (btf, none) = (Btf::default(), TypeId(0));
    let bytes = |size, value: Value| encode(&btf, none, size, &value).map_err(|error| error.to_string());
    assert_eq!(bytes(4, json!(258)), Ok(vec![2, 1, 0, 0]));
    assert_eq!(bytes(4, json!("258")), Ok(vec![2, 1, 0, 0]));
    assert_eq!(bytes(4, json!("0x00000102")), Ok(vec![0, 0, 1, 2]));
    assert_eq!(bytes(4, json!("10.0.0.1")), Ok(vec![10, 0, 0, 1]));
    assert_eq!(bytes(16, json!("::1")).unwrap()[15], 1);
    assert_eq!(bytes(3, json!("hex:01 02:03")), Ok(vec![1, 2, 3]));
    assert_eq!(bytes(2, json!(-1)), Ok(vec![255, 255]));
    assert!(bytes(2, json!(65536)).is_err());
    assert_eq!(decode(&btf, none, &[1, 2]), json!(513));
    assert_eq!(decode(&btf, none, &[1, 2, 3]), json!("hex:010203"));
}

/// A key of an LPM trie is written as one writes prefixes.
#[test]
fn a_prefix_is_a_length_with_an_address() {
    let mut types = Types::new();
    let u32_ = types.int("unsigned int", 4, false);
    let u8_ = types.int("unsigned char", 1, false);
    let (four, sixteen) = (types.array(u8_, 4), types.array(u8_, 16));
    let v4 = types.composite(4, "v4", 8, &[("prefix", u32_, 0), ("address", four, 32)]);
    let v6 = types.composite(4, "v6", 20, &[("prefix", u32_, 0), ("address", sixteen, 32)]);
    let btf = types.finish();
    assert_eq!(encode(&btf, v4, 8, &json!("10.1.0.0/16")), Ok(vec![16, 0, 0, 0, 10, 1, 0, 0]));
    assert_eq!(
        encode(&btf, v6, 20, &json!("2001:db8::/32")).unwrap()[..8],
        [32, 0, 0, 0, 0x20, 1, 0x0d, 0xb8]
    );
    assert_eq!(decode(&btf, v4, &[16, 0, 0, 0, 10, 1, 0, 0]), json!({"prefix": 16, "address": "10.1.0.0"}));
    assert!(encode(&btf, v4, 8, &json!("10.1.0.0/33")).is_err());
}

#[test]
fn variables_of_a_section_go_by_name() {
    let mut types = Types::new();
    let u32_ = types.int("unsigned int", 4, false);
    let section = types.section(&[("first", u32_, 0, 4), ("second", u32_, 8, 4)]);
    let btf = types.finish();
    let bytes = encode(&btf, section, 12, &json!({"second": 5})).unwrap();
    assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0]);
    assert_eq!(decode(&btf, section, &bytes), json!({"first": 0, "second": 5}));
    let error = encode(&btf, section, 12, &json!({"third": 5})).unwrap_err();
    insta::assert_snapshot!(error, @"expected a variable (`first`, `second`), found `third`");
}

/// Types come from anywhere: one that contains itself many times over ends in hex, at once.
#[test]
fn a_type_that_contains_itself_ends() {
    let mut types = Types::new();
    let own = TypeId(1);
    let made = types.composite(4, "own", 8, &[("a", own, 0), ("b", own, 0), ("", own, 0), ("", own, 0)]);
    let btf = types.finish();
    assert_eq!(made, own);
    assert_eq!(decode(&btf, own, &[0; 8]), json!(0));
    assert!(encode(&btf, own, 8, &json!({"nothing": 1})).is_err());
    assert!(encode(&btf, own, 8, &json!({"a": {"b": {"a": 5}}})).is_err());
    let mut types = Types::new();
    let empty = types.composite(4, "empty", 0, &[]);
    let many = types.array(empty, u32::MAX);
    let btf = types.finish();
    assert_eq!(decode(&btf, many, &[]), json!("hex:"));
}

/// A random type, and how it is laid out.
#[derive(Clone, Debug)]
enum Shape {
    Int(u32, bool),
    Big(u32),
    Bool,
    Enum,
    Text(u32),
    Array(Box<Shape>, u32),
    Struct(Vec<Shape>),
    Union(Vec<Shape>),
    Bits(Vec<u8>),
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        (0_u32..4, any::<bool>()).prop_map(|(log, signed)| Shape::Int(1 << log, signed)),
        (1_u32..4).prop_map(|log| Shape::Big(1 << log)),
        Just(Shape::Bool),
        Just(Shape::Enum),
        (1_u32..20).prop_map(Shape::Text),
        prop::collection::vec(1_u8..=32, 1..5).prop_map(Shape::Bits),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            (inner.clone(), 1_u32..5).prop_map(|(of, len)| Shape::Array(Box::new(of), len)),
            prop::collection::vec(inner.clone(), 1..5).prop_map(Shape::Struct),
            prop::collection::vec(inner, 1..4).prop_map(Shape::Union),
        ]
    })
}

/// Writes a type: its number and size.
fn write(types: &mut Types, shape: &Shape) -> (TypeId, u32) {
    match shape {
        Shape::Int(size, signed) => (types.int("number", *size, *signed), *size),
        Shape::Big(size) => {
            let int = types.int("number", *size, false);
            (types.alias(&format!("__be{}", size * 8), int), *size)
        }
        Shape::Bool => (types.boolean(), 1),
        Shape::Enum => (types.enumeration("e", &[("ZERO", 0), ("ONE", 1), ("MINUS", -1)]), 4),
        Shape::Text(len) => {
            let char_ = types.int("char", 1, true);
            (types.array(char_, *len), *len)
        }
        Shape::Array(of, len) => {
            let (of, size) = write(types, of);
            (types.array(of, *len), size * len)
        }
        Shape::Struct(all) | Shape::Union(all) => {
            let (mut members, mut end, mut largest) = (Vec::new(), 0, 0);
            let is_struct = matches!(shape, Shape::Struct(_));
            for (number, shape) in all.iter().enumerate() {
                let (ty, size) = write(types, shape);
                members.push((format!("m{number}"), ty, if is_struct { end * 8 } else { 0 }));
                (end, largest) = (end + size, size.max(largest));
            }
            let members: Vec<_> = members.iter().map(|(name, ty, at)| (name.as_str(), *ty, *at)).collect();
            let (kind, size) = if is_struct { (4, end) } else { (5, largest) };
            (types.composite(kind, "s", size, &members), size)
        }
        Shape::Bits(widths) => {
            let int = types.int("number", 4, widths.len() % 2 == 0);
            let (mut members, mut at) = (Vec::new(), 0);
            for (number, width) in widths.iter().enumerate() {
                members.push((format!("b{number}"), int, at | u32::from(*width) << 24));
                at += u32::from(*width);
            }
            let members: Vec<_> = members.iter().map(|(name, ty, at)| (name.as_str(), *ty, *at)).collect();
            let size = at.div_ceil(8);
            (types.composite(4, "bits", size, &members), size)
        }
    }
}

proptest! {
    /// What bytes mean is written as the same again, whatever the type.
    #[test]
    fn what_is_decoded_is_encoded_the_same(shape in shape(), seed in prop::collection::vec(any::<u8>(), 64), few in any::<bool>()) {
        let mut types = Types::new();
        let (ty, size) = write(&mut types, &shape);
        let btf = types.finish();
        let bytes: Vec<u8> = seed.iter().cycle().take(size as usize).map(|byte| if few { byte & 1 } else { *byte }).collect();
        let value = decode(&btf, ty, &bytes);
        let again = encode(&btf, ty, size as usize, &value).map_err(|error| TestCaseError::fail(format!("{error}: {value}")))?;
        prop_assert_eq!(decode(&btf, ty, &again), value);
        // All but the padding behind bits.
        if !format!("{shape:?}").contains("Bits") {
            prop_assert_eq!(again, bytes);
        }
    }

    /// Nor does any value panic, whatever the type.
    #[test]
    fn no_value_panics(shape in shape(), text in ".{0,12}", number in any::<i64>(), size in 0_usize..40) {
        let mut types = Types::new();
        let (ty, real) = write(&mut types, &shape);
        let btf = types.finish();
        for value in [json!(text), json!(number), json!([number, text]), json!({"m0": number, "b1": text, "m1": [1]})] {
            for size in [size, real as usize] {
                if let Ok(bytes) = encode(&btf, ty, size, &value) {
                    prop_assert_eq!(bytes.len(), size);
                }
            }
        }
    }
}
