//! Small words that every sentence needs.

use std::fmt::Display;

/// Names that are said before the rest is counted.
const NAMED: usize = 3;

/// `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`; each name once.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut names: Vec<String> = Vec::new();
    for item in items {
        let name = item.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(NAMED);
    if more > 0 {
        names.truncate(NAMED);
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// `1 device`, `2 devices`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// `answers` for one, `answer` for more.
pub(crate) fn verb(n: usize, plural: &str) -> String {
    if n == 1 { format!("{plural}s") } else { plural.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(list(["a"]), "a");
        assert_eq!(list(["a", "b", "a"]), "a and b");
        assert_eq!(list(["a", "b", "c"]), "a, b and c");
        assert_eq!(list(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
        assert_eq!(list(Vec::<String>::new()), "");
        assert_eq!(count(1, "device"), "1 device");
        assert_eq!(verb(1, "answer"), "answers");
        assert_eq!(verb(2, "answer"), "answer");
    }
}
