//! Which texts people may write to each other: none that nobody sees, and none that changes how what is around it is
//! shown.
//!
//! What joins or marks characters may stay everywhere: emoji of families and flags are made with it, and Persian,
//! Hebrew and Indic scripts are written with it.

use memchr::memchr_iter;

use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;

/// First byte of U+0080 to U+00BF, of which the first half are control characters.
const LEAD_OF_C1: u8 = 0xc2;

/// Checks the content of a message: of control characters it may have line breaks and tabs. What turns the direction of
/// text may stay: it ends with its paragraph, and a message is one of its own.
///
/// # Errors
/// What it must not have, or be.
pub(crate) fn check_content(content: &str) -> Result<(), Problem> {
    if has_control(content.as_bytes()) {
        let problem = Problem::out_of_bounds(
            "content must not have control characters but line breaks and tabs",
        );
        return Err(problem.about(Field::Content, Fault::ForbiddenCharacters));
    }
    if is_blank(content) {
        let problem =
            Problem::out_of_bounds("content must not be blank: it has nothing that is shown");
        return Err(problem.about(Field::Content, Fault::Blank));
    }
    Ok(())
}

/// Checks the description of a chat, which may be blank: it has paragraphs of its own, as a message.
///
/// # Errors
/// It has other control characters than line breaks and tabs.
pub(crate) fn check_description(description: &str) -> Result<(), Problem> {
    if has_control(description.as_bytes()) {
        let problem = Problem::out_of_bounds(
            "description must not have control characters but line breaks and tabs",
        );
        return Err(problem.about(Field::Description, Fault::ForbiddenCharacters));
    }
    Ok(())
}

/// A text of one line, which often stands between others: so it has no control characters at all, and nothing that could
/// turn what is around it.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    field: Field,
    control: &'static str,
    direction: &'static str,
    blank: &'static str,
}

macro_rules! line {
    ($field:expr, $name:literal) => {
        Line {
            field: $field,
            control: concat!($name, " must not have control characters, nor line breaks or tabs"),
            direction: concat!(
                $name,
                " must not have characters that change the direction of text (U+202A to U+202E, U+2066 to U+2069)",
            ),
            blank: concat!($name, " must not be blank: it has nothing that is shown"),
        }
    };
}

/// The name of a chat.
pub(crate) const CHAT_NAME: Line = line!(Field::Name, "name");
/// What a client that logs in calls itself.
pub(crate) const DEVICE: Line = line!(Field::Device, "device");

/// What a user calls themselves.
pub(crate) const DISPLAY_NAME: Line = line!(Field::DisplayName, "display_name");

/// Checks a text of one line.
///
/// # Errors
/// What it must not have, or be.
pub(crate) fn check_line(text: &str, line: Line) -> Result<(), Problem> {
    let refused = |refusal, fault| Err(Problem::out_of_bounds(refusal).about(line.field, fault));
    if text.chars().any(|c| c.is_control() || ends_line(c)) {
        return refused(line.control, Fault::ForbiddenCharacters);
    }
    if text.chars().any(turns_text) {
        return refused(line.direction, Fault::ForbiddenCharacters);
    }
    if is_blank(text) {
        return refused(line.blank, Fault::Blank);
    }
    Ok(())
}

/// Whether a text of UTF-8 has a control character other than tab, line feed and carriage return. Each message is looked
/// at: so without a branch for each byte.
fn has_control(bytes: &[u8]) -> bool {
    let is_control =
        |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0x7f;
    let has_ascii = bytes
        .iter()
        .fold(false, |has, byte| has | is_control(*byte));
    has_ascii
        || memchr_iter(LEAD_OF_C1, bytes)
            .any(|at| bytes.get(at + 1).is_some_and(|byte| *byte < 0xa0))
}

fn is_blank(text: &str) -> bool {
    // Most texts begin with what anybody sees, and each message is looked at.
    if text.as_bytes().first().is_some_and(u8::is_ascii_graphic) {
        return false;
    }
    text.chars().all(|c| c.is_whitespace() || is_ignorable(c))
}

const fn ends_line(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

const fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is not shown by itself: the property Default_Ignorable_Code_Point of Unicode, whose ranges leave
/// room for what is to come.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A family, a flag of tags, a heart with its variation, Persian with a non-joiner, and marks of direction.
    const JOINED: [&str; 5] = [
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e007f}",
        "\u{2764}\u{fe0f}",
        "\u{645}\u{6cc}\u{200c}\u{62e}",
        "\u{200f}\u{5d0}!\u{200e}",
    ];

    #[test]
    fn what_people_write_may_be_written() {
        for text in JOINED.into_iter().chain(["a", " a ", "\u{b0}", "\u{e9}"]) {
            assert_eq!(check_content(text), Ok(()), "{text:?}");
            assert_eq!(check_line(text, CHAT_NAME), Ok(()), "{text:?}");
        }
        for text in [
            "a\tb",
            "a\r\nb",
            "a\u{2028}b",
            "\u{202b}\u{5d0}\u{202c}",
            "\u{2067}a\u{2069}",
        ] {
            assert_eq!(check_content(text), Ok(()), "{text:?}");
            assert!(check_line(text, CHAT_NAME).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_nobody_sees_may_not() {
        for text in [
            "",
            " ",
            "\n\t\r\n",
            "\u{3000}",
            "\u{200b}",
            "\u{3164}",
            "\u{ad}\u{feff} ",
            "\u{200d}\u{fe0f}",
        ] {
            assert!(check_content(text).is_err(), "{text:?}");
            assert!(check_line(text, CHAT_NAME).is_err(), "{text:?}");
        }
    }

    #[test]
    fn control_characters_may_not() {
        for code in (0..0x20).chain(0x7f..0xa0) {
            let c = char::from(code);
            let text = format!("a{c}b");
            let is_allowed = matches!(c, '\t' | '\n' | '\r');
            assert_eq!(check_content(&text).is_ok(), is_allowed, "{text:?}");
            assert!(check_line(&text, CHAT_NAME).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_tell_what_characters_would(text in "[\\PC\u{0}-\u{c0}]{0,40}") {
            let has = text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
            prop_assert_eq!(has_control(text.as_bytes()), has);
        }
    }
}
