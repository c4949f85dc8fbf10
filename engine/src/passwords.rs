//! Which passwords may be chosen. Those that were chosen before go on: a login does not ask.

use rookery_schema::limits::PASSWORD_CHARS_MIN;

use crate::mesh::problem::Problem;

/// Checks a new password of a user. Whether it is a common one is known to the hashers, who have the list.
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
