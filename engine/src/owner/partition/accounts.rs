//! What is asked of names, and logins.

use bytes::Bytes;
use rookery_schema::UserId;
use rookery_schema::names::{is_key, key_of};
use rookery_schema::record::Record;
use rookery_schema::row::UserRow;

use crate::context::Context;
use crate::edge::port::{Found, PasswordCheck, PasswordJob, PasswordOutcome, Read, StoreFault};
use crate::hashing::Kind;
use crate::limits::Network;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, Credentials, NameCommand, Outcome, UserVersion};
use crate::owner::names::{By, LogIn, Name, NameWaiter, ParkedUser, Registration, whom};
use crate::owner::partition::Partition;
use crate::owner::partition::passwords::{ended_until, password_from};
use crate::owner::partition::reads::PartitionRead;
use crate::owner::partition::waits::{Changing, LoggingIn, PasswordWait, SecondTry};
use crate::owner::progress::SpanId;
use crate::passwords::compared;

impl Partition {
    /// Does a command on a name.
    pub(crate) fn name_command(
        &mut self,
        asker: Asker,
        name: &str,
        command: NameCommand,
        cx: &mut Context<'_>,
    ) {
        match command {
            NameCommand::Register {
                credentials,
                network,
                right,
            } => {
                let Credentials { username, password } = *credentials;
                let by = By::Password {
                    password,
                    network,
                    right,
                };
                let registration = Registration {
                    asker,
                    username,
                    by,
                };
                self.register(name, registration, cx);
            }
            NameCommand::RegisterInvited {
                username,
                password_hash,
            } => {
                let registration = Registration {
                    asker,
                    username,
                    by: By::Invite(password_hash),
                };
                self.register(name, registration, cx);
            }
            NameCommand::LogIn {
                credentials,
                network,
            } => {
                let kind = self.kind_of_login(name, network);
                let log_in = LogIn {
                    asker,
                    credentials,
                    network,
                    kind,
                    change: None,
                };
                self.log_in(name, log_in, cx);
            }
            NameCommand::ChangePassword(username, change) => {
                self.change_password(asker, name, username, change, cx);
            }
            NameCommand::SetPassword(user, new) => {
                self.set_password(asker, name, user, *new, cx);
            }
        }
    }

    /// Claims a name for a new user.
    fn register(&mut self, name: &str, registration: Registration, cx: &mut Context<'_>) {
        let problem = match registration.by.kind() {
            _ if self.names.is_known(name) => Some(Problem::USERNAME_TAKEN),
            None => None,
            // Before a password is hashed for it.
            Some(_) if cx.disk_full => Some(Problem::DISK_FULL),
            Some(kind) if self.names.is_crowded(name, kind) => Some(Problem::LOGINS_WAITING),
            Some(_) => None,
        };
        match problem {
            Some(problem) => cx.refuse(registration.asker, problem),
            None => self.wait_for_name(name, NameWaiter::Register(registration), cx),
        }
    }

    pub(super) fn kind_of_login(&self, name: &str, network: Network) -> Kind {
        match self.logins.is_known(name, network) {
            true => Kind::Known,
            false => Kind::LogIn,
        }
    }

    /// Checks a password.
    pub(super) fn log_in(&mut self, name: &str, log_in: LogIn, cx: &mut Context<'_>) {
        if let Some(problem) = self.lockout(name, log_in.network, cx) {
            let user_id = self.logins.user_id(name, log_in.network);
            let outcome = Outcome::NotLoggedIn { user_id, problem };
            return cx.answer(log_in.asker, outcome);
        }
        match self.names.get(name) {
            // The store may have others from before keys, and can't be asked about this one before it is stored.
            Some(Name::Applied(user))
                if is_key(name) && !user.is_called(&log_in.credentials.username) =>
            {
                cx.refuse(log_in.asker, Problem::NAME_CHANGING);
            }
            Some(Name::Applied(user)) => {
                let user = Some(user.clone()).filter(|user| !user.is_deleted);
                self.begin_log_in(name, user.as_deref(), log_in, cx);
            }
            Some(Name::Claimed(_)) => self.begin_log_in(name, None, log_in, cx),
            Some(Name::Loading(_)) if self.names.is_crowded(name, log_in.kind) => {
                cx.refuse(log_in.asker, Problem::LOGINS_WAITING);
            }
            Some(Name::Loading(_)) | None => {
                self.wait_for_name(name, NameWaiter::LogIn(log_in), cx);
            }
        }
    }

    pub(super) fn wait_for_name(&mut self, name: &str, waiter: NameWaiter, cx: &mut Context<'_>) {
        if self.names.wait(name, waiter) {
            self.read_name(name.into(), cx);
        }
    }

