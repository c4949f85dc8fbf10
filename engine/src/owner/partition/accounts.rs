//! What is asked of usernames, and logins.

use bytes::Bytes;
use rookery_schema::record::Record;
use rookery_schema::row::UserRow;
use rookery_schema::{Timestamp, UserId};

use crate::context::Context;
use crate::edge::port::{Found, PasswordCheck, PasswordJob, PasswordOutcome, Read, StoreFault};
use crate::hashing::Kind;
use crate::limits::Network;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, NameCommand, Outcome};
use crate::owner::names::{By, LogIn, Name, NameWaiter, ParkedUser, Registration};
use crate::owner::partition::passwords::ended_until;
use crate::owner::partition::{Partition, PartitionRead, PasswordWait};
use crate::owner::progress::SpanId;

impl Partition {
    /// Does a command on a username.
    pub(crate) fn name_command(
        &mut self,
        asker: Asker,
        username: &str,
        command: NameCommand,
        cx: &mut Context<'_>,
    ) {
        match command {
            NameCommand::Register {
                password,
                network,
                right,
            } => {
                let by = By::Password {
                    password,
                    network,
                    right,
                };
                self.register(username, Registration { asker, by }, cx);
            }
            NameCommand::RegisterInvited { password_hash } => {
                let by = By::Invite(password_hash);
                self.register(username, Registration { asker, by }, cx);
            }
            NameCommand::LogIn { password, network } => {
                let kind = match self.logins.is_known(username, network) {
                    true => Kind::Known,
                    false => Kind::LogIn,
                };
                let log_in = LogIn {
                    asker,
                    password,
                    network,
                    kind,
                };
                self.log_in(username, log_in, cx);
            }
            NameCommand::SetPassword(user, new) => {
                self.set_password(asker, username, user, *new, cx);
            }
        }
    }

    /// Claims a name for a new user.
    fn register(&mut self, username: &str, registration: Registration, cx: &mut Context<'_>) {
        let problem = match registration.by.kind() {
            _ if self.names.is_known(username) => Some(Problem::USERNAME_TAKEN),
            None => None,
            // Before a password is hashed for it.
            Some(_) if cx.disk_full => Some(Problem::DISK_FULL),
            Some(kind) if self.names.is_crowded(username, kind) => Some(Problem::LOGINS_WAITING),
            Some(_) => None,
        };
        match problem {
            Some(problem) => cx.refuse(registration.asker, problem),
            None => self.wait_for_name(username, NameWaiter::Register(registration), cx),
        }
    }

    /// Checks a password.
    fn log_in(&mut self, username: &str, log_in: LogIn, cx: &mut Context<'_>) {
        if let Some(problem) = self.lockout(username, log_in.network, cx) {
            let user_id = self.logins.user_id(username, log_in.network);
            let outcome = Outcome::NotLoggedIn { user_id, problem };
            return cx.answer(log_in.asker, outcome);
        }
        match self.names.get(username) {
            Some(Name::Applied(user)) => {
                let user = user.clone();
                self.begin_log_in(username, Some(&user), log_in, cx);
            }
            Some(Name::Claimed(_)) => self.begin_log_in(username, None, log_in, cx),
            Some(Name::Loading(_)) if self.names.is_crowded(username, log_in.kind) => {
                cx.refuse(log_in.asker, Problem::LOGINS_WAITING);
            }
            Some(Name::Loading(_)) | None => {
                self.wait_for_name(username, NameWaiter::LogIn(log_in), cx);
            }
        }
    }

    pub(super) fn wait_for_name(
        &mut self,
        username: &str,
        waiter: NameWaiter,
        cx: &mut Context<'_>,
    ) {
        if self.names.wait(username, waiter) {
            self.read_name(username.into(), cx);
        }
    }

    /// Asks the store for a name.
    pub(super) fn read_name(&mut self, username: Box<str>, cx: &mut Context<'_>) {
        let read = Read::UserNamed(username.to_string());
        self.read(PartitionRead::Name(username), read, cx);
    }

