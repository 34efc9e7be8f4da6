use std::fs;

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use super::*;
use crate::bad_image::OnBadImage;
use crate::values::Values;

/// Writes an image whose first channel is `value` everywhere.
fn write(folder: &Path, name: &str, value: u8, [height, width, channels]: [u32; 3]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image: DynamicImage = match channels {
        1 => GrayImage::from_pixel(width, height, [value].into()).into(),
        3 => RgbImage::from_pixel(width, height, [value, 7, 9].into()).into(),
        _ => RgbaImage::from_pixel(width, height, [value, 7, 9, 100].into()).into(),
    };
    image.save(path).unwrap();
}

fn read(folder: &Path) -> Result<Dataset, DataError> {
    load(folder, &LoadOptions::default(), &|_, _| ())
}

/// The pixels of both splits.
fn bytes(data: &Dataset) -> Vec<u8> {
    [&data.train, &data.test].map(|split| split.images.bytes().unwrap()).concat()
}

fn refused(folder: &Path, options: &LoadOptions) -> String {
    load(folder, options, &|_, _| ()).unwrap_err().to_string()
}

#[test]
fn a_folder_for_every_class_is_a_data_set() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("train/cat/1.png", 1), ("train/cat/2.png", 2), ("train/dog/1.PNG", 3)] {
        write(folder.path(), name, value, [2, 3, 3]);
    }
    write(folder.path(), "test/dog/9.png", 4, [2, 3, 3]);
    fs::write(folder.path().join("train/dog/notes.txt"), "no image").unwrap();
    fs::create_dir(folder.path().join("train/empty")).unwrap();
    let data = read(folder.path()).unwrap();
    assert_eq!((&data.image_shape, data.classes), (&vec![2, 3, 3], 2));
    assert_eq!(data.class_names, ["cat", "dog"]);
    assert_eq!(data.train.labels, [0, 0, 1]);
    assert_eq!(data.test.labels, [1]);
    let pixels = data.train.images.bytes().unwrap();
    assert_eq!(pixels[..3], [1, 7, 9]);
    assert_eq!(pixels[2 * 18..2 * 18 + 3], [3, 7, 9]);
    // The second time, it comes from the cache, and is the same.
    assert_eq!(read(folder.path()).unwrap(), data);
    write(folder.path(), "train/cat/1.png", 5, [2, 3, 3]);
    assert_eq!(read(folder.path()).unwrap().train.images.bytes().unwrap()[0], 5);
    write(folder.path(), "test/bird/1.png", 4, [2, 3, 3]);
    let message = refused(folder.path(), &LoadOptions::default());
    assert!(message.contains("train has no class bird"), "{message}");
}

#[test]
fn without_a_split_a_part_of_every_class_is_held_out() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..10 {
        write(folder.path(), &format!("a/{index}.png"), index, [1, 1, 1]);
        write(folder.path(), &format!("b/{index}.png"), 100 + index, [1, 1, 1]);
    }
    let data = read(folder.path()).unwrap();
    assert_eq!((data.image_shape.clone(), data.train.len(), data.test.len()), (vec![1, 1], 16, 4));
    assert_eq!(data.test.labels, [0, 0, 1, 1]);
    let mut all = bytes(&data);
    all.sort_unstable();
    assert_eq!(all, (0..10).chain(100..110).collect::<Vec<u8>>());
}

#[test]
fn grey_colour_and_opacity_come_together() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a/1.png", 1, [1, 1, 1]);
    write(folder.path(), "a/2.png", 2, [1, 1, 3]);
    write(folder.path(), "b/1.png", 3, [1, 1, 4]);
    write(folder.path(), "b/2.png", 4, [1, 1, 4]);
    let options = LoadOptions { test_fraction: 0.5, ..LoadOptions::default() };
    let data = load(folder.path(), &options, &|_, _| ()).unwrap();
    assert_eq!(data.image_shape, [1, 1, 4]);
    let images = bytes(&data);
    let pixels: Vec<&[u8]> = images.chunks(4).collect();
    for expected in [[1, 1, 1, 255], [2, 7, 9, 255], [3, 7, 9, 100], [4, 7, 9, 100]] {
        assert!(pixels.contains(&&expected[..]), "{expected:?} in {pixels:?}");
    }
}

