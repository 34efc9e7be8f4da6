//! The documentation: its commands run, and nothing that there is goes unsaid.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{output, python_with, skipped, small_data, succeed};
use crate::tabular::{small_arrays, small_table};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

pub(crate) fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// Blocks of a language, in the order of the page.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let parts = page.split(&begin).skip(1);
    parts.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The commands of a page that call rayclip, without their comments.
fn commands(page: &str) -> Vec<Vec<String>> {
    let blocks = blocks(page, "sh");
    let lines = blocks.iter().flat_map(|block| block.lines());
    let calls =
        lines.filter_map(|line| line.split('#').next().unwrap().trim().strip_prefix("rayclip "));
    calls.map(|call| call.split_whitespace().map(str::to_owned).collect()).collect()
}

/// What makes a command a matter of a second, and MNIST the small data set; the last flag counts.
fn quick(command: &[String]) -> Vec<String> {
    let mut flags = command.to_vec();
    for flag in &mut flags {
        if flag == "mnist" {
            "data".clone_into(flag);
        }
    }
    let train = ["--set", "training.batches_per_cycle=2", "--set", "training.batch_size=50"];
    let is_given = |name: &str| command.iter().any(|flag| flag == name);
    let more: Vec<&str> = match command[0].as_str() {
        "compare" if command[1].starts_with("runs/") => vec![],
        "run" | "compare" => {
            let data = if is_given("--data") { &[][..] } else { &["--data", "data"] };
            // A run that is repeated keeps the widths of its configuration.
            let widths = if is_given("--config") { &[][..] } else { &["--hidden", "24"] };
            [&train[..], data, widths, &["--device", "flex"]].concat()
        }
        "sweep" => [&train[..], &["--data", "data", "--hidden", "14", "--device", "flex"]].concat(),
        "reproduce" => [&train[..], &["--set", "network.hidden=[24]"]].concat(),
        "bench" if command[1] == "all" => {
            vec!["--networks", "mlp-12", "--replicas", "1", "--sizes", "64x32x2"]
        }
        // Networks that have learnt next to nothing.
        "pick" => vec!["--accuracy", "0", "--max-drop", "1"],
        _ => vec![],
    };
    flags.extend(more.into_iter().map(str::to_owned));
    flags
}

/// A folder with all that the commands name.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    small_table(&folder.path().join("table.csv"));
    small_arrays(&folder.path().join("arrays.npz"));
    image::GrayImage::from_pixel(9, 8, [99].into()).save(folder.path().join("cat.png")).unwrap();
    let grids = folder.path().join("assets/sweeps");
    fs::create_dir_all(&grids).unwrap();
    fs::copy(root().join("assets/sweeps/questions.toml"), grids.join("questions.toml")).unwrap();
    let problem: Vec<u8> =
        (0..8).flat_map(|i| (f64::from(i * i % 5) - 1.5).to_le_bytes()).collect();
    let view = |extents: Vec<usize>, bytes| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F64, extents, bytes).unwrap()
    };
    let tensors = [("a", view(vec![2, 3], &problem[..48])), ("y", view(vec![2], &problem[48..]))];
    let file = safetensors::serialize(tensors, None).unwrap();
    fs::write(folder.path().join("p.safetensors"), file).unwrap();
    folder
}

#[test]
fn the_commands_of_the_pages_run_as_they_stand() {
    for (name, least) in [("docs/tutorial.md", 7), ("docs/guide.md", 14)] {
        let folder = workplace();
        let commands = commands(&page(name));
        assert!(commands.len() >= least, "{name}: {}", commands.len());
        for command in commands {
            succeed(folder.path(), &quick(&command));
        }
    }
}

#[test]
fn the_examples_of_the_readme_are_commands() {
    let readme = page("README.md");
    let all = commands(&readme);
    assert!(all.len() > 10, "{}", all.len());
    let folder = tempfile::tempdir().unwrap();
    for command in all {
        // A flag that is none ends before the command does anything.
        let output = output(folder.path(), &[&command[..], &["--no-such-flag".into()]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("unexpected argument '--no-such-flag'"), "{command:?}: {stderr}");
    }
}

#[test]
fn the_guide_names_every_command_flag_and_key() {
    let guide = page("docs/guide.md");
    let folder = tempfile::tempdir().unwrap();
    let commands = [
        "run",
        "compare",
        "sweep",
        "reproduce",
        "report",
        "pick",
        "export",
        "eval",
        "predict",
        "watch",
        "resume",
        "verify-resume",
        "solve",
        "clip",
        "compress",
        "inspect",
        "devices",
        "completions",
        "man",
    ];
    let help = succeed(folder.path(), &["--help"]);
    let listed = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    for line in listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        let known = commands.contains(&name) || ["bench", "help"].contains(&name);
        assert!(known, "the guide has no section of {name}");
    }
    for command in commands
        .iter()
        .map(|name| vec![*name])
        .chain(["solver", "train", "cycle", "all"].map(|what| vec!["bench", what]))
    {
        let begin = format!("\n## {}\n", command.join(" "));
        assert!(guide.contains(&begin), "{begin}");
        let help = succeed(folder.path(), &[&command[..], &["--help"]].concat());
        let words = help.split_whitespace().filter_map(|word| word.strip_prefix("--"));
        for flag in words.map(|flag| flag.trim_end_matches([',', '.', ')', '`'])) {
            assert!(
                flag == "help" || guide.contains(&format!("`--{flag}")),
                "{command:?} --{flag}"
            );
        }
    }
    let preset: toml::Table = page("assets/presets/corrected.toml").parse().unwrap();
    for (section, value) in &preset {
        let keys: Vec<String> = match value {
            toml::Value::Table(keys) => keys.keys().map(|key| format!("{section}.{key}")).collect(),
            _ => vec![section.clone()],
        };
        for key in keys {
            assert!(guide.contains(&format!("`{key}`")), "{key}");
        }
    }
}

#[test]
fn files_and_links_of_the_pages_are_there() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "docs/tutorial.md",
        "docs/method.md",
        "docs/guide.md",
        "docs/extending.md",
        "docs/beating-scratch.md",
    ] {
        let text = page(name);
        let folder = root().join(name).parent().unwrap().to_path_buf();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            let is_file = !file.is_empty() && !file.contains("://");
            assert!(!is_file || folder.join(file).exists(), "{name}: {link}");
        }
        for path in
            text.split('`').filter(|word| word.starts_with("crates/") || word.starts_with("tests/"))
        {
            assert!(root().join(path).exists(), "{name}: {path}");
        }
    }
}

#[test]
fn the_python_of_the_pages_draws_what_it_says() {
    let Some(python) = python_with("polars, matplotlib") else {
        return skipped("the Python of the pages", "there is no Python with polars and matplotlib");
    };
    let folder = crate::report::folder_with_report("runs/compared");
    let tutorial = blocks(&page("docs/tutorial.md"), "python");
    assert_eq!((tutorial.len(), &tutorial), (1, &blocks(&page("README.md"), "python")));
    let code = &tutorial[0];
    assert!(code.lines().filter(|line| !line.is_empty()).count() <= 10, "{code}");
    let output = Command::new(&python)
        .args(["-c", code])
        .env("MPLBACKEND", "agg")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(folder.path().join("accuracy.png")).unwrap().starts_with(b"\x89PNG"));
}
