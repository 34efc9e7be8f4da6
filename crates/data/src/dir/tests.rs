use std::io::Read;

use super::*;

fn text(error: &io::Error) -> String {
    error.to_string()
}

#[test]
fn files_are_written_read_and_removed_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::from(&folder.path().join("run"));
    assert_eq!(dir.entries().unwrap(), []);
    dir.create().unwrap();
    assert_eq!(dir.create().unwrap_err().kind(), ErrorKind::AlreadyExists);
    for (name, content) in [("a/b/c", "first"), ("a/b/c", "second"), ("a/d", "third")] {
        dir.write(name, content.as_bytes(), name.len() > 3).unwrap();
    }
    dir.sync("a/d").unwrap();
    assert_eq!(fs::read(dir.path().join("a/b/c")).unwrap(), b"second");
    let inner = dir.join("a");
    let entries = inner.entries().unwrap();
    assert_eq!(entries, [("b".into(), Kind::Folder), ("d".into(), Kind::File)]);
    // A folder is never overwritten, and no incomplete file is left.
    assert!(inner.write("b", b"file", true).is_err());
    assert_eq!(inner.entries().unwrap().len(), 2);
    inner.remove("d").unwrap();
    inner.remove("d").unwrap();
    fs::write(dir.path().join("a/b/.partial-1-0"), "half").unwrap();
    dir.remove_partial(1).unwrap();
    assert!(dir.path().join("a/b/.partial-1-0").exists());
    dir.remove_partial(2).unwrap();
    assert!(!dir.path().join("a/b/.partial-1-0").exists());
    dir.remove_all("a").unwrap();
    dir.remove_all("a").unwrap();
    assert_eq!(dir.kind("a").unwrap(), None);
    let made = dir.join("cells/one");
    made.create().unwrap();
    assert_eq!(made.create().unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::from(&folder.path().join("run"));
    dir.make().unwrap();
    for name in ["../x", "a/../../x", "/x", "", ".."] {
        assert!(dir.write(name, b"x", false).is_err(), "{name}");
        assert!(dir.remove_all(name).is_err(), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn no_link_is_followed_but_to_the_folder_itself() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("outside/inner")).unwrap();
    fs::create_dir(at("run")).unwrap();
    fs::write(at("outside/victim"), "victim").unwrap();
    symlink(at("outside"), at("run/link")).unwrap();
    symlink(at("outside/victim"), at("run/file")).unwrap();
    symlink(at("outside/none"), at("run/dangling")).unwrap();
    symlink(at("run"), at("named")).unwrap();
    let dir = Dir::from(&at("named"));
    let is_refused = |done: io::Result<()>| {
        let message = text(&done.unwrap_err());
        assert!(message.contains("is a link"), "{message}");
    };
    is_refused(dir.write("link/victim", b"x", true));
    is_refused(dir.write("link/inner/x", b"x", false));
    is_refused(dir.write("dangling/x", b"x", false));
    is_refused(dir.remove("link/victim"));
    is_refused(dir.remove_all("link"));
    is_refused(dir.remove_all("link/inner"));
    is_refused(dir.join("link").remove_partial(1));
    is_refused(dir.join("link/new").make());
    is_refused(dir.sync("file"));
    is_refused(dir.open_or_create("file").map(drop));
    is_refused(dir.open_or_create("dangling").map(drop));
    is_refused(dir.create_anew("link/x").map(drop));
    is_refused(dir.refuse_links(&["none", "link"]));
    is_refused(dir.join("link").entries().map(drop));
    // The link itself is replaced or removed.
    dir.write("file", b"mine", true).unwrap();
    drop(dir.create_anew("dangling").unwrap());
    assert_eq!(dir.kind("file").unwrap(), Some(Kind::File));
    dir.write("own/x", b"x", false).unwrap();
    symlink(at("outside"), at("run/own/link")).unwrap();
    dir.remove_all("own").unwrap();
    assert_eq!(fs::read(at("outside/victim")).unwrap(), b"victim");
    assert_eq!(fs::read_dir(at("outside")).unwrap().count(), 2);
    assert_eq!(fs::read_dir(at("outside/inner")).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_file_that_has_another_name_elsewhere_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let dir = Dir::from(&at("run"));
    dir.make().unwrap();
    fs::write(at("victim"), "victim").unwrap();
    for name in ["lock", "table", "events"] {
        fs::hard_link(at("victim"), at("run").join(name)).unwrap();
    }
    assert!(text(&dir.open_or_create("lock").unwrap_err()).contains("hard link"));
    dir.write("table", b"mine", true).unwrap();
    dir.create_anew("events").unwrap().write_all(b"mine").unwrap();
    assert_eq!(fs::read(at("victim")).unwrap(), b"victim");
    assert!(std::process::Command::new("mkfifo").arg(at("run/pipe")).status().unwrap().success());
    assert!(text(&dir.open_or_create("pipe").unwrap_err()).contains("not a file"));
    drop(dir.open_or_create("new").unwrap());
}

/// Tests here what systems without `openat` do.
#[cfg(unix)]
#[test]
fn what_is_looked_at_first_is_no_link_either() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("outside")).unwrap();
    fs::write(at("outside/victim"), "victim").unwrap();
    fs::create_dir(at("run")).unwrap();
    symlink(at("outside"), at("run/link")).unwrap();
    symlink(at("outside/victim"), at("run/file")).unwrap();
    let run = looked_at::Handle::root(&at("run")).unwrap();
    assert!(looked_at::Handle::root(&at("outside/victim")).is_err());
    let name = OsStr::new;
    assert!(run.enter(name("link")).is_err());
    assert!(run.open_file(name("file"), Access::Create).is_err());
    assert!(run.create_new(name("file")).is_err());
    assert_eq!(run.kind(name("link")).unwrap(), Kind::Link);
    run.make_folder(name("own")).unwrap();
    let own = run.enter(name("own")).unwrap();
    own.create_new(name("a")).unwrap().write_all(b"text").unwrap();
    own.rename(name("a"), name("b")).unwrap();
    assert_eq!(own.names().unwrap(), ["b"]);
    let mut read = String::new();
    let mut file = own.open_file(name("b"), Access::Read).unwrap();
    file.read_to_string(&mut read).unwrap();
    assert!(read == "text" && !looked_at::Handle::has_other_names(&file).unwrap());
    assert!(own.open_file(name("c"), Access::Write).is_err());
    drop(own.open_file(name("c"), Access::Create).unwrap());
    run.remove_file(name("file")).unwrap();
    for file in ["b", "c"] {
        own.remove_file(name(file)).unwrap();
    }
    run.remove_folder(name("own")).unwrap();
    assert_eq!(fs::read(at("outside/victim")).unwrap(), b"victim");
}
