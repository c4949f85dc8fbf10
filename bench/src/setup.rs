//! Users and rooms of a run, made through the public API.

use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use clap::ValueEnum;
use rustix::rand::{GetRandomFlags, getrandom};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::addresses::Addresses;
use crate::error::BenchError;
use crate::http::Client;
use crate::world::{ID_BYTES, Id, Room, User, UserNumber};

/// Calls that are made at the same time.
const CONNECTIONS: usize = 32;
/// Members that a chat is created with; a body has room for some more. The others are added one by one.
const MEMBERS_AT_ONCE: usize = 1_500;
/// Of all users in token mode.
const PASSWORD: &str = "correct horse battery staple";

/// How the server knows who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// By what the user says: the server runs with `--auth trust`.
    Trust,
    /// By the token of a login.
    Token,
}

/// A Rookery server.
#[derive(Clone, Debug)]
pub struct Target {
    pub addr: SocketAddr,
    pub auth: Auth,
    pub users_from: Addresses,
}

impl Target {
    /// The value of `Host`.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// A server at another address, to be used alike.
    ///
    /// # Errors
    /// Where the URL is none.
    pub fn at(&self, url: &str) -> Result<Self, BenchError> {
        Ok(Self {
            addr: resolve(url)?,
            ..self.clone()
        })
    }

    /// Users without chats. In trust mode nobody needs to know of them.
    ///
    /// # Errors
    /// Where the server doesn't take them.
    pub fn create_users(&self, count: usize) -> Result<Vec<User>, BenchError> {
        match self.auth {
            Auth::Trust => (0..count).map(|_| trusted_user()).collect(),
            Auth::Token => {
                let run = random_id()?.simple().to_string();
                self.in_parallel(count, |client, n| {
                    let name = format!("{run}-{n}");
                    match self.users_from.of_user(n) {
                        None => register(client, &name),
                        from => register(&mut Client::connect_from(from, self.addr)?, &name),
                    }
                })
            }
        }
    }

    /// A chat with each of these lists of members, in which the first `speakers` will send.
    ///
    /// # Errors
    /// Where the server doesn't take them.
    pub fn create_rooms(
        &self,
        users: &[User],
        memberships: &[Vec<UserNumber>],
        speakers: usize,
    ) -> Result<Vec<Room>, BenchError> {
        self.in_parallel(memberships.len(), |client, n| {
            let members = &memberships[n];
            let id = create_chat(
                client,
                users,
                &members[..members.len().min(MEMBERS_AT_ONCE)],
            )?;
            Ok(Room {
                id,
                members: members.clone(),
                speakers: speakers.clamp(1, members.len()),
            })
        })?
        .into_iter()
        .map(|room| self.add_others(users, room))
        .collect()
    }

    fn add_others(&self, users: &[User], room: Room) -> Result<Room, BenchError> {
        let others = room.members.get(MEMBERS_AT_ONCE..).unwrap_or_default();
        let path = format!("/chats/{}/members", String::from_utf8_lossy(&room.id));
        let creator = &users[room.members[0] as usize].credential;
        self.in_parallel(others.len(), |client, n| {
            let body = json!({"user_id": users[others[n] as usize].id});
            Ok(client.post(&path, creator, &body)?)
        })?;
        Ok(room)
    }

    /// The results of so many calls, in order.
    fn in_parallel<T: Send>(
        &self,
        count: usize,
        call: impl Fn(&mut Client, usize) -> Result<T, BenchError> + Sync,
    ) -> Result<Vec<T>, BenchError> {
        let share = count.div_ceil(CONNECTIONS).max(1);
        let call = &call;
        let shares: Vec<Result<Vec<T>, BenchError>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..count)
                .step_by(share)
                .map(|from| {
                    scope.spawn(move || {
                        let mut client = Client::connect(self.addr)?;
                        (from..count.min(from + share))
                            .map(|n| call(&mut client, n))
                            .collect()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        let shares: Vec<Vec<T>> = shares.into_iter().collect::<Result<_, _>>()?;
        Ok(shares.into_iter().flatten().collect())
    }
}

/// The address that a URL, or an address alone, stands for.
///
/// # Errors
/// Where it stands for none.
pub fn resolve(url: &str) -> Result<SocketAddr, BenchError> {
    let address = |source| BenchError::Address {
        url: url.to_owned(),
        source,
    };
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    host.trim_end_matches('/')
        .to_socket_addrs()
        .map_err(address)?
        .next()
        .ok_or_else(|| address(std::io::ErrorKind::NotFound.into()))
}

/// An id that nothing else has.
///
/// # Errors
/// Where the system has no random bytes.
pub fn random_id() -> Result<Uuid, BenchError> {
    let mut bytes = [0; 16];
    getrandom(&mut bytes, GetRandomFlags::empty())
        .map_err(|error| BenchError::Random(error.into()))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// The id of a room that nothing else has.
///
/// # Errors
/// Where the system has no random bytes.
pub fn random_room_id() -> Result<Id, BenchError> {
    let mut text = [0; ID_BYTES];
    random_id()?.hyphenated().encode_lower(&mut text);
    Ok(text)
}

fn trusted_user() -> Result<User, BenchError> {
    let id = random_id()?.to_string();
    let credential = format!("Cookie: user_id={id}");
    Ok(User {
        id,
        name: String::new(),
        credential,
    })
}

fn register(client: &mut Client, username: &str) -> Result<User, BenchError> {
    let body = json!({"username": username, "password": PASSWORD});
    let id = text(&client.post("/users", "", &body)?, "/users", "user_id")?;
    let token = log_in(client, username)?;
    Ok(User {
        id,
        name: username.to_owned(),
        credential: format!("Authorization: Bearer {token}"),
    })
}

/// Logs in a user that [`Target::create_users`] made, and gives the token.
///
/// # Errors
/// Where the server doesn't answer, or refuses.
pub fn log_in(client: &mut Client, username: &str) -> Result<String, BenchError> {
    let body = json!({"username": username, "password": PASSWORD});
    text(&client.post("/login", "", &body)?, "/login", "token")
}

fn create_chat(
    client: &mut Client,
    users: &[User],
    members: &[UserNumber],
) -> Result<Id, BenchError> {
    let ids: Vec<&str> = members
        .iter()
        .map(|member| users[*member as usize].id.as_str())
        .collect();
    let creator = &users[members[0] as usize].credential;
    let chat = client.post("/chats", creator, &json!({"name": "bench", "members": ids}))?;
    let id = text(&chat, "/chats", "chat_id")?;
    id.as_bytes().try_into().map_err(|_| BenchError::Missing {
        path: "/chats".to_owned(),
        field: "chat_id of 36 characters",
    })
}

fn text(object: &Value, path: &str, field: &'static str) -> Result<String, BenchError> {
    let value = object[field].as_str().ok_or_else(|| BenchError::Missing {
        path: path.to_owned(),
        field,
    })?;
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_addresses_are_understood() {
        for url in [
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8000/",
            "127.0.0.1:8000",
        ] {
            assert_eq!(resolve(url).ok(), "127.0.0.1:8000".parse().ok());
        }
        assert!(resolve("http://127.0.0.1").is_err());
    }
}