    /// Asks the store for a name, and for all others of its key.
    pub(super) fn read_name(&mut self, name: Box<str>, cx: &mut Context<'_>) {
        let read = Read::UsersOfKey(key_of(&name).into_owned());
        self.read(PartitionRead::Name(name), read, cx);
    }

    /// A name was read from the store.
    pub(super) fn name_read(
        &mut self,
        name: &str,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(waiters) = self.names.end_loading(name) else {
            return cx.bug("a name was read that nobody asked for");
        };
        let Some(found) = cx.found(outcome, Found::users) else {
            return self.name_not_read(name, waiters, cx);
        };
        for waiter in waiters {
            match waiter {
                NameWaiter::Register(registration) => {
                    let now = cx.stamp();
                    let is_taken = found.iter().any(|user| user.holds_name_at(now));
                    if is_taken || self.names.is_known(name) {
                        cx.refuse(registration.asker, Problem::USERNAME_TAKEN);
                    } else {
                        self.begin_registration(name, registration, cx);
                    }
                }
                // A record that was before it may have changed what was read.
                NameWaiter::LogIn(log_in) if self.names.is_known(name) => {
                    self.log_in(name, log_in, cx);
                }
                NameWaiter::LogIn(log_in) => match whom(&log_in.credentials.username, &found) {
                    Some(user) if user.name() != name => pass_on(user.name(), log_in, cx),
                    user => self.begin_log_in(name, user, log_in, cx),
                },
                NameWaiter::Record(record) => {
                    let row = found.iter().find(|user| user.name() == name);
                    if let (Some(row), false) = (row, self.names.is_known(name)) {
                        self.names.found(name, row.clone());
                    }
                    self.apply_parked_user(&record, cx);
                }
            }
        }
    }

