//! Usernames and logins, on the owner of the username's partition: the one place where a name can be
//! claimed, so that uniqueness needs no lock in the store.

use std::net::IpAddr;

use rookery_schema::UserId;
use rookery_schema::event::put_json_text;
use rookery_schema::record::{Record, UserRegistered};
use rookery_schema::row::{Row, UserRow};

use crate::context::{Context, Map, Reader};
use crate::mesh::{Asker, Outcome};
use crate::owner::Owner;
use crate::owner::apply::ParkedUser;
use crate::owner::failures::LoginFailures;
use crate::owner::partition::ChangeKey;
use crate::owner::retries::Retries;
use crate::port::{Found, PasswordCheck, PasswordJob, PasswordOutcome, Read, StoreFault};
use crate::problem::Problem;

/// Requests that may wait for one name to be read from the store.
const NAME_WAITERS_MAX: usize = 64;

/// What is in progress around usernames. Settled names are in the store and not here.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    names: Map<Box<str>, Name>,
    /// Names that could not be read.
    unread: Retries<Box<str>>,
    claims: Map<UserId, Box<str>>,
    jobs: Map<u64, Job>,
    last_job: u64,
    failures: LoginFailures,
}

/// A name that is being worked on.
#[derive(Debug)]
enum Name {
    /// It is being read from the store, or will be again after a pause.
    Loading(Vec<NameWaiter>),
    /// Somebody's registration is on its way through the log.
    Claimed(UserId),
    /// It was applied and is on its way into the store.
    Applied(Box<UserRow>),
}

#[derive(Debug)]
enum NameWaiter {
    Register {
        asker: Asker,
        password: Option<Box<str>>,
    },
    LogIn(LogIn),
    Record(ParkedUser),
}

#[derive(Debug)]
struct LogIn {
    asker: Asker,
    /// Absent in trust mode.
    password: Option<Box<str>>,
    address: IpAddr,
}

/// A password that the hashers work on.
#[derive(Debug)]
enum Job {
    Register {
        asker: Asker,
        username: Box<str>,
        user_id: UserId,
    },
    LogIn {
        asker: Asker,
        username: Box<str>,
        user_id: Option<UserId>,
        address: IpAddr,
    },
}

impl Accounts {
    fn submit(&mut self, job: Job, password: &str, against: PasswordCheck, cx: &mut Context<'_>) {
        self.last_job += 1;
        let token = self.last_job;
        self.jobs.insert(token, job);
        cx.effects.passwords.push(PasswordJob {
            token,
            password: password.to_owned(),
            against,
        });
    }

    fn claim(&mut self, username: &str, user_id: UserId) {
        self.names.insert(username.into(), Name::Claimed(user_id));
        self.claims.insert(user_id, username.into());
    }

    /// Gives a name back that was claimed in vain.
    pub(super) fn release(&mut self, user_id: UserId) {
        let Some(username) = self.claims.remove(&user_id) else {
            return;
        };
        if matches!(self.names.get(&username), Some(Name::Claimed(by)) if *by == user_id) {
            self.names.remove(&username);
        }
    }

    /// Whether a record about this name can be applied without reading the store.
    pub(super) fn is_known(&self, username: &str) -> bool {
        matches!(
            self.names.get(username),
            Some(Name::Claimed(_) | Name::Applied(_))
        )
    }

    /// Waits with a record until the store has been asked for its name.
    pub(super) fn park(&mut self, username: &str, record: ParkedUser, cx: &mut Context<'_>) {
        self.wait(username, NameWaiter::Record(record), cx);
    }

    fn wait(&mut self, username: &str, waiter: NameWaiter, cx: &mut Context<'_>) {
        if let Some(Name::Loading(waiters)) = self.names.get_mut(username) {
            waiters.push(waiter);
            return;
        }
        self.names
            .insert(username.into(), Name::Loading(vec![waiter]));
        read_name(username.into(), cx);
    }

    fn is_crowded(&self, username: &str) -> bool {
        matches!(self.names.get(username), Some(Name::Loading(w)) if w.len() >= NAME_WAITERS_MAX)
    }

    /// Applies a registration: the first record of a name wins.
    pub(super) fn apply(
        &mut self,
        user: &UserRegistered<'_>,
        rows: &mut Vec<Row>,
    ) -> Result<Vec<u8>, Problem> {
        self.claims.remove(&user.user_id);
        if let Some(Name::Applied(row)) = self.names.get(user.username)
            && row.user_id != user.user_id
        {
            return Err(Problem::USERNAME_TAKEN);
        }
        let row = UserRow {
            user_id: user.user_id,
            username: user.username.to_owned(),
            password_hash: user.password_hash.map(str::to_owned),
            created_at: user.at,
            updated_at: user.at,
        };
        let body = user_json(&row);
        rows.push(Row::User(row.clone()));
        self.names
            .insert(user.username.into(), Name::Applied(Box::new(row)));
        Ok(body)
    }

