//! The page of a sweep: one HTML file that needs nothing else.
//!
//! Owns structure and words around the charts. No scripts, no fonts, nothing from elsewhere.

mod chart;
mod charts;

use std::error::Error;
use std::fmt::Write;

use super::catalogue::About;
use super::report::{Lookups, Report};
use super::results::{Cell, Figures};
use super::table::{reason, size_words};
use super::words;

/// The page's style.
const STYLE: &str = include_str!("style.css");

/// The whole page.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn render(report: &Report, recommendation: &[String]) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut html = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>Groups and exclude groups: designs compared</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Groups and exclude groups: designs compared</h1>\n\
         <p>“Send to every port of group A that is not in group B”, in {} designs and {} sizes.</p>\n\
         <pre><code>{}</code></pre>\n",
        report.designs().len(),
        report.sizes().len(),
        escaped(&report.settings.line())
    );
    html.push_str(&advice(recommendation));
    html.push_str(&legend(report));
    html.push_str("<h2>Charts</h2>\n<div class=\"charts\">\n");
    for figure in charts::all(report)? {
        let (title, caption) = (escaped(&figure.title), escaped(&figure.caption));
        let _ = writeln!(
            html,
            "<figure>\n<h3>{title}</h3>\n<div role=\"img\" aria-label=\"{title}\">{}</div>\n\
             <figcaption>{caption}</figcaption>\n</figure>",
            scalable(&figure.svg)
        );
    }
    html.push_str("</div>\n<h2>Figures</h2>\n");
    for (index, size) in report.sizes().into_iter().enumerate() {
        html.push_str(&table(report, size, index == 0));
    }
    html.push_str(&notes(report));
    html.push_str("</body>\n</html>\n");
    Ok(html)
}

fn advice(recommendation: &[String]) -> String {
    let mut html = String::from("<section class=\"advice\">\n<h2>Recommendation</h2>\n");
    let mut list = Vec::new();
    for paragraph in recommendation {
        match paragraph.strip_prefix("- ") {
            None => html.push_str(&format!("<p>{}</p>\n", escaped(paragraph))),
            Some(item) => list.push(format!("<li>{}</li>\n", escaped(item))),
        }
    }
    html + "<ul>\n" + &list.concat() + "</ul>\n</section>\n"
}

/// Which mark is whose, and whether a kernel carries it.
fn legend(report: &Report) -> String {
    let mut html = String::from("<h2>Designs</h2>\n<ul class=\"legend\">\n");
    for id in report.designs() {
        let about = About::of(id);
        html.push_str(&format!(
            "<li>{}<b>{id}</b> {}<span class=\"how\"> – in a kernel: {}; {}</span></li>\n",
            charts::look(About::index(id)).svg(),
            escaped(about.name()),
            about.kernel.word(),
            escaped(about.how)
        ));
    }
    html + "</ul>\n"
}

/// A drawing that is as wide as its place.
fn scalable(svg: &str) -> String {
    let from = svg.find("<svg ").unwrap_or_default();
    svg[from..].replacen("<svg width=\"560\" height=\"360\"", "<svg", 1)
}

fn table(report: &Report, size: (u32, u32), open: bool) -> String {
    let timed = report.lookups() == Lookups::Nanos;
    let mut heads = vec![
        "design",
        "memory by formula",
        "memory here",
        "operations of a lookup",
        "copies made",
        "delivered",
        "writes of a join or leave",
        "of a port that is gone",
    ];
    if timed {
        heads.extend(["lookup, ns", "mask, ns", "join or leave, ns"]);
    }
    let heads: String = heads.iter().map(|head| format!("<th>{head}</th>")).collect();
    let rows: String =
        report.of_size(size).map(|cell| row(cell, timed, heads.matches("<th>").count())).collect();
    format!(
        "<details{}>\n<summary>{}</summary>\n<div class=\"wide\"><table>\n<thead><tr>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n</details>\n",
        if open { " open" } else { "" },
        size_words(size)
    )
}

fn row(cell: &Cell, timed: bool, columns: usize) -> String {
    let name = escaped(&About::of(&cell.design).title());
    let cells = match cell.outcome.figures() {
        Some(figures) => numbers(figures, timed).iter().map(|number| format!("<td>{number}</td>")).collect(),
        None => format!(
            "<td class=\"why\" colspan=\"{}\">{}</td>",
            columns - 1,
            escaped(&reason(cell).unwrap_or_default())
        ),
    };
    format!("<tr><th>{name}</th>{cells}</tr>\n")
}

fn numbers(figures: &Figures, timed: bool) -> Vec<String> {
    let calls = |update: &super::results::Update| words::mean(update.writes + update.maps);
    let mut numbers = vec![
        words::bytes(figures.formula_bytes),
        words::bytes(figures.heap_bytes),
        words::mean(figures.lookup.ops),
        words::mean(figures.lookup.copies),
        words::mean(figures.lookup.delivered),
        calls(&figures.change),
        calls(&figures.port_gone),
    ];
    if let Some(times) = figures.times.filter(|_| timed) {
        numbers.push(words::mean(times.lookup_nanos));
        numbers.push(times.mask_nanos.map_or_else(|| "–".to_owned(), words::mean));
        numbers.push(words::mean(times.change_nanos));
    }
    numbers
}

fn notes(report: &Report) -> String {
    let timed = match report.lookups() {
        Lookups::Nanos => "Times were measured in the running model on the machine that made this page.",
        Lookups::Ops => "No times were measured.",
    };
    format!(
        "<p class=\"notes\">Each design's deliveries were compared with the difference of the two groups. Memory by \
         formula is what a kernel accounts, where the design is made of maps; memory here is the model's own. {timed} \
         All else is the same for the same command.</p>\n"
    )
}

/// Text as HTML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::samples;

    #[test]
    fn a_page_has_everything_in_it() {
        let html = render(&samples::report(), &["- a < b".to_owned()]).expect("a page");
        assert!(html.contains("<li>a &lt; b</li>"));
        assert_eq!(html.matches("<figure>").count(), html.matches("</figure>").count());
        assert!(html.matches("<svg viewBox").count() + html.matches("<svg ").count() > 6);
        for elsewhere in ["http://", "https://", "<script", "@import", "url("] {
            let html = html.replace("http://www.w3.org/2000/svg", "");
            assert!(!html.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_page_of_nothing_is_a_page() {
        let mut report = samples::report();
        report.cells.retain(|cell| cell.outcome.figures().is_none());
        assert!(render(&report, &[]).expect("a page").contains("refused"));
        report.cells.clear();
        assert!(render(&report, &[]).is_ok());
    }
}
