//! Columns of text, aligned.

/// On which side a column's cells are even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table being put together.
#[derive(Clone, Debug)]
pub struct Columns {
    heads: Vec<(&'static str, Align)>,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
enum Line {
    Cells(Vec<String>),
    /// Not in columns; begins under this one.
    Note(usize, String),
}

impl Columns {
    /// A table with these columns.
    #[must_use]
    pub fn new(heads: &[(&'static str, Align)]) -> Self {
        Self { heads: heads.to_vec(), lines: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.lines.push(Line::Cells(cells));
    }

    /// Adds a line that is not in columns and begins under one of them.
    pub fn note(&mut self, column: usize, text: String) {
        self.lines.push(Line::Note(column, text));
    }

    /// The lines, each behind `indent` spaces.
    #[must_use]
    pub fn render(&self, indent: usize) -> String {
        let widths = self.widths();
        let mut out = String::new();
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| (*head).to_owned()).collect();
        self.push(&mut out, indent, &widths, &heads);
        for line in &self.lines {
            match line {
                Line::Cells(cells) => self.push(&mut out, indent, &widths, cells),
                Line::Note(column, text) => {
                    let before: usize = widths[..*column].iter().map(|width| width + 2).sum();
                    out.push_str(&" ".repeat(indent + before));
                    out.push_str(text);
                    out.push('\n');
                }
            }
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let width = |text: &str| text.chars().count();
        let mut widths: Vec<usize> = self.heads.iter().map(|(head, _)| width(head)).collect();
        for line in &self.lines {
            if let Line::Cells(cells) = line {
                for (widest, cell) in widths.iter_mut().zip(cells) {
                    *widest = (*widest).max(width(cell));
                }
            }
        }
        widths
    }

    fn push(&self, out: &mut String, indent: usize, widths: &[usize], cells: &[String]) {
        let mut line = " ".repeat(indent);
        for (i, ((cell, &width), (_, align))) in cells.iter().zip(widths).zip(&self.heads).enumerate() {
            if i > 0 {
                line.push_str("  ");
            }
            match align {
                Align::Left => line.push_str(&format!("{cell:<width$}")),
                Align::Right => line.push_str(&format!("{cell:>width$}")),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A number with its thousands apart: 1,234,567.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The same, but a dash for none.
#[must_use]
pub fn grouped_or_dash(number: u64) -> String {
    if number == 0 { "-".to_owned() } else { grouped(number) }
}

/// "1 frame", "2 frames".
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Columns::new(&[("port", Align::Left), ("frames", Align::Right)]);
        table.row(vec!["eth0".into(), "5".into()]);
        table.note(1, "a note".into());
        table.row(vec!["veth1.peer".into(), "1,234,567".into()]);
        let lines = [
            "  port           frames",
            "  eth0                5",
            "              a note",
            "  veth1.peer  1,234,567",
        ];
        assert_eq!(table.render(2), lines.join("\n") + "\n");
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped_or_dash(0), "-");
        assert_eq!(counted(1, "frame", "frames"), "1 frame");
        assert_eq!(counted(1_000, "frame", "frames"), "1,000 frames");
    }
}