    /// A name was read from the store.
    pub(super) fn name_read(
        &mut self,
        username: &str,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(waiters) = self.names.end_loading(username) else {
            return cx.bug("a name was read that nobody asked for");
        };
        let found = match outcome {
            Ok(Found::Users(users)) => users.into_iter().next(),
            Ok(
                Found::Chat(_)
                | Found::Messages(_)
                | Found::Events(_)
                | Found::Membership(_)
                | Found::Chats(_)
                | Found::Marks(_)
                | Found::EndedSessions(_),
            ) => {
                cx.bug("the store answered something else than users");
                return self.name_not_read(username, waiters, cx);
            }
            Err(StoreFault) => return self.name_not_read(username, waiters, cx),
        };
        for waiter in waiters {
            match waiter {
                NameWaiter::Register(registration) => {
                    if found.is_some() || self.names.is_known(username) {
                        cx.refuse(registration.asker, Problem::USERNAME_TAKEN);
                    } else {
                        self.begin_registration(username, registration, cx);
                    }
                }
                NameWaiter::LogIn(log_in) => {
                    self.begin_log_in(username, found.as_ref(), log_in, cx);
                }
                NameWaiter::Record(record) => {
                    if let (Some(row), false) = (&found, self.names.is_known(username)) {
                        self.names.found(username, row.clone());
                    }
                    self.apply_parked_user(&record, cx);
                }
            }
        }
    }

    /// Refuses what can be refused; records, and whoever has spent an invite, wait until the name can be read.
    fn name_not_read(&mut self, username: &str, waiters: Vec<NameWaiter>, cx: &mut Context<'_>) {
        let mut kept = Vec::new();
        for waiter in waiters {
            match waiter {
                NameWaiter::Register(Registration {
                    asker,
                    by: By::Password { .. },
                })
                | NameWaiter::LogIn(LogIn { asker, .. }) => {
                    cx.refuse(asker, Problem::STORE_UNAVAILABLE);
                }
                NameWaiter::Register(Registration {
                    by: By::Invite(_), ..
                })
                | NameWaiter::Record(_) => kept.push(waiter),
            }
        }
        if !kept.is_empty() {
            self.names.load_later(username, kept, cx.now.micros);
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
            network,
            kind,
        } = log_in;
        let user_id = user.map(|user| user.user_id);
        let Some(password) = password else {
            return match user_id {
                Some(user_id) => {
                    let outcome = Outcome::LoggedIn {
                        user_id,
                        username: username.into(),
                        ended_until: Timestamp::default(),
                    };
                    cx.answer(asker, outcome);
                }
                None => {
                    let problem = Problem::WRONG_LOGIN;
                    cx.answer(asker, Outcome::NotLoggedIn { user_id, problem });
                }
            };
        };
        let against = match user.and_then(|user| user.password_hash.clone()) {
            Some(hash) => PasswordCheck::Verify(hash),
            None => PasswordCheck::VerifyNobody,
        };
        let wait = PasswordWait::LogIn {
            asker,
            username: username.into(),
            user_id,
            ended_until: user.map(ended_until).unwrap_or_default(),
            network,
        };
        let job = self.password_job(wait, &password, against);
        cx.hash(job, kind, network);
    }

    pub(super) fn password_job(
        &mut self,
        wait: PasswordWait,
        password: &str,
        against: PasswordCheck,
    ) -> PasswordJob {
        let number = self.passwords.add(wait);
        PasswordJob {
            token: self.token(number),
            password: password.to_owned(),
            against,
        }
    }

