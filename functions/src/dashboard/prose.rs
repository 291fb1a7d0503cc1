//! Descriptions of the API as pages show them.

/// A stretch of text, or of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) is_code: bool,
    pub(crate) text: String,
}

/// Text whose stretches between backquotes are code.
pub(crate) type Prose = Vec<Stretch>;

/// Reads a line of text.
pub(crate) fn prose(text: &str) -> Prose {
    let stretch =
        |(number, text): (usize, &str)| Stretch { is_code: number % 2 == 1, text: text.to_owned() };
    text.split('`').enumerate().map(stretch).filter(|stretch| !stretch.text.is_empty()).collect()
}

/// Reads paragraphs, or lines of an enumeration.
pub(crate) fn paragraphs(text: &str) -> Vec<Prose> {
    text.split('\n').filter(|line| !line.is_empty()).map(prose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backquotes_is_code() {
        let code = |text: &str| Stretch { is_code: true, text: text.to_owned() };
        let plain = |text: &str| Stretch { is_code: false, text: text.to_owned() };
        assert_eq!(prose("`a` or `b`."), [code("a"), plain(" or "), code("b"), plain(".")]);
        assert_eq!(paragraphs("one\n\ntwo").len(), 2);
    }
}
