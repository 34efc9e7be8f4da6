//! Makes text from outside safe for messages.

/// The most characters of a text that are shown.
const MOST: usize = 400;

/// Returns a text from a file or a name for use in a message: one line of at most 400 characters, without characters
/// that control a terminal or are invisible.
pub fn plain(text: &str) -> String {
    plain_within(text, MOST)
}

/// As [`plain`], with at most `most` characters. The middle of a longer text is left out, because messages begin with
/// their subject and end with the remedy.
pub fn plain_within(text: &str, most: usize) -> String {
    let shown = |c: char| if is_obeyed(c) { char::REPLACEMENT_CHARACTER } else { c };
    // There are at least as many bytes as characters, so short texts need no count.
    if text.len() <= most || text.chars().nth(most).is_none() {
        return text.chars().map(shown).collect();
    }
    let end = most / 4;
    let begin = most.saturating_sub(end + 1);
    let tail: Vec<char> = text.chars().rev().take(end).collect();
    let head = text.chars().take(begin);
    head.chain(['…']).chain(tail.into_iter().rev()).map(shown).collect()
}

/// Whether a terminal does not simply show a character: control characters, characters that change the direction of
/// the text, and invisible ones.
pub fn is_obeyed(c: char) -> bool {
    let hidden = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{feff}'];
    c.is_control()
        || hidden.contains(&c)
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_one_line_of_text() {
        let hostile = "a\u{1b}[2J\u{9b}1m\r\nerror: b\tc\u{202e}d\u{2028}e\u{7}ä";
        let plain = plain(hostile);
        assert_eq!(
            plain,
            "a\u{fffd}[2J\u{fffd}1m\u{fffd}\u{fffd}error: b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}ä"
        );
        assert!(!plain.chars().any(is_obeyed));
    }

    #[test]
    fn of_a_long_text_begin_and_end_are_shown() {
        assert_eq!(plain_within("äbcdefgh", 8), "äbcdefgh");
        assert_eq!(plain_within("äbcdefghi", 8), "äbcde…hi");
        let long = format!("the file{}the remedy", "x".repeat(1 << 20));
        let shown = plain(&long);
        assert_eq!(shown.chars().count(), MOST);
        assert!(shown.starts_with("the filex") && shown.ends_with("xthe remedy"), "{shown}");
        assert_eq!(plain_within("abc", 0), "…");
    }
}