#[test]
fn sizes_differ_only_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for (name, size) in [("a/1.png", [2, 4, 1]), ("a/2.png", [2, 4, 1]), ("b/1.png", [6, 3, 1])] {
        write(folder.path(), name, 50, size);
    }
    write(folder.path(), "b/2.png", 50, [2, 4, 1]);
    let options = LoadOptions { test_fraction: 0.5, ..LoadOptions::default() };
    let message = refused(folder.path(), &options);
    assert!(message.contains("b/1.png") && message.contains("6 × 3"), "{message}");
    assert!(message.contains("--resize 2x4"), "{message}");
    let options = LoadOptions { resize: Some([2, 2]), ..options };
    let data = load(folder.path(), &options, &|_, _| ()).unwrap();
    assert_eq!((data.image_shape, data.train.images), (vec![2, 2], vec![50; 8].into()));
}

#[test]
fn a_damaged_image_is_named_and_refused_or_left_out() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..4 {
        write(folder.path(), &format!("a/{index}.png"), index, [1, 1, 1]);
        write(folder.path(), &format!("b/{index}.png"), index, [1, 1, 1]);
    }
    fs::write(folder.path().join("a/2.jpg"), "no image").unwrap();
    let whole = fs::read(folder.path().join("b/1.png")).unwrap();
    fs::write(folder.path().join("b/1.png"), &whole[..whole.len() / 2]).unwrap();
    let message = refused(folder.path(), &LoadOptions::default());
    assert!(message.contains("a/2.jpg") && message.contains("2 of 9 images"), "{message}");
    assert!(message.contains("--on-bad-image skip"), "{message}");
    let options = LoadOptions { on_bad: OnBadImage::Skip, ..LoadOptions::default() };
    let data = load(folder.path(), &options, &|_, _| ()).unwrap();
    assert_eq!(data.train.len() + data.test.len(), 7);
    let bad: Vec<&Path> = data.bad_images.iter().map(|bad| bad.path.as_path()).collect();
    assert_eq!(bad, [Path::new("a/2.jpg"), Path::new("b/1.png")]);
}

#[test]
fn one_class_is_no_data_set() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "train/a/1.png", 1, [1, 1, 1]);
    let message = refused(folder.path(), &LoadOptions::default());
    assert!(message.contains("at least two; found only a"), "{message}");
}

#[test]
fn images_that_take_too_much_memory_stay_in_their_file() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..6 {
        write(folder.path(), &format!("train/a/{index}.png"), index, [2, 3, 3]);
        write(folder.path(), &format!("train/b/{index}.png"), 100 + index, [2, 3, 1]);
    }
    write(folder.path(), "test/a/0.png", 50, [2, 3, 3]);
    fs::write(folder.path().join("train/b/bad.png"), "no image").unwrap();
    let within = |memory| {
        let options = LoadOptions { memory, on_bad: OnBadImage::Skip, ..LoadOptions::default() };
        load(folder.path(), &options, &|_, _| ()).unwrap()
    };
    let bytes = 13 * 18;
    let (mut all, mut none) = (within(bytes), within(bytes - 1));
    assert!(matches!(none.train.images, Values::Stored(_)));
    assert_eq!((none.train.images.bytes(), none.train.images.len()), (None, 12 * 18));
    assert_eq!(none.bad_images, all.bad_images);
    assert_eq!(none.digest().unwrap(), all.digest().unwrap());
    assert_eq!(none.pixel_statistics().unwrap(), all.pixel_statistics().unwrap());
    assert_eq!(none.channel_statistics().unwrap(), all.channel_statistics().unwrap());
    let held_out = [&mut none, &mut all].map(|data| data.hold_out(0.25).unwrap());
    assert_eq!(held_out[0].labels, held_out[1].labels);
    for (stored, held) in [(&none.train, &all.train), (&held_out[0], &held_out[1])] {
        let Values::Stored(stored) = &stored.images else { panic!("it is in memory") };
        let ids: Vec<usize> = (0..held.len()).collect();
        assert_eq!(stored.read(&ids).unwrap(), held.images.bytes().unwrap());
    }
}
