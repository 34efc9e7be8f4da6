//! Folders of images: in memory and from the file that has them decoded, damaged ones, and those that do not fit.

use std::fs;
use std::path::Path;

use image::RgbImage;

use crate::support::{output, rayclip, refused, succeed};

/// Writes a folder of three classes with 20 images each, together more than one MiB when they are decoded.
fn write_images(folder: &Path) {
    for (class, name) in ["cat", "dog", "owl"].into_iter().enumerate() {
        for number in 0..20_u32 {
            let pixel = |x: u32, y: u32| {
                let noise = ((x * 7919 + y * 104_729 + number * 1_299_709) % 97) as u8;
                let mut pixel = [noise; 3];
                pixel[class] += 150;
                image::Rgb(pixel)
            };
            let path = folder.join(name).join(format!("{number}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_fn(96, 80, pixel).save(path).unwrap();
        }
    }
}

/// Flags of a short run with shifted and mirrored images, into `out`.
fn run<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let short = [
        "run",
        "--data",
        "images",
        "--hidden",
        "20",
        "--keep",
        "0.5",
        "--device",
        "flex",
        "--quiet",
        "--set",
        "training.batch_size=10",
        "--set",
        "training.batches_per_cycle=3",
        "--set",
        "training.shift=2",
        "--set",
        "training.flip=true",
        "--out",
        out,
    ];
    [&short[..], more].concat()
}

#[test]
fn a_run_is_the_same_whether_its_images_fit_the_memory_or_not() {
    let folder = tempfile::tempdir().unwrap();
    write_images(&folder.path().join("images"));
    succeed(folder.path(), &run("all", &["--validation", "0.2"]));
    succeed(folder.path(), &run("some", &["--validation", "0.2", "--image-memory", "1"]));
    for file in ["cycles.csv", "network.safetensors", "config.toml"] {
        let [all, some] = ["all", "some"].map(|run| fs::read(folder.path().join(run).join(file)));
        assert!(all.unwrap() == some.unwrap(), "{file}");
    }
    // Without a cache folder they must fit.
    let nowhere = folder.path().join("images/cat/0.png");
    let in_memory = |out: &str, more: &[&str]| {
        rayclip(folder.path(), &run(out, more)).env("XDG_CACHE_HOME", &nowhere).output().unwrap()
    };
    let refused = in_memory("no", &["--image-memory", "1"]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("more than 1 MiB") && stderr.contains("--image-memory"), "{stderr}");
    assert!(in_memory("yes", &["--validation", "0.2"]).status.success());
    let cycles = |run: &str| fs::read(folder.path().join(run).join("cycles.csv")).unwrap();
    assert!(cycles("yes") == cycles("all"));
}

#[test]
fn what_is_wrong_with_a_folder_of_images_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    write_images(&images);
    let whole = fs::read(images.join("dog/3.png")).unwrap();
    fs::write(images.join("dog/3.png"), &whole[..whole.len() / 2]).unwrap();
    let stderr = refused(folder.path(), &run("no", &[]));
    assert!(stderr.contains("dog/3.png") && stderr.contains("--on-bad-image skip"), "{stderr}");
    let without = run("without", &["--on-bad-image", "skip"]);
    let without: Vec<&str> = without.into_iter().filter(|flag| *flag != "--quiet").collect();
    let output = output(folder.path(), &without);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("dog/3.png"), "{stderr}");
    RgbImage::new(10, 12).save(images.join("owl/3.png")).unwrap();
    let stderr = refused(folder.path(), &run("no", &["--on-bad-image", "skip"]));
    assert!(stderr.contains("owl/3.png") && stderr.contains("--resize 80x96"), "{stderr}");
    let resized = run("resized", &["--on-bad-image", "skip", "--resize", "8x8"]);
    succeed(folder.path(), &resized);
    for class in ["cat", "owl"] {
        fs::remove_dir_all(images.join(class)).unwrap();
    }
    let stderr = refused(folder.path(), &run("no", &[]));
    assert!(stderr.contains("found only dog"), "{stderr}");
    assert!(!folder.path().join("no").exists());
}
