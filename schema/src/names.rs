//! Usernames: which may be chosen, and which of them are one (RFC 8265).
//!
//! What may be chosen goes by the tables of RFC 8264, which IANA keeps at Unicode 6.3. Names from before keys go on as
//! they are: each is its own, and has a key besides.

use std::borrow::Cow;

use precis_profiles::precis_core::profile::{Profile as _, Rules as _};
use precis_profiles::precis_core::{DerivedPropertyValue, Error};
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};

use crate::limits::USERNAME_BYTES_MAX;

/// A name that somebody may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewName {
    /// As it is shown: with its case, and otherwise as the profile UsernameCasePreserved has it.
    pub username: Box<str>,
    /// What it is unique by.
    pub key: Box<str>,
}

/// Why a name can't be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("it, or its key, is empty or longer than {USERNAME_BYTES_MAX} bytes")]
    Length,
    #[error("it has a space")]
    Space,
    #[error("it has a control or format character, or another that is not for texts")]
    Invisible,
    #[error("it has a symbol, or another character that is not for names")]
    Symbol,
    #[error("it has a character that Unicode 6.3 does not know")]
    Unassigned,
    #[error("it has a character that belongs beside certain others only")]
    Context,
    #[error("it would not be shown in the order in which it is written (RFC 5893, section 2)")]
    Direction,
}

impl NewName {
    /// The name that somebody has typed.
    ///
    /// # Errors
    /// Why it can't be chosen.
    pub fn typed(text: &str) -> Result<Self, NameError> {
        if !has_length(text) {
            return Err(NameError::Length);
        }
        let username = UsernameCasePreserved::new().enforce(text);
        let key = UsernameCaseMapped::new().enforce(text);
        let (username, key) = (username.map_err(refusal)?, key.map_err(refusal)?);
        if !has_length(&username) || !has_length(&key) {
            return Err(NameError::Length);
        }
        Ok(Self {
            username: username.into(),
            key: key.into(),
        })
    }
}

const fn has_length(name: &str) -> bool {
    !name.is_empty() && name.len() <= USERNAME_BYTES_MAX
}

fn refusal(error: Error) -> NameError {
    let Error::BadCodepoint(found) = error else {
        return match error {
            Error::Unexpected(_) => NameError::Context,
            Error::Invalid | Error::BadCodepoint(_) => NameError::Direction,
        };
    };
    if char::from_u32(found.cp).is_some_and(char::is_whitespace) {
        return NameError::Space;
    }
    match found.property {
        DerivedPropertyValue::Unassigned => NameError::Unassigned,
        DerivedPropertyValue::ContextJ | DerivedPropertyValue::ContextO => NameError::Context,
        DerivedPropertyValue::Disallowed => NameError::Invisible,
        DerivedPropertyValue::SpecClassDis
        | DerivedPropertyValue::PValid
        | DerivedPropertyValue::SpecClassPval => NameError::Symbol,
    }
}

/// The key of a name, or of the beginning of one: by width, case and normalisation as the profile UsernameCaseMapped has
/// them. It asks not whether the name may be chosen.
pub fn key_of(name: &str) -> Cow<'_, str> {
    if !name
        .bytes()
        .any(|byte| !byte.is_ascii() || byte.is_ascii_uppercase())
    {
        return Cow::Borrowed(name);
    }
    let profile = UsernameCaseMapped::new();
    let mapped = profile
        .width_mapping_rule(name)
        .and_then(|name| profile.case_mapping_rule(name))
        .and_then(|name| profile.normalization_rule(name));
    // None of these rules refuses a text.
    mapped.unwrap_or(Cow::Borrowed(name))
}

/// Whether a name is its own key, as all are that were claimed by their keys.
pub fn is_key(name: &str) -> bool {
    key_of(name) == name
}

