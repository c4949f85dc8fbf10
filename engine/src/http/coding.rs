//! Which content coding a client is sent (RFC 9110, 12.5.3).

use super::fields::list_members;
use super::request::Request;

/// The weight of what is preferred to all else, in thousandths.
const WEIGHT_MAX: u16 = 1000;
/// Digits behind the point of a weight.
const WEIGHT_DECIMALS_MAX: usize = 3;
/// What gzip was called at first (RFC 9110, 8.4.1.3).
const GZIP_ALIAS: &str = "x-gzip";

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all.
    Identity,
    Gzip,
    Brotli,
}

/// What a client takes: how much it wants each coding, in thousandths; 0: not at all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AcceptEncoding {
    brotli: u16,
    gzip: u16,
    identity: u16,
}

/// The same, of which some is not said yet.
#[derive(Default)]
struct Said {
    brotli: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    any_other: Option<u16>,
}

impl Coding {
    /// The value of `Content-Encoding`; `None` where there is no such field.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

impl AcceptEncoding {
    /// What a request says. One that says nothing would take any, but may come from a program that decodes none.
    pub(crate) fn of(request: &Request) -> Self {
        Self::from_values(request.headers("accept-encoding"))
    }

    fn from_values<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut said = Said::default();
        for member in values.flat_map(list_members) {
            said.take(member);
        }
        let or_other = |weight: Option<u16>| weight.or(said.any_other).unwrap_or(0);
        Self {
            brotli: or_other(said.brotli),
            gzip: or_other(said.gzip),
            identity: or_other(said.identity),
        }
    }

    /// The coding that the client wants most of those that there are, and the smallest of several. None at all where it
    /// takes nothing that there is: to send it as it is serves who asks better than a refusal would.
    pub(crate) fn choose(&self, has: impl Fn(Coding) -> bool) -> Coding {
        let mut chosen = (Coding::Identity, self.identity);
        for (coding, weight) in [(Coding::Gzip, self.gzip), (Coding::Brotli, self.brotli)] {
            if weight > 0 && weight >= chosen.1 && has(coding) {
                chosen = (coding, weight);
            }
        }
        chosen.0
    }
}

impl Said {
    /// Takes a coding with its weight. What is malformed is passed over.
    fn take(&mut self, member: &[u8]) {
        let mut parts = member.splitn(2, |byte| *byte == b';');
        let name = parts.next().unwrap_or_default().trim_ascii();
        let Some(weight) = parts.next().map_or(Some(WEIGHT_MAX), parameter_weight) else {
            return;
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let said = if is("br") {
            &mut self.brotli
        } else if is("gzip") || is(GZIP_ALIAS) {
            &mut self.gzip
        } else if is("identity") {
            &mut self.identity
        } else if is("*") {
            &mut self.any_other
        } else {
            return;
        };
        *said = Some(weight);
    }
}

/// The weight in what follows a coding's semicolon: at most 1, with at most three digits behind the point.
fn parameter_weight(parameter: &[u8]) -> Option<u16> {
    let (name, value) = parameter.trim_ascii().split_at_checked(2)?;
    if !name.eq_ignore_ascii_case(b"q=") {
        return None;
    }
    let (whole, decimals) = match value {
        [whole] | [whole, b'.'] => (*whole, [].as_slice()),
        [whole, b'.', decimals @ ..] if decimals.len() <= WEIGHT_DECIMALS_MAX => (*whole, decimals),
        _ => return None,
    };
    let whole = whole.checked_sub(b'0').filter(|digit| *digit <= 1)?;
    let mut weight = u16::from(whole) * WEIGHT_MAX;
    let mut place = WEIGHT_MAX;
    for digit in decimals {
        place /= 10;
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        weight += u16::from(digit) * place;
    }
    (weight <= WEIGHT_MAX).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Coding::{Brotli, Gzip, Identity};

    fn chosen(values: &[&str], there_are: &[Coding]) -> Coding {
        let values = values.iter().map(|value| value.as_bytes());
        AcceptEncoding::from_values(values).choose(|coding| there_are.contains(&coding))
    }

    #[test]
    fn a_client_is_sent_the_coding_that_it_wants_most() {
        for (value, expected) in [
            ("br", Brotli),
            ("gzip", Gzip),
            ("x-gzip", Gzip),
            ("GZip", Gzip),
            ("gzip, deflate", Gzip),
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip;q=1.0, br;q=1.0", Brotli),
            ("gzip;q=0.9,br;q=0.8", Gzip),
            ("gzip ; q=0.123 , br ;Q=0.122", Gzip),
            ("br;q=0.001", Brotli),
            ("identity", Identity),
            ("identity, gzip", Gzip),
            ("identity;q=0.5, gzip;q=0.4", Identity),
            ("identity;q=0.4, gzip;q=0.5", Gzip),
            ("deflate, zstd", Identity),
            ("*", Brotli),
            ("*;q=0.5, gzip", Gzip),
            ("br;q=0, *", Gzip),
            ("br;q=0, gzip;q=0.000, *", Identity),
            ("*;q=0.5, identity", Identity),
            ("*;q=0, gzip;q=0.2", Gzip),
            ("", Identity),
            (" , ,", Identity),
        ] {
            assert_eq!(chosen(&[value], &[Gzip, Brotli]), expected, "{value}");
        }
    }

    #[test]
    fn who_says_nothing_is_sent_no_coding() {
        assert_eq!(chosen(&[], &[Gzip, Brotli]), Identity);
    }

    #[test]
    fn several_fields_are_one_list() {
        assert_eq!(chosen(&["gzip", "br;q=0.5"], &[Gzip, Brotli]), Gzip);
        assert_eq!(chosen(&["br;q=0", "*"], &[Gzip, Brotli]), Gzip);
    }

    #[test]
    fn what_there_is_not_is_not_chosen() {
        assert_eq!(chosen(&["br, gzip;q=0.1"], &[Gzip]), Gzip);
        assert_eq!(chosen(&["br, gzip"], &[]), Identity);
        assert_eq!(
            chosen(&["br, gzip;q=0.1, identity;q=0.2"], &[Gzip]),
            Identity
        );
    }

    #[test]
    fn who_takes_nothing_that_there_is_gets_it_as_it_is() {
        for value in [
            "identity;q=0",
            "*;q=0",
            "zstd, *;q=0",
            "br;q=0, identity;q=0",
        ] {
            assert_eq!(chosen(&[value], &[]), Identity, "{value}");
        }
    }

    #[test]
    fn what_is_malformed_is_passed_over() {
        for weight in [
            "",
            "q",
            "q=",
            "q=a",
            "q=2",
            "q=1.001",
            "q=0.1234",
            "q=-0",
            "q=.5",
            "q=0,5",
            "q=0.5;x=1",
            "p=1",
            "q = 1",
            "q=0.5x",
            "q=10",
        ] {
            let value = format!("br;{weight}, gzip");
            assert_eq!(chosen(&[&value], &[Gzip, Brotli]), Gzip, "{value}");
        }
        assert_eq!(chosen(&["br;q=1., gzip;q=0.9"], &[Gzip, Brotli]), Brotli);
    }
}
