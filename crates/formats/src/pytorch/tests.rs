use std::fs;
use std::io::Write;
use std::path::PathBuf;

use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;
use crate::state_dict::Numbers;

/// A pickle that grows.
#[derive(Default)]
struct Written(Vec<u8>);

impl Written {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.raw(b"X").raw(&length).raw(text.as_bytes())
    }

    fn number(self, number: usize) -> Self {
        self.raw(b"J").raw(&(number as i32).to_le_bytes())
    }

    fn numbers(self, numbers: &[usize]) -> Self {
        numbers.iter().fold(self.raw(b"("), |written, number| written.number(*number)).raw(b"t")
    }

    /// A tensor that has all elements of a storage.
    fn tensor(self, class: &str, key: &str, extents: &[usize]) -> Self {
        self.marked(class, key, extents, b"")
    }

    /// A tensor with marks.
    fn marked(self, class: &str, key: &str, extents: &[usize], marks: &[u8]) -> Self {
        let count = extents.iter().product();
        let strides: Vec<usize> =
            (0..extents.len()).map(|axis| extents[axis + 1..].iter().product()).collect();
        self.raw(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage")
            .raw(format!("ctorch\n{class}\n").as_bytes())
            .text(key)
            .text("cpu")
            .number(count)
            .raw(b"tQK\0")
            .numbers(extents)
            .numbers(&strides)
            .raw(b"\x89ccollections\nOrderedDict\n)R")
            .raw(marks)
            .raw(b"tR")
    }

    fn begin() -> Self {
        Self::default().raw(b"\x80\x02ccollections\nOrderedDict\n)R(")
    }
}

