//! The page in a browser: charts are there, and nothing is complained about.

use std::path::PathBuf;
use std::process::Command;

use super::{Folder, SMALL};

/// Names under which the browser is installed.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The browser; without one the test is skipped by name.
fn browser(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        skip(test);
    }
    found
}

#[cfg(target_os = "linux")]
fn skip(test: &str) {
    xdpsim_oracle::need::skip(test, "chromium");
}

#[cfg(not(target_os = "linux"))]
fn skip(test: &str) {
    println!("skipped: {test}: needs chromium");
}

/// Looks at a file of the folder; standard output and what the page's console said.
fn look(browser: &PathBuf, folder: &Folder, page: &str, arguments: &[String]) -> (Vec<u8>, Vec<String>) {
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]);
    command.args(["--enable-logging=stderr", "--no-first-run", "--disable-extensions"]);
    command.arg(format!("--user-data-dir={}", folder.path("profile").display()));
    command.args(arguments).arg(format!("file://{}", folder.path(page).display()));
    let output = command.output().expect("the browser runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (output.stdout, said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect())
}

#[test]
fn a_browser_shows_the_page_with_its_charts_and_complains_about_nothing() {
    let Some(browser) = browser("a_browser_shows_the_page_with_its_charts_and_complains_about_nothing")
    else {
        return;
    };
    let folder = Folder::new();
    folder.run(&format!("{SMALL} -o page")).fine();
    let (dom, console) = look(&browser, &folder, "page/index.html", &["--dump-dom".to_owned()]);
    let dom = String::from_utf8(dom).expect("text");
    assert_eq!(console, Vec::<String>::new());
    // Memory for each number of ports, lookups for each number of groups, churn, the front.
    assert_eq!(dom.matches("<figure>").count(), 6, "{dom}");
    for chart in dom.split("<figure>").skip(1) {
        let chart = chart.split("</figure>").next().unwrap_or_default();
        assert!(chart.contains("<svg") && chart.matches("<text").count() > 8, "{chart}");
    }
    assert!(dom.contains("Recommendation") && dom.contains("dense bitmap"));
    let shot = format!("--screenshot={}", folder.path("page.png").display());
    let (_, console) =
        look(&browser, &folder, "page/index.html", &[shot, "--window-size=1200,1600".to_owned()]);
    assert_eq!(console, Vec::<String>::new());
    assert!(folder.read("page.png").starts_with(b"\x89PNG"));
}

/// The check itself: what a page's console says is noticed.
#[test]
fn a_page_with_an_error_is_noticed() {
    let Some(browser) = browser("a_page_with_an_error_is_noticed") else { return };
    let folder = Folder::new();
    folder.write("bad.html", "<!doctype html><title>bad</title><script>throw new Error('no chart')</script>");
    let (_, console) = look(&browser, &folder, "bad.html", &["--dump-dom".to_owned()]);
    assert!(console.iter().any(|line| line.contains("no chart")), "{console:?}");
}
