use std::fs;
use std::io::Write;

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;
use crate::values::Values;

/// Bytes of a .npy file.
fn npy(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let shape = shape.iter().map(|extent| format!("{extent},")).collect::<Vec<_>>().concat();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Bytes of a .npz file.
fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    for (index, (name, bytes)) in arrays.iter().enumerate() {
        let methods = [CompressionMethod::Stored, CompressionMethod::Deflated];
        let options = SimpleFileOptions::default().compression_method(methods[index % 2]);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read_npz(arrays: &[(&str, Vec<u8>)]) -> Result<Dataset, DataError> {
    parse(&npz(arrays), Path::new("some.npz"), &options())
}

/// Half of a class of two images is held out.
fn options() -> LoadOptions {
    LoadOptions { test_fraction: 0.5, ..LoadOptions::default() }
}

fn refused(arrays: &[(&str, Vec<u8>)]) -> String {
    let message = read_npz(arrays).unwrap_err().to_string();
    assert!(message.contains("some"), "{message}");
    message
}

/// Four images of a shape with the labels 0 and 1.
fn pair(shape: &[usize], data: &[u8]) -> [(&'static str, Vec<u8>); 2] {
    let shape = [&[4], shape].concat();
    [("x", npy("|u1", &shape, data)), ("y", npy("|u1", &[4], &[0, 0, 1, 1]))]
}

#[test]
fn both_conventions_with_a_split_are_read() {
    let labels = |count: usize| npy("<i8", &[count], &[[0; 8], [1, 0, 0, 0, 0, 0, 0, 0]].concat());
    let column = npy("<i8", &[2, 1], &[[0; 8], [1, 0, 0, 0, 0, 0, 0, 0]].concat());
    let keras = read_npz(&[
        ("x_train", npy("|u1", &[2, 1, 2], &[1, 2, 3, 4])),
        ("y_train", labels(2)),
        ("x_test", npy("|u1", &[2, 1, 2], &[5, 6, 7, 8])),
        ("y_test", labels(2)),
    ])
    .unwrap();
    assert_eq!((&keras.name[..], &keras.image_shape[..]), ("some", &[1, 2][..]));
    assert_eq!(keras.test, Split { images: vec![5, 6, 7, 8].into(), labels: vec![0, 1] });
    assert!(keras.unused.is_empty());
    let medmnist = read_npz(&[
        ("train_images", npy("|u1", &[2, 1, 2], &[1, 2, 3, 4])),
        ("train_labels", column.clone()),
        ("val_images", npy("|O", &[9], &[])),
        ("val_labels", column.clone()),
        ("test_images", npy("|u1", &[2, 1, 2], &[5, 6, 7, 8])),
        ("test_labels", column),
    ])
    .unwrap();
    assert_eq!(medmnist.unused, ["val_images", "val_labels"]);
    assert_eq!(Dataset { unused: vec![], ..medmnist }, keras);
}

#[test]
fn a_folder_is_read_as_a_file_and_without_a_split_a_part_is_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let images: Vec<f32> = (0..20_u8).map(f32::from).collect();
    let labels: Vec<u8> = (0..10).map(|at| at % 2).collect();
    let arrays = [("x", npy("<f4", &[10, 2], &floats(&images))), ("y", npy("|b1", &[10], &labels))];
    for (name, bytes) in &arrays {
        fs::write(folder.path().join(format!("{name}.npy")), bytes).unwrap();
    }
    assert!(is_npy_folder(folder.path()));
    let data = load(folder.path(), &options(), &|_, _| ()).unwrap();
    assert_eq!((&data.image_shape[..], data.train.len(), data.test.len()), (&[2][..], 4, 6));
    let mut all = [&data.train, &data.test].map(|s| s.images.floats().unwrap()).concat();
    all.sort_by(f32::total_cmp);
    assert_eq!(all, images);
    let of_file = read_npz(&arrays).unwrap();
    assert_eq!((of_file.train, of_file.test), (data.train, data.test));
    assert!(data.folder.unwrap().is_absolute());
}

#[test]
fn channels_come_last_wherever_they_were() {
    let images = |data: Vec<u8>, shape: &[usize]| {
        let array = layout::images(crate::npy::TypedArray {
            shape: shape.to_vec(),
            numbers: crate::npy::Numbers::Bytes(data),
        });
        array.map(|images| (images.shape, images.values))
    };
    let both = images(vec![0; 24], &[1, 3, 2, 4]).unwrap_err();
    assert!(both.contains("second extent or its last one"), "{both}");
    let planes = (0..30).collect();
    let (shape, values) = images(planes, &[1, 3, 2, 5]).unwrap();
    assert_eq!(shape, [2, 5, 3]);
    assert_eq!(values.bytes().unwrap()[..6], [0, 10, 20, 1, 11, 21]);
    let (shape, _) = images(vec![0; 10], &[1, 1, 2, 5]).unwrap();
    assert_eq!(shape, [2, 5]);
    let (shape, _) = images(vec![0; 30], &[1, 5, 2, 3]).unwrap();
    assert_eq!(shape, [5, 2, 3]);
    let (shape, _) = images(vec![0; 28], &[1, 7, 2, 2]).unwrap();
    assert_eq!(shape, [7, 2, 2]);
}

#[test]
fn says_which_array_is_wrong_and_what_to_do() {
    let x = |descr: &str, shape: &[usize], data: &[u8]| {
        [("x", npy(descr, shape, data)), ("y", npy("|u1", &[4], &[0, 0, 1, 1]))]
    };
    let y = |descr: &str, shape: &[usize], data: &[u8]| {
        [("x", npy("|u1", &[4, 1], &[0; 4])), ("y", npy(descr, shape, data))]
    };
    let floats_of = |values: &[f32]| floats(values);
    let cases = [
        (refused(&[]), "it has: none; expected x_train"),
        (refused(&[("images", vec![]), ("target", vec![])]), "it has: images, target; expected"),
        (refused(&x("|u1", &[3, 1], &[0; 3])), "x has 3 images, but y has 4 labels"),
        (refused(&x("|u1", &[4], &[0; 4])), "x: it has shape [4]; expected images"),
        (refused(&x("|O", &[4, 1], &[0; 32])), "x: has the type |O; Python objects"),
        (refused(&x("<i4", &[4, 1], &[0; 16])), "save pixels as uint8"),
        (
            refused(&x("<f4", &[4, 1], &floats_of(&[0.0, 1.0, f32::NAN, 0.0]))),
            "x: image 2 has a number",
        ),
        (refused(&x("<f4", &[4, 1], &floats_of(&[0.0, f32::INFINITY, 0.0, 0.0]))), "not finite"),
        (refused(&y("|i1", &[4], &[0, 1, 255, 1])), "y: label -1 of image 2 is not a whole number"),
        (refused(&y("<i2", &[4], &[0, 0, 1, 0, 0, 1, 0, 0])), "label 256 of image 2 is not"),
        (refused(&y("<f4", &[4], &floats_of(&[0.0, 0.5, 1.0, 0.0]))), "label 0.5 of image 1"),
        (
            refused(&y("|u1", &[4, 2], &[0; 8])),
            "y: it has shape [4, 2]; expected one label per image",
        ),
        (refused(&y("<U1", &[4], &[0; 16])), "y: has the type <U1; text: save labels"),
        (refused(&y("|u1", &[4], &[0; 4])), "two classes"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected), "{expected}: {message}");
    }
    let other = [
        ("x_train", npy("|u1", &[2, 2], &[0; 4])),
        ("y_train", npy("|u1", &[2], &[0, 1])),
        ("x_test", npy("|u1", &[2, 3], &[0; 6])),
        ("y_test", npy("|u1", &[2], &[0, 1])),
    ];
    let message = refused(&other);
    assert!(message.contains("x_test has images of shape [3], but x_train has [2]"), "{message}");
}

#[test]
fn a_damaged_archive_is_refused() {
    let whole = npz(&pair(&[3], &[9; 12]));
    let read = |bytes: &[u8]| parse(bytes, Path::new("some.npz"), &options());
    assert!(read(&whole).is_ok());
    let message = read(&whole[..whole.len() / 2]).unwrap_err().to_string();
    assert!(message.contains("some.npz: not a .npz file, or a truncated one"), "{message}");
    // One pixel of the stored array is another: its checksum is not.
    let at = whole.windows(12).position(|window| window == [9; 12]).unwrap();
    let mut changed = whole;
    changed[at] ^= 1;
    let message = read(&changed).unwrap_err().to_string();
    assert!(message.contains("x: ") && message.contains("checksum"), "{message}");
    let folder = tempfile::tempdir().unwrap();
    let none = load(&folder.path().join("none.npz"), &LoadOptions::default(), &|_, _| ());
    assert!(none.unwrap_err().to_string().contains("none.npz"));
}

#[test]
fn every_image_keeps_its_label() {
    let data = read_npz(&pair(&[1], &[10, 11, 20, 21])).unwrap();
    for split in [&data.train, &data.test] {
        let Values::Bytes(bytes) = &split.images else { panic!("not bytes") };
        assert!(bytes.iter().zip(&split.labels).all(|(byte, label)| byte / 10 == label + 1));
    }
}
