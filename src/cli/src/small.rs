//! Small files of /proc and /sys.
//!
//! What must hold here: what is missing or may not be read is `None`.

use std::fs;
use std::path::Path;

/// A file's text without the blanks around it.
pub fn text(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// A file that holds one number.
pub fn number(path: impl AsRef<Path>) -> Option<u64> {
    text(path)?.parse().ok()
}

/// The number behind a name that begins a line, as in vmstat and meminfo (there in KiB).
pub fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    })
}

/// The word in brackets: `always [madvise] never`.
pub fn chosen(text: &str) -> Option<&str> {
    text.split_once('[')?.1.split_once(']').map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "pswpin_x 1\npswpin 7\nMemFree:   12 kB\n";
        assert_eq!(field(text, "pswpin"), Some(7));
        assert_eq!(field(text, "MemFree:"), Some(12));
        assert_eq!(field(text, "pswpout"), None);
    }

    #[test]
    fn the_word_in_brackets_is_the_chosen_one() {
        assert_eq!(chosen("always [madvise] never"), Some("madvise"));
        assert_eq!(chosen("always madvise"), None);
    }
}
