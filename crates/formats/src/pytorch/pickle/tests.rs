use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Result<Pickle, Fault> {
    Pickle::read(&mut &bytes[..])
}

fn code(name: &str) -> Fault {
    Fault::Code(name.to_owned())
}

#[test]
fn what_asks_for_code_is_refused_by_its_name() {
    let cases: [(&[u8], &str); 9] = [
        (b"\x80\x02cposix\nsystem\nX\x02\0\0\0ls\x85R.", "posix.system"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.", "posix.system"),
        // In the arguments of something harmless, or thrown away.
        (b"\x80\x02ccollections\nOrderedDict\ncos\nsystem\n\x85R.", "os.system"),
        (b"\x80\x02cos\nsystem\n0}.", "os.system"),
        (b"\x80\x02cbuiltins\neval\nX\x01\0\0\x001\x85R.", "builtins.eval"),
        (b"\x80\x02csubprocess\nPopen\n)\x81.", "subprocess.Popen"),
        (b"(S'ls'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'ls'\no.", "os.system"),
        (b"\x80\x02\x82\x01.", "an extension of Python"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(read(bytes).err(), Some(code(expected)), "{}", bytes.escape_ascii());
    }
    // What a call gives is called.
    let twice = b"\x80\x02ctorch\nSize\n)R)R.";
    assert_eq!(read(twice).err(), Some(code("an object that another call gives")));
}

#[test]
fn a_whole_module_is_named_by_its_class() {
    let module = b"\x80\x02c__main__\nNet\n)\x81}X\x0b\0\0\0_parameters}sb.";
    assert_eq!(read(module).err(), Some(Fault::WholeModule("__main__.Net".into())));
    let script = b"\x80\x02c__torch__\nNet\n)R.";
    assert_eq!(read(script).err(), Some(Fault::WholeModule("__torch__.Net".into())));
}

#[test]
fn plain_values_are_read_and_nothing_is_made_of_what_they_name() {
    let values = b"\x80\x02}(X\x01\0\0\0aK\x05X\x01\0\0\0bJ\xff\xff\xff\xffX\x01\0\0\0c\x8a\x02\x00\x80X\x04\0\0\0args\
        cargparse\nNamespace\n)\x81}X\x02\0\0\0lrG\0\0\0\0\0\0\0\0sbu.";
    let pickle = read(values).unwrap();
    let Node::Dict(entries) = pickle.node(pickle.root) else { panic!("{pickle:?}") };
    let found = |name: &str| {
        let entry = entries.iter().find(|(key, _)| pickle.text(*key) == Some(name));
        pickle.node(entry.unwrap().1)
    };
    assert!(matches!(found("a"), Node::Int(5)));
    assert!(matches!(found("b"), Node::Int(-1)));
    assert!(matches!(found("c"), Node::Int(-32768)));
    assert!(matches!(found("args"), Node::Other));
}

#[test]
fn what_contains_itself_or_is_deep_is_no_trouble() {
    read(b"\x80\x02]q\0h\0a.").unwrap();
    let mut deep = b"\x80\x02)".to_vec();
    deep.extend(vec![0x85; 1 << 20]);
    deep.push(b'.');
    read(&deep).unwrap();
    let many = [&b"\x80\x02"[..], &vec![b')'; MOST_NODES + 1], b"."].concat();
    assert_eq!(read(&many).err(), Some(damaged("it has more than 4194304 objects")));
    // A dictionary of pairs that is made again and again.
    let mut pairs = b"\x80\x02](".to_vec();
    pairs.extend(b"NN\x86".repeat(10_000));
    pairs.extend(b"eq\0");
    pairs.extend(b"ccollections\nOrderedDict\nh\0\x85R".repeat(1000));
    pairs.push(b'.');
    assert_eq!(read(&pairs).err(), Some(damaged("it copies too many objects")));
}

#[test]
fn the_long_name_of_a_storage_is_not_copied_without_end() {
    let key = [&b"X\xe8\x03\0\0"[..], &[b'a'; 1000]].concat();
    let start = b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\n";
    let bytes = [&start[..], &key, b"NK\x01tq\0", &b"h\0Q0".repeat(70_000), b"h\0."].concat();
    assert_eq!(read(&bytes).err(), Some(damaged("it copies too many objects")));
}

#[test]
fn a_damaged_pickle_is_answered() {
    let whole =
        b"\x80\x04\x95\0\0\0\0\0\0\0\0}\x94(\x8c\x01a\x94K\x01\x8c\x01b]\x94(K\x02M\x03\x04eu.";
    read(whole).unwrap();
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "{end}");
    }
    for (bytes, expected) in [
        (&b"\x80\x02\xff."[..], "unknown operation 0xff"),
        (b".", "its stack is empty"),
        (b"t.", "it has no mark"),
        (b"}(K\x01u.", "a dictionary has a key"),
        (b"h\x07.", "it reads what it has not stored"),
        (b"X\xff\xff\xff\xffabc", "it is truncated"),
        (b"(0.", "its stack is empty"),
    ] {
        match read(bytes) {
            Err(Fault::Damaged(reason)) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{} {other:?}", bytes.escape_ascii()),
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _answer = read(&bytes);
    }

    #[test]
    fn no_operations_make_it_panic(
        operations in proptest::collection::vec(
            proptest::sample::select(&b"(.012NKhq)]}tldaesuRbQ\x81\x85\x86\x87\x93\x94\x8f\x90\x91\x01\0"[..]), 0..60,
        ),
    ) {
        let start = b"\x80\x02ccollections\nOrderedDict\nq\0ctorch\nFloatStorage\nq\x01X\x01\0\0\0a";
        let _answer = read(&[&start[..], &operations, b"."].concat());
    }
}