/// Writes an archive with a pickle and storages.
fn archive(pickle: &Written, storages: &[(&str, Vec<u8>)]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.pt");
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut add = |name: String, bytes: &[u8]| {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    };
    add("w/data.pkl".into(), &pickle.0);
    add("w/byteorder".into(), b"little");
    for (key, bytes) in storages {
        add(format!("w/data/{key}"), bytes);
    }
    zip.finish().unwrap();
    (folder, path)
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn state() -> Written {
    Written::begin()
        .text("b.weight")
        .tensor("FloatStorage", "0", &[1, 2])
        .text("a.weight")
        .tensor("HalfStorage", "1", &[1])
        .text("a.ids")
        .tensor("LongStorage", "2", &[1])
        .text("a.num_batches_tracked")
        .tensor("LongStorage", "2", &[])
        .raw(b"u.")
}

fn storages() -> Vec<(&'static str, Vec<u8>)> {
    vec![("0", floats(&[1.5, -2.0])), ("1", vec![0x00, 0x3e]), ("2", vec![0; 8])]
}

#[test]
fn a_state_dict_keeps_the_order_of_its_file() {
    let (_folder, path) = archive(&state(), &storages());
    let found = read_archive(&path).unwrap();
    assert_eq!(found.names().collect::<Vec<_>>(), ["b.weight", "a.weight", "a.ids"]);
    assert_eq!(found.entries[0].extents, [1, 2]);
    let numbers = |index: usize| match &found.entries[index].numbers {
        Numbers::Floats(values) => Ok(values.clone()),
        Numbers::Other(kind) => Err(kind.clone()),
    };
    assert_eq!(numbers(0), Ok(vec![1.5, -2.0]));
    assert_eq!(numbers(1), Ok(vec![1.5]));
    assert_eq!(numbers(2), Err("int64".into()));
}

#[test]
fn the_usual_nestings_of_a_checkpoint_are_opened_and_said() {
    let nested = |key: &str, more: &str| {
        let inner = |written: Written| {
            written.raw(b"}(").text("a.weight").tensor("FloatStorage", "0", &[1, 2]).raw(b"u")
        };
        let written = Written::default().raw(b"\x80\x02}(").text("epoch").number(3).text(more);
        let written = if more.is_empty() { written.raw(b"N") } else { inner(written) };
        let (_folder, path) = archive(&inner(written.text(key)).raw(b"u."), &storages());
        read_archive(&path).map_err(|error| error.to_string())
    };
    for (key, more) in [("model_state_dict", "optimizer"), ("generator", ""), ("model", "net")] {
        let found = nested(key, more).unwrap();
        assert_eq!(found.names().collect::<Vec<_>>(), ["a.weight"]);
        assert_eq!(found.notes, [format!("the state dict is the entry `{key}` of the file")]);
    }
    let several = nested("generator", "critic").unwrap_err();
    assert!(several.contains("several state dicts (critic, generator)"), "{several}");
}

#[test]
fn tensors_beside_the_state_dict_of_a_checkpoint_do_not_hide_it() {
    let written = Written::default()
        .raw(b"\x80\x02}(")
        .text("best_acc1")
        .tensor("FloatStorage", "0", &[1, 2])
        .text("state_dict")
        .raw(b"}(")
        .text("a.weight")
        .tensor("HalfStorage", "1", &[1])
        .raw(b"uu.");
    let (_folder, path) = archive(&written, &storages()[..2]);
    let found = read_archive(&path).unwrap();
    assert_eq!(found.names().collect::<Vec<_>>(), ["a.weight"]);
    assert_eq!(found.notes, ["the state dict is the entry `state_dict` of the file"]);
}

#[test]
fn a_tensor_that_is_marked_as_a_negative_is_refused_by_its_name() {
    let read = |marks: &[u8]| {
        let written = Written::begin()
            .text("a.weight")
            .marked("FloatStorage", "0", &[1, 2], marks)
            .raw(b"u.");
        let (_folder, path) = archive(&written, &storages()[..1]);
        read_archive(&path).map_err(|error| error.to_string())
    };
    assert!(read(b"}").is_ok());
    let refused = read(b"}X\x03\0\0\0neg\x88s").unwrap_err();
    assert!(refused.contains("a.weight is saved as the negative"), "{refused}");
}

#[test]
fn a_damaged_archive_is_refused_with_what_was_found() {
    let refused = |pickle: Written, storages: &[(&str, Vec<u8>)]| {
        let (_folder, path) = archive(&pickle, storages);
        read_archive(&path).unwrap_err().to_string()
    };
    let missing = refused(state(), &storages()[..1]);
    assert!(missing.contains("w.pt: data/1 in the archive cannot be read"), "{missing}");
    let mut short = storages();
    short[0].1.pop();
    let short = refused(state(), &short);
    assert!(short.contains("the storage of b.weight has 7 bytes"), "{short}");
    let mut long = storages();
    long[0].1.push(0);
    let long = refused(state(), &long);
    assert!(long.contains("it has 9 bytes, expected at most 8"), "{long}");
    let code = refused(Written::default().raw(b"cos\nsystem\n)R."), &[]);
    assert!(code.contains("it asks Python to run os.system, which is refused"), "{code}");
    let quantised = Written::begin()
        .text("a.weight")
        .raw(b"ctorch._utils\n_rebuild_sparse_tensor\n)R")
        .raw(b"u.");
    let sparse = refused(quantised, &[]);
    assert!(sparse.contains("a sparse_tensor is a tensor that cannot be read"), "{sparse}");
    let list = refused(Written::default().raw(b"]."), &[]);
    assert!(list.contains("it holds no state dict"), "{list}");
    let (folder, path) = archive(&state(), &storages());
    let bytes = fs::read(&path).unwrap();
    for end in [bytes.len() - 1, bytes.len() / 2, 5] {
        fs::write(&path, &bytes[..end]).unwrap();
        let truncated = read_archive(&path).unwrap_err().to_string();
        assert!(truncated.contains("truncated archive"), "{truncated}");
    }
    let other = folder.path().join("other.pt");
    let mut zip = ZipWriter::new(fs::File::create(&other).unwrap());
    zip.start_file("a.txt", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
    let none = read_archive(&other).unwrap_err().to_string();
    assert!(none.contains("none of PyTorch: it has no data.pkl"), "{none}");
}

#[test]
fn tied_tensors_are_read_from_one_storage() {
    let tied = Written::begin()
        .text("a.weight")
        .tensor("FloatStorage", "0", &[1, 2])
        .text("b.weight")
        .tensor("FloatStorage", "0", &[2, 1])
        .raw(b"u.");
    let (_folder, path) = archive(&tied, &storages()[..1]);
    let found = read_archive(&path).unwrap();
    for entry in &found.entries {
        assert!(matches!(&entry.numbers, Numbers::Floats(values) if values == &[1.5, -2.0]));
    }
}

/// The sequence of pickles that PyTorch wrote before version 1.6.
fn sequence(little_endian: bool) -> Vec<u8> {
    let magic = [
        &b"\x80\x02\x8a\x0a"[..],
        &[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
        b".",
    ];
    let order: &[u8] = if little_endian { b"\x88" } else { b"\x89" };
    let machine = Written::default().raw(b"\x80\x02}(").text("little_endian").raw(order).raw(b"u.");
    let object = Written::begin().text("a.weight").tensor("FloatStorage", "94", &[1, 2]).raw(b"u.");
    let keys = Written::default().raw(b"\x80\x02](").text("94").raw(b"e.");
    let storage = [2_u64.to_le_bytes().to_vec(), floats(&[1.5, -2.0])].concat();
    [&magic.concat()[..], b"\x80\x02M\xe9\x03.", &machine.0, &object.0, &keys.0, &storage].concat()
}

#[test]
fn files_of_before_version_1_6_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.pth");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read_sequence(&path).map_err(|error| error.to_string())
    };
    let whole = sequence(true);
    let found = read(&whole).unwrap();
    assert!(matches!(&found.entries[0].numbers, Numbers::Floats(values) if values == &[1.5, -2.0]));
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "{end}");
    }
    let big = read(&sequence(false)).unwrap_err();
    assert!(big.contains("big-endian"), "{big}");
    let other = read(b"\x80\x02}.").unwrap_err();
    assert!(other.contains("a pickle, but none of PyTorch"), "{other}");
    let code = read(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.").unwrap_err();
    assert!(code.contains("posix.system"), "{code}");
}
