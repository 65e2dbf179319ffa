//! Lines of a story: text on the left, the rules that decided it on the right.

use xdpsim_core::rule::RuleId;

/// Rules stand in this column or behind the text if that is longer.
const RULES_COLUMN: usize = 100;
/// A story may be this long; the JSON has all of it.
const LINES_MAX: usize = 400;

/// Lines being collected.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    list: Vec<(String, String)>,
    dropped: usize,
}

impl Lines {
    /// A line without a rule.
    pub fn plain(&mut self, text: String) {
        self.ruled(text, &[]);
    }

    /// A line and its rules.
    pub fn ruled(&mut self, text: String, rules: &[RuleId]) {
        if self.list.len() >= LINES_MAX {
            self.dropped += 1;
            return;
        }
        let rules: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
        self.list.push((text, rules.join(" ")));
    }

    /// All lines, rules aligned.
    pub fn render(&self) -> String {
        let width = |text: &str| text.chars().count();
        let fits = self.list.iter().filter(|(_, rules)| !rules.is_empty()).map(|(text, _)| width(text));
        let column = fits.filter(|&width| width <= RULES_COLUMN).max().unwrap_or(0);
        let mut out = String::new();
        for (text, rules) in &self.list {
            let gap = if rules.is_empty() { 0 } else { column.saturating_sub(width(text)) + 2 };
            out.push_str(&format!("{text}{}{rules}\n", " ".repeat(gap)));
        }
        if self.dropped > 0 {
            out.push_str(&format!("… and {} more lines; --json has everything\n", self.dropped));
        }
        out
    }
}