    /// A name is in the store, and need not be remembered here.
    pub(super) fn stored(&mut self, username: &str) {
        if matches!(self.names.get(username), Some(Name::Applied(_))) {
            self.names.remove(username);
        }
    }

    fn begin_log_in(
        &mut self,
        username: &str,
        user: Option<&UserRow>,
        log_in: LogIn,
        cx: &mut Context<'_>,
    ) {
        let LogIn {
            asker,
            password,
            address,
        } = log_in;
        let user_id = user.map(|user| user.user_id);
        let Some(password) = password else {
            let outcome = user_id.map_or(Outcome::Refused(Problem::WRONG_LOGIN), |user_id| {
                Outcome::LoggedIn {
                    user_id,
                    username: username.into(),
                }
            });
            return cx.answer(asker, outcome);
        };
        let against = match user.and_then(|user| user.password_hash.clone()) {
            Some(hash) => PasswordCheck::Verify(hash),
            None => PasswordCheck::VerifyNobody,
        };
        let job = Job::LogIn {
            asker,
            username: username.into(),
            user_id,
            address,
        };
        self.submit(job, &password, against, cx);
    }

    /// Why an account may not be tried from an address now.
    fn lockout(&self, username: &str, address: IpAddr, cx: &Context<'_>) -> Option<Problem> {
        let allowed = cx.config.login_rate as usize;
        self.failures
            .locked_for(username, address, allowed, cx.now.micros)
            .map(|seconds| Problem::too_many("too many failed logins", seconds))
    }

    /// The outcome of a login whose password was compared; without a user it was wrong. Others may have
    /// failed meanwhile: past the limit none is told whether he was right, so that to guess many at once
    /// gains nothing.
    fn judge(
        &mut self,
        username: Box<str>,
        user_id: Option<UserId>,
        address: IpAddr,
        cx: &Context<'_>,
    ) -> Outcome {
        if let Some(problem) = self.lockout(&username, address, cx) {
            return Outcome::Refused(problem);
        }
        match user_id {
            Some(user_id) => Outcome::LoggedIn { user_id, username },
            None => {
                self.failures.add(username, address, cx.now.micros);
                Outcome::Refused(Problem::WRONG_LOGIN)
            }
        }
    }

    pub(super) fn tick(&mut self, cx: &mut Context<'_>) {
        self.failures.expire(cx.now.micros);
        while let Some(username) = self.unread.next(cx.now.micros) {
            read_name(username, cx);
        }
    }
}

fn read_name(username: Box<str>, cx: &mut Context<'_>) {
    cx.read(
        Read::UserNamed(username.to_string()),
        Reader::Account(username),
    );
}

impl Owner {
    /// Claims a name for a new user.
    pub(super) fn register(
        &mut self,
        asker: Asker,
        username: &str,
        password: Option<Box<str>>,
        cx: &mut Context<'_>,
    ) {
        if self.accounts.is_known(username) {
            cx.answer(asker, Outcome::Refused(Problem::USERNAME_TAKEN));
        } else if self.accounts.is_crowded(username) {
            cx.answer(asker, Outcome::Refused(Problem::LOGIN_BUSY));
        } else {
            self.accounts
                .wait(username, NameWaiter::Register { asker, password }, cx);
        }
    }

    /// Checks a password.
    pub(super) fn log_in(
        &mut self,
        asker: Asker,
        username: &str,
        password: Option<Box<str>>,
        address: IpAddr,
        cx: &mut Context<'_>,
    ) {
        if let Some(problem) = self.accounts.lockout(username, address, cx) {
            return cx.answer(asker, Outcome::Refused(problem));
        }
        let log_in = LogIn {
            asker,
            password,
            address,
        };
        if let Some(Name::Applied(user)) = self.accounts.names.get(username) {
            let user = user.clone();
            self.accounts
                .begin_log_in(username, Some(&user), log_in, cx);
        } else if matches!(self.accounts.names.get(username), Some(Name::Claimed(_))) {
            self.accounts.begin_log_in(username, None, log_in, cx);
        } else if self.accounts.is_crowded(username) {
            cx.answer(asker, Outcome::Refused(Problem::LOGIN_BUSY));
        } else {
            self.accounts.wait(username, NameWaiter::LogIn(log_in), cx);
        }
    }

