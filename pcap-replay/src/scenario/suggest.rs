//! "Did you mean": the word that somebody may have meant.

/// Longer words are not compared: nobody mistypes a paragraph.
const WORD_BYTES_MAX: usize = 64;

/// The candidate that is nearest to `word`, if one is near; ignores case. The first one wins a draw.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let near_enough = word.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= WORD_BYTES_MAX)
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The help line for a word that is none of the candidates: the nearest one, or a list of them all
/// where that is short.
pub(crate) fn did_you_mean<'a, C>(word: &str, candidates: C) -> Option<String>
where
    C: IntoIterator<Item = &'a str> + Clone,
{
    if let Some(meant) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let all: Vec<&str> = candidates.into_iter().take(13).collect();
    match all.len() {
        0 | 13 => None,
        _ => Some(format!("there is {}", list(&all))),
    }
}

/// `a`, `b` and `c`.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// How many characters have to be changed, added, left out or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let cases = [
            ("", "", 0),
            ("mtu", "", 3),
            ("mtu", "mut", 1),
            ("queue", "queues", 1),
            ("kitten", "sitting", 3),
        ];
        for (a, b, expected) in cases {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(nearest("eht0", ["eth0", "eth1"]), Some("eth0"));
        assert_eq!(nearest("10gbit", ["Kbit", "10Gbit"]), Some("10Gbit"));
        assert_eq!(nearest("bridge", ["eth0", "eth1"]), None);
        assert_eq!(nearest(&"x".repeat(65), ["x"]), None);
    }

    #[test]
    fn without_a_near_word_a_short_list_helps() {
        assert_eq!(did_you_mean("zz", ["up", "down"]).as_deref(), Some("there is `up` and `down`"));
        assert_eq!(did_you_mean("zz", []), None);
        assert_eq!(did_you_mean("zzzz", ["a"; 13]), None);
    }
}
