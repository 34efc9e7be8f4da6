//! The page in a browser: headless Chromium, where there is one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::copy_of_run;
use crate::support::{skipped, succeed};

/// A frame of a phone's width around the page; what is wrong with it is left in the title.
const PROBE: &str = r#"<!DOCTYPE html><title>waiting</title>
<iframe src="PAGE" style="width:WIDTHpx;height:800px"></iframe>
<script>
onload = () => {
  const page = frames[0].document, root = page.documentElement, wrong = [];
  if (root.scrollWidth > WIDTH) wrong.push(`wider than the screen: ${root.scrollWidth}`);
  const shown = (svg) => svg.getBoundingClientRect().width > 0;
  const drawings = [...page.querySelectorAll("figure svg")].filter(shown);
  if (drawings.length !== 8) wrong.push(`${drawings.length} drawings`);
  for (const svg of drawings) {
    const box = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll("text")];
    if (box.width < WIDTH / 2 || box.height < 100 || box.right > WIDTH) wrong.push("a drawing is cut off");
    if (texts.length < 10) wrong.push("a drawing without labels");
    const boxes = texts.map((text) => {
      const size = text.getAttribute("font-size") * svg.getScreenCTM().a;
      if (size < 11) wrong.push(`${text.textContent}: ${size} pixels`);
      return text.getBoundingClientRect();
    });
    boxes.forEach((a, i) => {
      const beyond = a.left < box.left - 1 || a.right > box.right + 1 || a.bottom > box.bottom + 1;
      if (beyond) wrong.push(`${texts[i].textContent} is cut off`);
      boxes.slice(0, i).forEach((b, j) => {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        // Boxes are higher than letters.
        if (wide > 1 && high > 4) wrong.push(`${texts[i].textContent} on ${texts[j].textContent}`);
      });
    });
  }
  const style = frames[0].getComputedStyle(page.body);
  const ink = frames[0].getComputedStyle(drawings[0].querySelector("text")).fill;
  document.title = JSON.stringify({ wrong, paper: style.backgroundColor, words: style.color, ink });
};
</script>"#;

/// A Chromium that works, or nothing: some systems have a stand-in of that name.
fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let all =
        std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
    let folder = tempfile::tempdir().ok()?;
    let works = |path: &PathBuf| {
        let empty = ["--dump-dom", "data:text/html,<p>here</p>"];
        path.is_file()
            && run(path, folder.path(), &empty).is_some_and(|(dom, _)| dom.contains("here"))
    };
    all.into_iter().find(works)
}

/// Stdout and stderr; nothing where it does not start.
fn run(chromium: &Path, folder: &Path, flags: &[&str]) -> Option<(String, String)> {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let common = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        &profile,
    ];
    let output = Command::new(chromium).args(common).args(flags).output().ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((text(&output.stdout), text(&output.stderr)))
}

/// What the probe says of a page at a width.
fn probe(
    chromium: &Path,
    folder: &Path,
    page: &Path,
    width: u32,
    flags: &[&str],
) -> serde_json::Value {
    let probe = folder.join("probe.html");
    let page = format!("file://{}", page.display());
    let text = PROBE.replace("PAGE", &page).replace("WIDTH", &width.to_string());
    fs::write(&probe, text).unwrap();
    let address = format!("file://{}", probe.display());
    let (dom, log) = run(chromium, folder, &[flags, &["--dump-dom", &address]].concat()).unwrap();
    let title = dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    let title = title.unwrap_or_else(|| panic!("no page: {log}")).replace("&quot;", "\"");
    assert!(!log.contains("CONSOLE"), "the page complains: {log}");
    serde_json::from_str(&title).unwrap_or_else(|_| panic!("{title}: {log}"))
}

#[test]
fn the_page_fits_a_screen_and_a_phone_in_light_and_dark_and_prints() {
    let Some(chromium) = chromium() else {
        return skipped("the page in a browser", "there is no Chromium that works");
    };
    let folder = tempfile::tempdir().unwrap();
    let run_folder = copy_of_run(folder.path(), "run");
    succeed(folder.path(), &["report", "run"]);
    let page = run_folder.join("report/report.html");
    for width in [360, 390, 740, 1100] {
        let found = probe(&chromium, folder.path(), &page, width, &[]);
        assert_eq!(found["wrong"], serde_json::json!([]), "{width}: {found}");
        assert_eq!(found["paper"], "rgb(255, 255, 255)");
    }
    let dark = ["--blink-settings=preferredColorScheme=0"];
    let found = probe(&chromium, folder.path(), &page, 360, &dark);
    assert_eq!(found["wrong"], serde_json::json!([]), "{found}");
    for light in ["words", "ink"] {
        assert_eq!(found[light], "rgb(230, 230, 230)", "{found}");
    }
    assert_eq!(found["paper"], "rgb(21, 23, 26)", "{found}");

    let pdf = folder.path().join("page.pdf");
    let to = format!("--print-to-pdf={}", pdf.display());
    let address = format!("file://{}", page.display());
    let (_, log) = run(&chromium, folder.path(), &[&to, &address]).unwrap();
    let bytes = fs::read(&pdf).unwrap_or_else(|error| panic!("{error}: {log}"));
    assert!(bytes.starts_with(b"%PDF") && bytes.len() > 50_000, "{} bytes", bytes.len());
}