    /// Refuses what can be refused; records, and whoever has spent an invite, wait until the name can be read.
    fn name_not_read(&mut self, name: &str, waiters: Vec<NameWaiter>, cx: &mut Context<'_>) {
        let mut kept = Vec::new();
        for waiter in waiters {
            match waiter {
                NameWaiter::Register(Registration {
                    asker,
                    by: By::Password { .. },
                    ..
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
            self.names.load_later(name, kept, cx.now.micros);
        }
    }

    /// Compares the password with that of the user, where there is one.
    fn begin_log_in(
        &mut self,
        name: &str,
        user: Option<&UserRow>,
        log_in: LogIn,
        cx: &mut Context<'_>,
    ) {
        let LogIn {
            asker,
            credentials,
            network,
            kind,
            change,
        } = log_in;
        let user_id = user.map(|user| user.user_id);
        let change = change.map(|change| {
            let user = user.map(|user| UserVersion {
                user_id: user.user_id,
                password_from: password_from(user, &change.new),
            });
            Box::new(Changing { user, change })
        });
        let right = user.map(|user| Outcome::LoggedIn {
            user_id: user.user_id,
            username: user.username.as_str().into(),
            ended_until: ended_until(user),
        });
        let Some(password) = credentials.password else {
            let problem = Problem::WRONG_LOGIN;
            return cx.answer(
                asker,
                right.unwrap_or(Outcome::NotLoggedIn { user_id, problem }),
            );
        };
        let against = match user.and_then(|user| user.password_hash.clone()) {
            Some(hash) => PasswordCheck::Verify(hash),
            None => PasswordCheck::VerifyNobody,
        };
        let (first, second) = compared(&password);
        let second = second.map(|password| {
            Box::new(SecondTry {
                password: password.into(),
                against: against.clone(),
                kind,
            })
        });
        let wait = PasswordWait::LogIn(LoggingIn {
            asker,
            name: name.into(),
            user_id,
            right,
            network,
            second,
            change,
        });
        let job = self.password_job(wait, &first, against);
        cx.hash(job, kind, network);
    }

    /// The password of a login was compared. One that was chosen before passwords were prepared may be right as it was
    /// typed: that is tried for an account that does not exist as well, which nobody is to tell from one that does.
    fn password_compared(&mut self, wait: LoggingIn, is_right: bool, cx: &mut Context<'_>) {
        let LoggingIn {
            asker,
            name,
            user_id,
            right,
            network,
            second,
            change,
        } = wait;
        if change.is_some() && user_id.is_none() {
            // It was compared with one that they do not have any more.
            return cx.refuse(asker, Problem::PASSWORD_OVERTAKEN);
        }
        if let (false, Some(second)) = (is_right, second) {
            let SecondTry {
                password,
                against,
                kind,
            } = *second;
            let wait = PasswordWait::LogIn(LoggingIn {
                asker,
                name,
                user_id,
                right,
                network,
                second: None,
                change,
            });
            cx.stats.password_retries += 1;
            let job = self.password_job(wait, &password, against);
            return cx.hash(job, kind, network);
        }
        let right = right.filter(|_| is_right && user_id.is_some());
        let outcome = self.judge(name.clone(), user_id, right, network, cx);
        match change {
            None => cx.answer(asker, outcome),
            Some(change) => self.old_compared(asker, name, *change, outcome, cx),
        }
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
            (PasswordWait::Register { asker, name, claim }, outcome) => {
                self.registration_hashed(asker, name, claim, outcome, cx)
            }
            (PasswordWait::LogIn(wait), PasswordOutcome::Verified(is_right)) => {
                self.password_compared(wait, is_right, cx);
            }
            (
                PasswordWait::Set {
                    asker,
                    is_overtaken: true,
                    ..
                },
                _,
            ) => cx.refuse(asker, Problem::PASSWORD_OVERTAKEN),
            (
                PasswordWait::Set {
                    asker,
                    name,
                    user,
                    kept,
                    is_overtaken: false,
                },
                outcome,
            ) => {
                self.password_hashed(asker, &name, user, kept, outcome, cx);
            }
            (PasswordWait::LogIn(wait), PasswordOutcome::Busy) => {
                cx.refuse(wait.asker, Problem::LOGINS_WAITING);
            }
            (PasswordWait::LogIn(wait), PasswordOutcome::Hashed(_) | PasswordOutcome::Common) => {
                cx.bug("a password was to be compared, and one was hashed");
                cx.refuse(wait.asker, Problem::NOT_ANSWERED);
            }
        }
    }

    /// Why an account may not be tried from a network now.
    fn lockout(&self, name: &str, network: Network, cx: &Context<'_>) -> Option<Problem> {
        let allowed = cx.config.login_rate as usize;
        self.logins.lockout(name, network, allowed, cx.now.micros)
    }

    /// The outcome of a login whose password was compared; without a user it was wrong. Others may have
    /// failed meanwhile: past the limit nobody is told whether they were right, so that guessing many at once
    /// gains nothing.
    fn judge(
        &mut self,
        name: Box<str>,
        user_id: Option<UserId>,
        right: Option<Outcome>,
        network: Network,
        cx: &Context<'_>,
    ) -> Outcome {
        if let Some(problem) = self.lockout(&name, network, cx) {
            return Outcome::NotLoggedIn { user_id, problem };
        }
        match right {
            Some(outcome) => {
                self.logins.succeeded(name, network);
                outcome
            }
            None => {
                let allowed = cx.config.login_rate as usize;
                let now_micros = cx.now.micros;
                self.logins
                    .failed(name, user_id, network, allowed, now_micros);
                let problem = Problem::WRONG_LOGIN;
                Outcome::NotLoggedIn { user_id, problem }
            }
        }
    }

    /// Puts a record behind the reading of its name.
    pub(super) fn park_record(
        &mut self,
        name: &str,
        span: SpanId,
        bytes: &Bytes,
        cx: &mut Context<'_>,
    ) {
        self.progress.hold(span, cx);
        let parked = ParkedUser {
            span,
            bytes: bytes.clone(),
        };
        self.wait_for_name(name, NameWaiter::Record(parked), cx);
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
            Ok(Record::UserDeleted(deleted)) => {
                self.apply_known_user_deletion(&deleted, parked.span, &mut rows, cx);
            }
            Ok(
                Record::MessagePosted(_)
                | Record::MessageAmended(_)
                | Record::SenderErased(_)
                | Record::ChatCreated(_)
                | Record::MemberAdded(_)
                | Record::MemberRemoved(_)
                | Record::RoleSet(_)
                | Record::ChatChanged(_)
                | Record::ChatDeleted(_)
                | Record::BlockSet(_)
                | Record::SessionEnded(_)
                | Record::SessionStarted(_)
                | Record::ProfileChanged(_)
                | Record::UserSettingsChanged(_),
            )
            | Err(_) => cx.bug("a record about a user that was understood is understood no more"),
        }
        self.write_and_release(parked.span, rows, cx);
    }
}

/// Passes a login on to the owner of the name that it is for.
fn pass_on(name: &str, log_in: LogIn, cx: &mut Context<'_>) {
    let LogIn {
        asker,
        credentials,
        network,
        kind: _,
        // Who changes their password has the name that is asked for.
        change: _,
    } = log_in;
    let command = NameCommand::LogIn {
        credentials,
        network,
    };
    cx.ask(asker, Command::Name(name.into(), command));
}
