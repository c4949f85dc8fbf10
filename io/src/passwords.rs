//! The password hashers: a few threads that do nothing else, because a hash that is cheap to check
//! would be cheap to guess.
//!
//! Argon2id with 19 MiB, two passes and one lane, the second of the equivalent settings recommended by
//! OWASP's Password Storage Cheat Sheet.

use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use passwords::analyzer::is_common_password;
use rookery_engine::hashing::HASHED_AT_ONCE;
use rookery_engine::port::{PasswordCheck, PasswordJob, PasswordOutcome, Token};

use crate::lane::{self, Lane};
use crate::mailbox::{Mailbox, Receiver, Sender};
use crate::vital::Shutdown;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes of that memory; more would only help who has more cores to guess with.
const PARALLELISM: u32 = 1;
/// What the password of a user who doesn't exist is compared with: 32 zero bytes under the settings
/// above, which no password is known to give.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU\
                      $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Threads at most, each with the 19 MiB of one hash.
const HASHERS_MAX: usize = 16;
/// Jobs of one shard that its hasher has: as many as the shard hands over at once.
const JOBS_MAX: usize = HASHED_AT_ONCE;
/// How long a hasher without jobs sleeps at a stretch; it is woken when one comes.
const IDLE_SLEEP: Duration = Duration::from_secs(3600);

/// An outcome, with the token of its job.
pub type Answer = (Token, PasswordOutcome);

/// One shard's way to its hasher.
pub struct PasswordPort {
    pub jobs: Sender<PasswordJob>,
    pub answers: Receiver<Answer>,
}

/// Starts up to so many hashers, one for each CPU, and connects each of these shards to one of them.
///
/// # Errors
/// Where no thread can be made.
pub fn start(
    threads: usize,
    shards: &[Mailbox],
    shutdown: &Shutdown,
) -> io::Result<(Vec<Lane>, Vec<PasswordPort>)> {
    let params = Params::new(MEMORY_KIB, PASSES, PARALLELISM, None).unwrap_or_default();
    start_with(&params, threads, shards, shutdown)
}

fn start_with(
    params: &Params,
    threads: usize,
    shards: &[Mailbox],
    shutdown: &Shutdown,
) -> io::Result<(Vec<Lane>, Vec<PasswordPort>)> {
    // One that served no shard would have nothing to wait for.
    let threads = threads.min(HASHERS_MAX).min(shards.len()).max(1);
    let mut hashers: Vec<_> = (0..threads).map(|_| Hasher::new(params)).collect();
    let ports = shards
        .iter()
        .enumerate()
        .map(|(shard, mailbox)| hashers[shard % threads].connect(mailbox))
        .collect();
    let lanes = hashers
        .into_iter()
        .enumerate()
        .map(|(index, hasher)| {
            lane::spawn(&format!("password-{index}"), None, shutdown, move || {
                hasher.run();
                Ok::<(), Infallible>(())
            })
        })
        .collect::<io::Result<_>>()
        // Those that were started lose their rings now.
        .inspect_err(|_| shutdown.begin())?;
    Ok((lanes, ports))
}

struct Hasher {
    mailbox: Mailbox,
    shards: Vec<(Receiver<PasswordJob>, Sender<Answer>)>,
    argon2: Argon2<'static>,
}

impl Hasher {
    fn new(params: &Params) -> Self {
        Self {
            mailbox: Mailbox::new(),
            shards: Vec::new(),
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()),
        }
    }

    fn connect(&mut self, shard: &Mailbox) -> PasswordPort {
        let (jobs, incoming) = self.mailbox.channel(JOBS_MAX);
        let (outgoing, answers) = shard.channel(JOBS_MAX);
        self.shards.push((incoming, outgoing));
        PasswordPort { jobs, answers }
    }

    /// Serves the shards in turn, so that a flood of logins on one does not starve the others.
    fn run(mut self) {
        loop {
            let closed = self.shards.iter().all(|(jobs, _)| jobs.is_closed());
            let mut served = false;
            for (jobs, answers) in &mut self.shards {
                let Some(job) = jobs.pop() else { continue };
                served = true;
                let token = job.token;
                let outcome = perform(&self.argon2, job);
                // A shard that is gone needs no answer.
                let _ = answers.send((token, outcome));
            }
            if !served {
                if closed {
                    return;
                }
                self.mailbox.wait(IDLE_SLEEP);
            }
        }
    }
}

/// Does a job. A panic or an error costs this one job, whose caller may try again.
fn perform(argon2: &Argon2<'_>, job: PasswordJob) -> PasswordOutcome {
    let password = Secret(job.password.into_bytes());
    let verify = |against: &str| argon2.verify_password(&password.0, against).is_ok();
    let work = || match &job.against {
        PasswordCheck::Hash if is_common(&password.0) => Some(PasswordOutcome::Common),
        PasswordCheck::Hash => hash(argon2, &password.0).map(PasswordOutcome::Hashed),
        PasswordCheck::Verify(against) => Some(PasswordOutcome::Verified(verify(against))),
        PasswordCheck::VerifyNobody => {
            // Whatever comes of it, nobody has logged in.
            black_box(verify(NOBODY));
            Some(PasswordOutcome::Verified(false))
        }
    };
    catch_unwind(AssertUnwindSafe(work))
        .ok()
        .flatten()
        .unwrap_or(PasswordOutcome::Busy)
}

