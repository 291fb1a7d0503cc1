//! Texts of others within texts of ours.

/// A text of at most so many characters: where it is longer, its beginning and its end are left,
/// because parsers quote what they refuse in the middle of what they say of it.
#[must_use]
pub fn shortened(text: String, chars_max: usize) -> String {
    let chars = text.chars().count();
    if chars <= chars_max {
        return text;
    }
    let half = chars_max.saturating_sub(1) / 2;
    let start: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(chars - half).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        assert_eq!(shortened("abcdefg".to_owned(), 7), "abcdefg");
        assert_eq!(shortened("äbcdefgh".to_owned(), 7), "äbc…fgh");
        assert_eq!(shortened("abc".to_owned(), 0), "…");
        assert!(shortened("é".repeat(5000), 100).chars().count() <= 100);
    }
}