/// The place of a name among all, which are in the order of their keys.
pub fn place_of(name: &str) -> (Cow<'_, str>, &str) {
    (key_of(name), name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use proptest::prelude::*;

    fn typed(text: &str) -> Result<(String, String), NameError> {
        NewName::typed(text).map(|name| (name.username.into(), name.key.into()))
    }

    /// A change here gives every user whose name it concerns another owner, and another place in each store.
    #[test]
    fn keys_stay_what_they_are() {
        for (name, username, key) in [
            ("ann", "ann", "ann"),
            ("Ann", "Ann", "ann"),
            ("ANN", "ANN", "ann"),
            ("a&B=c", "a&B=c", "a&b=c"),
            // Full width, as input methods for Chinese and Japanese have it; and a half-width syllable of two.
            ("\u{ff21}nn", "Ann", "ann"),
            ("\u{ff76}\u{ff9e}", "\u{30ac}", "\u{30ac}"),
            // Composed and not.
            ("\u{c9}ve", "\u{c9}ve", "\u{e9}ve"),
            ("E\u{301}ve", "\u{c9}ve", "\u{e9}ve"),
            // Capitals whose small letter is longer, or is two; and one that is no letter of its own.
            ("\u{1e9e}", "\u{1e9e}", "\u{df}"),
            ("\u{23a}", "\u{23a}", "\u{2c65}"),
            ("\u{130}", "\u{130}", "i\u{307}"),
            ("\u{212b}", "", ""),
            // A letter that had no small one in Unicode 6.3.
            ("\u{13a0}", "\u{13a0}", "\u{ab70}"),
            // Other scripts, one from right to left.
            (
                "\u{3a3}\u{3af}\u{3c2}",
                "\u{3a3}\u{3af}\u{3c2}",
                "\u{3c3}\u{3af}\u{3c2}",
            ),
            ("\u{42f}\u{43d}", "\u{42f}\u{43d}", "\u{44f}\u{43d}"),
            ("\u{5d0}\u{5d1}\u{31}", "\u{5d0}\u{5d1}1", "\u{5d0}\u{5d1}1"),
            ("\u{738b}", "\u{738b}", "\u{738b}"),
        ] {
            let expected = match username {
                "" => Err(NameError::Symbol),
                _ => Ok((username.to_owned(), key.to_owned())),
            };
            assert_eq!(typed(name), expected, "{name}");
        }
        assert_eq!(key_of("Ann Smith"), "ann smith");
        assert_eq!(key_of("\u{1f426}A"), "\u{1f426}a");
    }

    #[test]
    fn what_is_not_for_names_is_refused_with_the_reason() {
        for (name, reason) in [
            ("", NameError::Length),
            ("ann smith", NameError::Space),
            (" ann", NameError::Space),
            ("ann\u{3000}", NameError::Space),
            ("ann\u{a0}smith", NameError::Space),
            ("ann\n", NameError::Space),
            ("an\u{0}n", NameError::Invisible),
            ("an\u{9b}n", NameError::Invisible),
            ("an\u{ad}n", NameError::Invisible),
            ("an\u{200b}n", NameError::Invisible),
            ("an\u{202e}n", NameError::Invisible),
            ("an\u{feff}n", NameError::Invisible),
            ("an\u{200d}n", NameError::Context),
            ("\u{2665}", NameError::Symbol),
            ("\u{2160}", NameError::Symbol),
            ("\u{fb01}", NameError::Symbol),
            ("\u{1f914}", NameError::Unassigned),
            ("\u{5d0}a", NameError::Direction),
            ("a\u{5d0}", NameError::Direction),
        ] {
            assert_eq!(typed(name), Err(reason), "{name:?}");
        }
    }

    #[test]
    fn a_name_fits_as_it_is_typed_and_as_its_key() {
        assert!(typed(&"a".repeat(64)).is_ok());
        assert_eq!(typed(&"a".repeat(65)), Err(NameError::Length));
        // Two bytes each, and three as small letters.
        assert!(typed(&"\u{23a}".repeat(21)).is_ok());
        assert_eq!(typed(&"\u{23a}".repeat(22)), Err(NameError::Length));
        assert_eq!(key_of(&"\u{23a}".repeat(32)).len(), 96);
    }

    proptest! {
        #[test]
        fn a_name_has_one_key_however_it_is_written(text in "[aA\u{ff21}\u{e9}\u{c9}\u{301}\u{130}\u{307}i\u{23a}_0]{1,9}") {
            if let Ok(name) = NewName::typed(&text) {
                prop_assert_eq!(&*key_of(&text), &*name.key);
                prop_assert_eq!(&*key_of(&name.username), &*name.key);
                prop_assert!(is_key(&name.key));
                let again = NewName::typed(&name.username).unwrap();
                prop_assert_eq!(again, name);
            }
        }

        #[test]
        fn any_text_has_a_key_that_is_its_own(text in ".{0,40}") {
            let key = key_of(&text);
            prop_assert!(is_key(&key), "{:?}", key);
            if let Ok(name) = NewName::typed(&text) {
                prop_assert_eq!(&*name.key, &*key);
            }
        }
    }
}
