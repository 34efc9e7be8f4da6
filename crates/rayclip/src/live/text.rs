//! Texts that fit, and the colours of methods.

use ratatui::style::{Color, Style};

const COLOURS: [Color; 6] =
    [Color::Blue, Color::Yellow, Color::Green, Color::Magenta, Color::Cyan, Color::Red];

/// Returns the colour of a method, by its index in the run.
pub(super) fn colour(method: usize) -> Style {
    Style::new().fg(COLOURS[method % COLOURS.len()])
}

/// Returns the first text that fits, or the last one.
pub(super) fn fitting(texts: impl IntoIterator<Item = String>, room: u16) -> String {
    let mut last = String::new();
    for text in texts {
        last = text;
        if last.chars().count() <= usize::from(room) {
            break;
        }
    }
    last
}

/// Returns the path, or only its end if it is too long.
pub(super) fn end_of(path: &str, room: usize) -> String {
    let length = path.chars().count();
    if length <= room {
        return path.to_owned();
    }
    format!("…{}", path.chars().skip(length + 1 - room.max(1)).collect::<String>())
}