/// Whether a password is among those that are guessed first, whatever its case.
fn is_common(password: &[u8]) -> bool {
    let Ok(password) = str::from_utf8(password) else {
        return false;
    };
    let lowercase = Secret(password.to_lowercase().into_bytes());
    is_common_password(password) || str::from_utf8(&lowercase.0).is_ok_and(is_common_password)
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Option<String> {
    argon2
        .hash_password(password)
        .inspect_err(|error| tracing::error!(%error, "a password could not be hashed"))
        .ok()
        .map(|hash| hash.to_string())
}

/// Bytes that are overwritten before their memory is given back.
struct Secret(Vec<u8>);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Without a reader, the compiler may take the writing for useless.
        black_box(&self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use rookery_engine::port::Part;
    use std::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn job(number: u64, password: &str, against: PasswordCheck) -> PasswordJob {
        PasswordJob {
            token: Token {
                part: Part::Owner,
                number,
            },
            password: password.to_owned(),
            against,
        }
    }

    struct Fixture {
        mailboxes: Vec<Mailbox>,
        ports: Vec<PasswordPort>,
        lanes: Vec<Lane>,
        shutdown: Shutdown,
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            self.shutdown.begin();
        }
    }

    impl Fixture {
        fn new() -> Self {
            let (mailboxes, shutdown) = (vec![Mailbox::new()], Shutdown::default());
            let (lanes, ports) = start(1, &mailboxes, &shutdown).unwrap();
            Self::of(mailboxes, lanes, ports, shutdown)
        }

        /// Hashers that are quick enough to have many of their answers awaited.
        fn cheap() -> Self {
            let (mailboxes, shutdown) = (vec![Mailbox::new()], Shutdown::default());
            let params = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
            let (lanes, ports) = start_with(&params, 1, &mailboxes, &shutdown).unwrap();
            Self::of(mailboxes, lanes, ports, shutdown)
        }

        fn of(
            mailboxes: Vec<Mailbox>,
            lanes: Vec<Lane>,
            ports: Vec<PasswordPort>,
            shutdown: Shutdown,
        ) -> Self {
            Self {
                mailboxes,
                ports,
                lanes,
                shutdown,
            }
        }

        fn answer(&mut self) -> Answer {
            loop {
                if let Some(answer) = self.ports[0].answers.pop() {
                    return answer;
                }
                assert!(self.mailboxes[0].wait(PATIENCE));
            }
        }

        fn ask(&mut self, job: PasswordJob) -> PasswordOutcome {
            let token = job.token;
            self.ports[0].jobs.try_send(job).unwrap();
            let (answered, outcome) = self.answer();
            assert_eq!(answered, token);
            outcome
        }
    }

    #[test]
    fn a_password_verifies_against_its_own_hash_only() {
        let mut hashers = Fixture::new();
        let PasswordOutcome::Hashed(hash) =
            hashers.ask(job(1, "correct horse", PasswordCheck::Hash))
        else {
            panic!("not hashed");
        };
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(hash.len() <= rookery_schema::limits::PASSWORD_HASH_BYTES_MAX);
        let mut verify = |password, hash: &str| {
            let outcome = hashers.ask(job(2, password, PasswordCheck::Verify(hash.to_owned())));
            matches!(outcome, PasswordOutcome::Verified(true))
        };
        assert!(verify("correct horse", &hash));
        assert!(!verify("wrong", &hash));
        assert!(!verify("correct horse", "no PHC string"));
    }

    #[test]
    fn a_common_password_is_not_hashed_but_compared() {
        let mut hashers = Fixture::cheap();
        for common in ["password1", "PassWord1"] {
            let outcome = hashers.ask(job(1, common, PasswordCheck::Hash));
            assert!(matches!(outcome, PasswordOutcome::Common), "{common}");
            let compared = hashers.ask(job(2, common, PasswordCheck::VerifyNobody));
            assert!(matches!(compared, PasswordOutcome::Verified(false)));
        }
    }

    #[test]
    fn a_stranger_costs_as_much_as_a_wrong_password() {
        let mut hashers = Fixture::new();
        let PasswordOutcome::Hashed(hash) =
            hashers.ask(job(1, "correct horse", PasswordCheck::Hash))
        else {
            panic!("not hashed");
        };
        let mut fastest = |check: &dyn Fn() -> PasswordCheck| {
            let time = |_| {
                let begin = Instant::now();
                let outcome = hashers.ask(job(2, "y", check()));
                assert!(matches!(outcome, PasswordOutcome::Verified(false)));
                begin.elapsed()
            };
            (0..3).map(time).min().unwrap()
        };
        let wrong = fastest(&|| PasswordCheck::Verify(hash.clone()));
        let nobody = fastest(&|| PasswordCheck::VerifyNobody);
        assert_eq!(
            hash.split('$').nth(3),
            NOBODY.split('$').nth(3),
            "the same settings"
        );
        // However busy the machine is, an answer without the work would come a thousand times sooner.
        assert!(nobody > wrong / 10, "{nobody:?} against {wrong:?}");
    }

    #[test]
    fn jobs_beyond_the_bound_come_back_and_the_others_are_done_before_the_end() {
        let mut hashers = Fixture::cheap();
        let nobody = |token| job(token, "p", PasswordCheck::VerifyNobody);
        let accepted = (0..1_000_000)
            .find(|&token| hashers.ports[0].jobs.try_send(nobody(token)).is_err())
            .unwrap();
        assert!(accepted >= JOBS_MAX as u64);
        hashers.shutdown.begin();
        hashers.ports[0].jobs = Mailbox::new().channel(1).0;
        for token in 0..accepted {
            assert_eq!(hashers.answer().0.number, token);
        }
        assert!(hashers.lanes.pop().unwrap().join(PATIENCE));
    }
}
