//! Which passwords may be chosen, and how they are prepared before they are hashed (RFC 8265, OpaqueString): so that one
//! keyboard's `\u{e9}` is another's. Those that were chosen before go on: a login does not ask.

use std::borrow::Cow;

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::Profile as _;
use rookery_schema::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};

use crate::mesh::problem::Problem;

/// A new password as it is hashed.
///
/// # Errors
/// It has characters that RFC 8265 has no place for, or is too long.
pub(crate) fn prepared(typed: &str) -> Result<Cow<'_, str>, Problem> {
    let prepared = OpaqueString::new().enforce(typed);
    let prepared = prepared.map_err(|_| Problem::PASSWORD_CHARACTERS)?;
    match prepared.len() <= PASSWORD_BYTES_MAX {
        true => Ok(prepared),
        false => Err(Problem::PASSWORD_LONG),
    }
}

/// What a login's password is compared as: prepared, then as it was typed, which may be how it was hashed before
/// passwords were prepared. Most are the same either way, and compared once.
pub(crate) fn compared(typed: &str) -> (Cow<'_, str>, Option<&str>) {
    match OpaqueString::new().enforce(typed) {
        Ok(prepared) if prepared != typed => (prepared, Some(typed)),
        Ok(_) | Err(_) => (Cow::Borrowed(typed), None),
    }
}

/// Checks a new password of a user, as it was prepared. Whether it is a common one is known to the hashers, who have the list.
///
/// # Errors
/// What the password should be instead.
pub(crate) fn check_new_password(password: &str, username: &str) -> Result<(), Problem> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(Problem::PASSWORD_SHORT);
    }
    if folded(password).eq(folded(username)) {
        return Err(Problem::PASSWORD_IS_NAME);
    }
    Ok(())
}

/// A text without its case, near enough: `\u{df}` is like `SS`.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_same_however_it_is_composed_and_spaced() {
        for (typed, hashed) in [
            ("correct horse", "correct horse"),
            ("  two  spaces ", "  two  spaces "),
            ("e\u{301}te\u{301}", "\u{e9}t\u{e9}"),
            ("no\u{a0}break\u{3000}wide", "no break wide"),
            // Full width stays: other than a name, a password is not to be typed by others.
            ("\u{ff21}", "\u{ff21}"),
            ("\u{1f426} bird", "\u{1f426} bird"),
        ] {
            assert_eq!(prepared(typed).as_deref(), Ok(hashed));
            let (first, second) = compared(typed);
            assert_eq!(first, hashed);
            assert_eq!(second, (typed != hashed).then_some(typed));
        }
        for typed in [
            "tab\there",
            "\u{9b}",
            "\u{200b}\u{200b}",
            "\u{1f914} thinks",
        ] {
            assert_eq!(
                prepared(typed),
                Err(Problem::PASSWORD_CHARACTERS),
                "{typed:?}"
            );
            // One from before has them.
            assert_eq!(compared(typed), (Cow::Borrowed(typed), None));
        }
        // Three bytes for two.
        let long = "\u{958}".repeat(PASSWORD_BYTES_MAX / 2);
        assert_eq!(prepared(&long), Err(Problem::PASSWORD_LONG));
    }

    #[test]
    fn a_new_password_has_eight_characters_and_is_not_the_name() {
        for (password, expected) in [
            ("1234567", Err(Problem::PASSWORD_SHORT)),
            (
                "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
                Err(Problem::PASSWORD_SHORT),
            ),
            (
                "\u{1f426}\u{1f426}\u{1f426}\u{1f426}\u{1f426}\u{1f426}\u{1f426}\u{1f426}",
                Ok(()),
            ),
            ("GROSSE Vogel", Err(Problem::PASSWORD_IS_NAME)),
            ("gro\u{df}e vogel", Err(Problem::PASSWORD_IS_NAME)),
            ("gro\u{df}e v\u{f6}gel", Ok(())),
        ] {
            assert_eq!(
                check_new_password(password, "Gro\u{df}e Vogel"),
                expected,
                "{password}"
            );
        }
    }
}
