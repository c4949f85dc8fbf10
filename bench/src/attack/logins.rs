//! Work for whoever checks passwords.

use std::time::Duration;

use crate::attack::foothold::Foothold;
use crate::attack::requests::put_credentials;
use crate::attack::script::{Force, Habits};

const UNKNOWN_NAMES: usize = 160;
const WRONG_PASSWORDS: usize = 50;
const REGISTRATIONS: usize = 50;

/// One after the other, as fast as each is answered.
const HABITS: Habits = Habits {
    every: Duration::from_millis(100),
    reads: true,
    awaits: true,
    stays: Duration::from_secs(60),
    rests: Duration::from_millis(500),
};

/// Logins with names that nobody has.
pub(super) fn unknown_names(foothold: &Foothold) -> Force {
    let run = foothold.run.clone();
    let names = move |place, n| format!("{run}-nobody-{place}-{n}");
    flood("/login", UNKNOWN_NAMES, foothold.host(), names)
}

/// Logins of an honest user, none of which has the right password.
pub(super) fn wrong_passwords(foothold: &Foothold) -> Force {
    let victim = foothold.victim.clone();
    let names = move |_, _| victim.clone();
    flood("/login", WRONG_PASSWORDS, foothold.host(), names)
}

/// New accounts.
pub(super) fn registrations(foothold: &Foothold) -> Force {
    let run = foothold.run.clone();
    let names = move |place, n| format!("{run}-new-{place}-{n}");
    flood("/users", REGISTRATIONS, foothold.host(), names)
}

/// `names`: of each place, the n-th.
fn flood(
    path: &'static str,
    connections: usize,
    host: String,
    names: impl Fn(usize, u64) -> String + Clone + Send + 'static,
) -> Force {
    Force {
        connections,
        habits: HABITS,
        script: Box::new(move |place| {
            let (host, names) = (host.clone(), names.clone());
            let mut n = 0;
            Box::new(move |_, out: &mut Vec<u8>| {
                n += 1;
                let password = format!("the {n}th guess of {place}");
                put_credentials(path, &host, &names(place, n), &password, out);
            })
        }),
    }
}
