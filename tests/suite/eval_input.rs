//! Input of `rayclip eval` and `rayclip predict`: pictures, and what does not fit the network.

use std::fs;
use std::path::Path;

use image::{GrayImage, RgbImage};

use crate::eval::{DEVICE, predicted};
use crate::support::{output, refused, small_compare, small_data, small_run, succeed};
use crate::tabular::small_table;

/// A folder of colour images of two sizes, and a run on them.
fn photos(folder: &Path) {
    for (class, name) in ["cat", "dog", "owl"].into_iter().enumerate() {
        for number in 0..8_u32 {
            let pixel = |x: u32, y: u32| {
                let mut pixel = [((x * 7 + y * 13 + number * 29) % 90) as u8; 3];
                pixel[class] += 150;
                image::Rgb(pixel)
            };
            let path = folder.join("photos").join(name).join(format!("{number}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_fn(12 + number, 9, pixel).save(path).unwrap();
        }
    }
    let flags = ["--resize", "8x8", "--hidden", "12", "--keep", "0.5", "--out", "colours"];
    succeed(folder, &small_run(Path::new("photos"), &flags));
}

#[test]
fn what_does_not_fit_the_network_is_named_on_both_sides_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = small_data(folder);
    photos(folder);
    let flags = ["--methods", "magnitude,l2", "--seeds", "0..1", "--keep", "0.5"];
    succeed(folder, &small_compare(&data, "run", &flags));
    succeed(folder, &["pick", "colours", "--neurons", "99", "--out", "c.safetensors"]);
    small_table(&folder.join("table.csv"));
    fs::rename(folder.join("photos/owl"), folder.join("owl")).unwrap();
    fs::create_dir_all(folder.join("others")).unwrap();
    for (from, to) in [("cat", "bird"), ("dog", "cow"), ("../owl", "dog")] {
        let (from, to) = (folder.join("photos").join(from), folder.join("others").join(to));
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(from).unwrap().map(|file| file.unwrap().path()) {
            fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    }
    let cases: [(&[&str], &[&str]); 12] = [
        (
            &["eval", "run"],
            &["run: it has 2 networks", "magnitude (seed 0), l2 (seed 0)", "--replica"],
        ),
        (
            &["eval", "run", "--replica", "l2_seed_9"],
            &["no network with the method l2 and the seed 9", "magnitude (seed 0)"],
        ),
        (&["eval", "c.safetensors"], &["--data"]),
        (&["eval", "c.safetensors", "--data", "photos"], &["8 × 8 × 3 (--resize 8x8)", "9 × 1"]),
        (
            &["eval", "c.safetensors", "--data", "photos", "--resize", "6x7"],
            &["8 × 8 × 3", "6 × 7 × 3", "--resize 8x8"],
        ),
        (&["eval", "c.safetensors", "--data", "data"], &["8 × 8 × 3", "data are 8 × 8"]),
        (
            &["eval", "c.safetensors", "--data", "table.csv", "--label-column", "kind"],
            &["pixels from 0 to 255", "f32"],
        ),
        (
            &["eval", "c.safetensors", "--data", "photos", "--resize", "8x8"],
            &["3 classes (cat, dog, owl)", "2 classes (cat, dog)", "the same classes"],
        ),
        (
            &["eval", "c.safetensors", "--data", "others", "--resize", "8x8"],
            &["3 classes (cat, dog, owl)", "3 classes (bird, cow, dog)"],
        ),
        (
            &["eval", "colours", "--split", "validation"],
            &["--split validation", "--validation 0.1"],
        ),
        (
            &["eval", "c.safetensors", "--data", "others", "--mean", "0.1,0.2"],
            &["--mean has 2", "3 channels"],
        ),
        (&["eval", "colours", "--std", "0"], &["--std", "positive"]),
    ];
    for (arguments, parts) in cases {
        let message = refused(folder, arguments);
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: no `{part}` in {message}");
        }
        assert_eq!(message.matches("error:").count(), 1, "{message}");
    }
}

#[test]
fn pictures_of_any_size_and_colour_are_classified_and_damaged_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    photos(folder);
    GrayImage::from_pixel(40, 20, [7].into()).save(folder.join("grey.png")).unwrap();
    let files = ["colours", "photos/cat/0.png", "photos/owl/7.png", "grey.png"];
    let lines = predicted(folder, &[&files[..], &["--top", "1"]].concat());
    let names: Vec<&str> =
        lines.iter().map(|line| line["classes"][0]["name"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[1], names.len()), ("cat", "owl", 3));
    let stdout = succeed(folder, &[&["predict"][..], &files, &DEVICE].concat());
    assert!(stdout.contains("│ photos/cat/0.png ┆") && stdout.contains("owl"), "{stdout}");
    assert_eq!(stdout.lines().count(), 4 + 9, "{stdout}");

    let whole = fs::read(folder.join("grey.png")).unwrap();
    fs::write(folder.join("half.png"), &whole[..whole.len() / 2]).unwrap();
    let with_half = ["predict", "colours", "photos/cat/0.png", "half.png"];
    let message = refused(folder, &with_half);
    assert!(message.contains("half.png") && message.contains("--on-bad-image skip"), "{message}");
    let skipped = output(folder, &[&with_half[..], &["--on-bad-image", "skip", "--json"]].concat());
    let stderr = String::from_utf8_lossy(&skipped.stderr);
    assert!(skipped.status.success() && stderr.contains("left out: half.png"), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&skipped.stdout).lines().count(), 1);
    fs::write(folder.join("text.npy"), "no array").unwrap();
    for (arguments, parts) in [
        (&["half.png", "--on-bad-image", "skip"][..], &["every image is damaged"][..]),
        (&["none.png"], &["none.png"]),
        (&["photos"], &["photos", "folder"]),
        (&["text.npy"], &["text.npy: not a .npy file"]),
        (&[], &["<IMAGE>"]),
        (&["grey.png", "--top", "0"], &["at least 1"]),
    ] {
        let message = refused(folder, &[&["predict", "colours"][..], arguments].concat());
        assert!(parts.iter().all(|part| message.contains(part)), "{arguments:?}: {message}");
    }
}

#[test]
fn a_damaged_network_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = small_data(folder);
    succeed(folder, &small_run(&data, &["--keep", "0.5", "--out", "run"]));
    let start = folder.join("run/networks/dtc_seed_0/start.safetensors");
    let whole = fs::read(&start).unwrap();
    let mut nan = whole.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    for (bytes, part) in [(&whole[..whole.len() / 2], ""), (&nan[..], "layers.1.weight"), (&[], "")]
    {
        fs::write(folder.join("n.safetensors"), bytes).unwrap();
        let message = refused(folder, &["eval", "n.safetensors", "--data", "data"]);
        assert!(message.contains("n.safetensors") && message.contains(part), "{message}");
        assert_eq!(message.matches("error:").count(), 1, "{message}");
    }
}