    /// The hashers are done with a password.
    pub(crate) fn password_done(
        &mut self,
        number: u64,
        outcome: PasswordOutcome,
        cx: &mut Context<'_>,
    ) {
        let Some(wait) = self.passwords.take(number) else {
            return self.stale_or_bug(number, "a password that nobody asked about", cx);
        };
        match (wait, outcome) {
            (
                PasswordWait::Register {
                    asker,
                    username,
                    claim,
                },
                outcome,
            ) => self.registration_hashed(asker, &username, claim, outcome, cx),
            (
                PasswordWait::LogIn {
                    asker,
                    username,
                    user_id,
                    ended_until,
                    network,
                },
                PasswordOutcome::Verified(is_right),
            ) => {
                let right = user_id
                    .filter(|_| is_right)
                    .map(|user_id| Outcome::LoggedIn {
                        user_id,
                        username: username.clone(),
                        ended_until,
                    });
                let outcome = self.judge(username, user_id, right, network, cx);
                cx.answer(asker, outcome);
            }
            (
                PasswordWait::Set {
                    asker,
                    username,
                    user,
                },
                outcome,
            ) => self.password_hashed(asker, &username, user, outcome, cx),
            (PasswordWait::LogIn { asker, .. }, PasswordOutcome::Busy) => {
                cx.refuse(asker, Problem::LOGINS_WAITING);
            }
            (
                PasswordWait::LogIn { asker, .. },
                PasswordOutcome::Hashed(_) | PasswordOutcome::Common,
            ) => {
                cx.bug("a password was to be compared, and one was hashed");
                cx.refuse(asker, Problem::NOT_ANSWERED);
            }
        }
    }

    /// Why an account may not be tried from a network now.
    fn lockout(&self, username: &str, network: Network, cx: &Context<'_>) -> Option<Problem> {
        let allowed = cx.config.login_rate as usize;
        self.logins
            .lockout(username, network, allowed, cx.now.micros)
    }

    /// The outcome of a login whose password was compared; without a user it was wrong. Others may have
    /// failed meanwhile: past the limit nobody is told whether they were right, so that guessing many at once
    /// gains nothing.
    fn judge(
        &mut self,
        username: Box<str>,
        user_id: Option<UserId>,
        right: Option<Outcome>,
        network: Network,
        cx: &Context<'_>,
    ) -> Outcome {
        if let Some(problem) = self.lockout(&username, network, cx) {
            return Outcome::NotLoggedIn { user_id, problem };
        }
        match right {
            Some(outcome) => {
                self.logins.succeeded(username, network);
                outcome
            }
            None => {
                let allowed = cx.config.login_rate as usize;
                let now_micros = cx.now.micros;
                self.logins
                    .failed(username, user_id, network, allowed, now_micros);
                let problem = Problem::WRONG_LOGIN;
                Outcome::NotLoggedIn { user_id, problem }
            }
        }
    }

    /// Puts a record behind the reading of its name.
    pub(super) fn park_record(
        &mut self,
        username: &str,
        span: SpanId,
        bytes: &Bytes,
        cx: &mut Context<'_>,
    ) {
        self.progress.hold(span, cx);
        let parked = ParkedUser {
            span,
            bytes: bytes.clone(),
        };
        self.wait_for_name(username, NameWaiter::Record(parked), cx);
    }

    /// Applies a record whose name was read.
    pub(super) fn apply_parked_user(&mut self, parked: &ParkedUser, cx: &mut Context<'_>) {
        let mut rows = Vec::new();
        match Record::decode(&parked.bytes) {
            Ok(Record::UserRegistered(user)) => {
                self.apply_known_user(&user, parked.span, &mut rows, cx);
            }
            Ok(Record::PasswordSet(set)) => {
                self.apply_known_password(&set, parked.span, &mut rows, cx);
            }
            Ok(
                Record::MessagePosted(_)
                | Record::MessageAmended(_)
                | Record::ChatCreated(_)
                | Record::MemberAdded(_)
                | Record::MemberRemoved(_)
                | Record::SessionEnded(_),
            )
            | Err(_) => cx.bug("a record about a user that was understood is understood no more"),
        }
        self.write_and_release(parked.span, rows, cx);
    }
}
