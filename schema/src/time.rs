//! Wall-clock time as it is recorded and shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC; shown as RFC 3339 with three decimals.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

/// The last millisecond of the year 9999, the end of what RFC 3339 can write.
const MILLIS_MAX: u64 = 253_402_300_799_999;

/// Bytes of `2026-01-02T03:04:05.678Z`.
pub const RFC3339_BYTES: usize = 24;

impl Timestamp {
    /// A time of so many milliseconds since the epoch, cut off at the end of the year 9999.
    pub const fn from_millis(millis: u64) -> Self {
        if millis > MILLIS_MAX {
            Self(MILLIS_MAX)
        } else {
            Self(millis)
        }
    }

    /// A time that was recorded or stored: `None` beyond the year 9999, which no version writes.
    pub const fn recorded(millis: u64) -> Option<Self> {
        if millis > MILLIS_MAX {
            None
        } else {
            Some(Self(millis))
        }
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This time as RFC 3339, written without going through a formatter because every event has one.
    pub fn rfc3339(self) -> [u8; RFC3339_BYTES] {
        let (year, month, day) = civil_from_days((self.0 / 86_400_000) as u32);
        let of_day = (self.0 % 86_400_000) as u32;
        let mut out = *b"0000-00-00T00:00:00.000Z";
        write_digits(&mut out[0..4], year);
        write_digits(&mut out[5..7], month);
        write_digits(&mut out[8..10], day);
        write_digits(&mut out[11..13], of_day / 3_600_000);
        write_digits(&mut out[14..16], of_day / 60_000 % 60);
        write_digits(&mut out[17..19], of_day / 1000 % 60);
        write_digits(&mut out[20..23], of_day % 1000);
        out
    }
}

impl Timestamp {
    /// The time that [`Self::rfc3339`] writes like this; `None` for any other text.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
        let days = days_from_civil(number(0..4)?, number(5..7)?, number(8..10)?)?;
        let minutes = (days * 24 + number(11..13)?) * 60 + number(14..16)?;
        let millis = (minutes * 60 + number(17..19)?) * 1000 + number(20..23)?;
        let at = Self::recorded(millis)?;
        (at.rfc3339() == text.as_bytes()).then_some(at)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.rfc3339()).unwrap_or_default())
    }
}

fn write_digits(out: &mut [u8], mut value: u32) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of a day count since 1970-01-01 in the proleptic Gregorian calendar
/// (the method of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms").
const fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as u32;
    (year, month, day)
}

/// The inverse, for years from 1970 on.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_calendar_library(millis in 0..=MILLIS_MAX) {
            let expected = jiff::Timestamp::from_millisecond(millis as i64).expect("in range");
            prop_assert_eq!(Timestamp::from_millis(millis).to_string(), format!("{expected:.3}"));
        }

        #[test]
        fn what_was_written_is_read_again(millis in 0..=MILLIS_MAX) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::from_rfc3339(&at.to_string()), Some(at));
        }

        #[test]
        fn no_other_text_is_a_time(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}.[0-9]{3}Z|.{0,30}") {
            let is_its_text = |at: Timestamp| at.to_string() == text;
            prop_assert!(Timestamp::from_rfc3339(&text).is_none_or(is_its_text));
        }
    }

    #[test]
    fn is_cut_off_at_the_year_9999() {
        assert_eq!(
            Timestamp::from_millis(u64::MAX).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
    }
}
