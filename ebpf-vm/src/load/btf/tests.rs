use super::{Btf, BtfError, Kind, TypeId};

/// Types of these records and strings.
fn btf(types: &[u32], strings: &[u8]) -> Result<Btf, BtfError> {
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    let type_len = types.len() as u32 * 4;
    for word in [24, 0, type_len, type_len, strings.len() as u32].iter().chain(types) {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(strings);
    Btf::parse(&bytes)
}

const INT: u32 = 1 << 24;
const ARRAY: u32 = 3 << 24;
const STRUCT: u32 = 4 << 24;
const TYPEDEF: u32 = 8 << 24;

#[test]
fn types_have_names_sizes_and_members() {
    // int; struct s { int a; int b : 3; }; typedef struct s t; t[5]
    let types = [
        1,
        INT,
        4,
        1 << 24 | 32, //
        5,
        1 << 31 | STRUCT | 2,
        8,
        7,
        1,
        0,
        9,
        1,
        3 << 24 | 32, //
        11,
        TYPEDEF,
        2, //
        0,
        ARRAY,
        0,
        3,
        1,
        5,
    ];
    let btf = btf(&types, b"\0int\0s\0a\0b\0t\0").unwrap();
    assert_eq!(btf.get(TypeId(1)).unwrap().kind, Kind::Int { size: 4, signed: true, boolean: false });
    assert_eq!([1, 2, 3, 4].map(|id| btf.size_of(TypeId(id))), [4, 8, 8, 40].map(Some));
    assert_eq!([1, 2, 3, 4].map(|id| btf.describe(TypeId(id))), ["int", "struct s", "t", "t[5]"]);
    let members = btf.members(TypeId(3)).unwrap();
    let facts: Vec<_> = members.iter().map(|m| (m.name.as_str(), m.bit_offset, m.bit_field)).collect();
    assert_eq!(facts, [("a", 0, None), ("b", 32, Some(3))]);
}

#[test]
fn types_that_go_round_have_no_size() {
    let btf = btf(&[1, TYPEDEF, 2, 1, TYPEDEF, 1, 0, ARRAY, 0, 3, 3, 2], b"\0t\0").unwrap();
    assert_eq!([1, 2, 3, 4].map(|id| btf.size_of(TypeId(id))), [None; 4]);
    assert_eq!(btf.resolve(TypeId(1)), None);
    assert_eq!(btf.describe(TypeId(1)), "t");
    assert!(btf.describe(TypeId(3)).starts_with('?'));
}

#[test]
fn what_is_cut_off_is_refused() {
    assert_eq!(Btf::parse(&[0x9f, 0xeb, 1]), Err(BtfError::Header));
    assert_eq!(btf(&[1, INT, 4], b"\0i\0"), Err(BtfError::Record(1)));
    assert_eq!(btf(&[1, STRUCT | 0xffff, 4], b"\0i\0"), Err(BtfError::Record(1)));
    assert_eq!(btf(&[1, 31 << 24, 4], b"\0i\0"), Err(BtfError::Kind { id: 1, kind: 31 }));
    assert_eq!(btf(&[9, INT, 4, 0], b"\0i\0"), Err(BtfError::Name(9)));
    assert_eq!(btf(&[1, INT, 4, 0], b"\0i"), Err(BtfError::Name(1)));
}