    /// A name was read from the store.
    pub(crate) fn account_read(
        &mut self,
        username: &str,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(Name::Loading(waiters)) = self.accounts.names.remove(username) else {
            return;
        };
        let found = match outcome {
            Ok(Found::Users(users)) => users.into_iter().next(),
            Ok(_) | Err(StoreFault) => return self.account_not_read(username, waiters, cx),
        };
        for waiter in waiters {
            match waiter {
                NameWaiter::Register { asker, password } => {
                    if found.is_some() || self.accounts.is_known(username) {
                        cx.answer(asker, Outcome::Refused(Problem::USERNAME_TAKEN));
                    } else {
                        self.begin_registration(asker, username, password, cx);
                    }
                }
                NameWaiter::LogIn(log_in) => {
                    self.accounts
                        .begin_log_in(username, found.as_ref(), log_in, cx);
                }
                NameWaiter::Record(record) => {
                    if let (Some(row), false) = (&found, self.accounts.is_known(username)) {
                        let applied = Name::Applied(Box::new(row.clone()));
                        self.accounts.names.insert(username.into(), applied);
                    }
                    self.apply_parked_user(record, cx);
                }
            }
        }
    }

    /// Refuses what can be refused; records wait until the name can be read.
    fn account_not_read(&mut self, username: &str, waiters: Vec<NameWaiter>, cx: &mut Context<'_>) {
        let mut kept = Vec::new();
        for waiter in waiters {
            match waiter {
                NameWaiter::Register { asker, .. } | NameWaiter::LogIn(LogIn { asker, .. }) => {
                    cx.answer(asker, Outcome::Refused(Problem::STORE_UNAVAILABLE));
                }
                NameWaiter::Record(_) => kept.push(waiter),
            }
        }
        if !kept.is_empty() {
            let accounts = &mut self.accounts;
            accounts.unread.add(username.into(), cx.now.micros);
            accounts.names.insert(username.into(), Name::Loading(kept));
        }
    }

    fn begin_registration(
        &mut self,
        asker: Asker,
        username: &str,
        password: Option<Box<str>>,
        cx: &mut Context<'_>,
    ) {
        let user_id = UserId::v7(cx.now.wall, &cx.random());
        self.accounts.claim(username, user_id);
        match password {
            Some(password) => {
                let job = Job::Register {
                    asker,
                    username: username.into(),
                    user_id,
                };
                self.accounts
                    .submit(job, &password, PasswordCheck::Hash, cx);
            }
            None => self.append_registration(asker, username, user_id, None, cx),
        }
    }

    fn append_registration(
        &mut self,
        asker: Asker,
        username: &str,
        user_id: UserId,
        password_hash: Option<&str>,
        cx: &mut Context<'_>,
    ) {
        let user = UserRegistered {
            user_id,
            at: cx.now.wall,
            username,
            password_hash,
        };
        self.append_change(
            asker,
            ChangeKey::User(user_id),
            &Record::UserRegistered(user),
            cx,
        );
    }

    /// The hashers are done with a password.
    pub(crate) fn password_done(
        &mut self,
        token: u64,
        outcome: PasswordOutcome,
        cx: &mut Context<'_>,
    ) {
        match self.accounts.jobs.remove(&token) {
            Some(Job::Register {
                asker,
                username,
                user_id,
            }) => match outcome {
                PasswordOutcome::Hashed(hash) => {
                    self.append_registration(asker, &username, user_id, Some(&hash), cx);
                }
                PasswordOutcome::Verified(_) | PasswordOutcome::Busy => {
                    self.accounts.release(user_id);
                    cx.answer(asker, Outcome::Refused(Problem::LOGIN_BUSY));
                }
            },
            Some(Job::LogIn {
                asker,
                username,
                user_id,
                address,
            }) => {
                let is_right = match outcome {
                    PasswordOutcome::Verified(is_right) => is_right,
                    PasswordOutcome::Hashed(_) | PasswordOutcome::Busy => {
                        return cx.answer(asker, Outcome::Refused(Problem::LOGIN_BUSY));
                    }
                };
                let user_id = user_id.filter(|_| is_right);
                let outcome = self.accounts.judge(username, user_id, address, cx);
                cx.answer(asker, outcome);
            }
            None => {}
        }
    }
}

/// A user as everybody sees him.
pub(crate) fn user_json(user: &UserRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(200);
    out.extend_from_slice(br#"{"user_id":""#);
    out.extend_from_slice(user.user_id.to_string().as_bytes());
    out.extend_from_slice(br#"","username":"#);
    put_json_text(&mut out, &user.username);
    out.extend_from_slice(br#","created_at":""#);
    out.extend_from_slice(&user.created_at.rfc3339());
    out.extend_from_slice(br#"","updated_at":""#);
    out.extend_from_slice(&user.updated_at.rfc3339());
    out.extend_from_slice(br#""}"#);
    out
}
