//! The format of checkpoints, which ones are kept, and which ones are removed on a full disk.

use std::fs;

use burn::tensor::Device;
use rayclip_data::Dataset;
use rayclip_run_folder::write::RunFolder;

use super::*;

#[test]
fn another_format_or_other_data_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    let bytes = fs::read(&names[1]).unwrap();
    let at = bytes.windows(12).position(|window| window == b"\"format\":\"3\"").unwrap();
    let mut newer = bytes;
    for older in [b'1', b'2'] {
        newer[at + 10] = older;
        let reason = check_checkpoint(&newer, &config).unwrap_err();
        assert!(
            reason.contains("of an earlier rayclip: finish the run with the version"),
            "{reason}"
        );
    }
    newer[at + 10] = b'4';
    let reason = check_checkpoint(&newer, &config).unwrap_err();
    assert!(reason.contains("format 4") && reason.contains("format 3"), "{reason}");
    assert_eq!(Found::of(&path, &config).unwrap(), Found::Unfinished);
    let Taken::Open(folder) = RunDir::take(&path, &config).unwrap() else { panic!() };
    let mut other = dataset();
    let mut changed = other.train.images.bytes().unwrap().to_vec();
    changed[0] ^= 1;
    other.train.images = changed.into();
    let taller = Dataset { image_shape: vec![3, 2], ..other.clone() };
    let (device, options) = (Device::flex(), RunOptions::default());
    let backend = Backend { device: &device, name: "test" };
    for other in [other, taller] {
        let refused = run(&config, other, backend, &options, &folder, &mut Ending::default());
        assert!(matches!(refused, Err(TrainerError::OtherData { .. })));
    }
    assert!(names.iter().all(|name| name.exists()));

    // If all checkpoints are from a newer rayclip, the run does not restart.
    let sha256 = rayclip_data::sha256([newer.as_slice()]);
    for name in &names {
        fs::remove_file(name).unwrap();
    }
    let theirs = path.join("checkpoints").join(format!("9.{sha256}.safetensors"));
    fs::write(&theirs, &newer).unwrap();
    let mut ending = Ending::default();
    let refused = run(&config, dataset(), backend, &options, &folder, &mut ending);
    assert!(refused.unwrap_err().to_string().contains("format 4"));
    assert!(theirs.exists());
}

#[test]
fn the_last_checkpoints_are_kept() {
    let parent = tempfile::tempdir().unwrap();
    let (config, path, names) = interrupted(parent.path());
    let sound = Checkpoint::<State>::decode(&fs::read(&names[1]).unwrap()).unwrap();
    let folder = RunFolder::from(&path);
    let mut checkpoints = Checkpoints::of(&folder, Schedule { keep: 3, ..Schedule::default() });
    for _ in 0..9 {
        checkpoints.save(&sound).unwrap();
    }
    assert_eq!(fs::read_dir(path.join("checkpoints")).unwrap().count(), 3);
    folder.checkpoints().clear().unwrap();
    folder.checkpoints().clear().unwrap();
    assert_eq!(latest(&config, &path), (None, vec![]));
}

#[test]
fn on_a_disk_that_is_full_all_but_the_last_give_way_once() {
    let parent = tempfile::tempdir().unwrap();
    let (_, path, names) = interrupted(parent.path());
    let checkpoints = RunFolder::from(&path).checkpoints();
    let there = || names.iter().filter(|name| name.exists()).count();
    let other = || Err::<(), _>(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
    assert!(checkpoints.make_room(other).is_err() && there() == 2);
    let full = || match there() {
        1 => Ok("written"),
        _ => Err(std::io::Error::from(std::io::ErrorKind::StorageFull)),
    };
    assert_eq!(checkpoints.make_room(full).unwrap(), "written");
    assert!(!names[0].exists() && names[1].exists());
    let never = || Err::<(), _>(std::io::Error::from(std::io::ErrorKind::QuotaExceeded));
    assert!(checkpoints.make_room(never).is_err() && there() == 1);
}
