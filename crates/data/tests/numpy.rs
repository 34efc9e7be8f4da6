//! Files that NumPy has written (`arrays.py`).
#![expect(clippy::unwrap_used, reason = "a test ends where something is not there")]

use std::fs;
use std::path::Path;

use rayclip_data::{Dataset, LoadOptions, Split, numpy};

fn read(name: &str) -> Dataset {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/npz").join(name);
    let options = LoadOptions { test_fraction: 0.5, ..LoadOptions::default() };
    numpy::parse(&fs::read(&path).unwrap(), &path, &options).unwrap()
}

#[test]
fn arrays_with_a_split_are_read() {
    let data = read("keras");
    assert_eq!((&data.name[..], &data.image_shape[..]), ("keras", &[2, 4][..]));
    let pixels: Vec<u8> = (0..16).collect();
    let turned = [&pixels[8..], &pixels[..8]].concat();
    assert_eq!(data.train, Split { images: pixels.into(), labels: vec![0, 1] });
    assert_eq!(data.test, Split { images: turned.into(), labels: vec![1, 0] });
}

#[test]
fn compressed_columns_in_fortran_order_are_rows() {
    let data = read("columns");
    assert_eq!((data.train.len(), data.test.len()), (2, 2));
    let mut rows = vec![];
    for split in [&data.train, &data.test] {
        let of_split = split.images.floats().unwrap().chunks(3).map(<[f32]>::to_vec);
        rows.extend(of_split.zip(split.labels.clone()));
    }
    rows.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]));
    let row =
        |first: u8| [first, first + 1, first + 2].map(|value| f32::from(value) / 8.0).to_vec();
    assert_eq!(rows, [(row(0), 1), (row(3), 0), (row(6), 1), (row(9), 0)]);
}
