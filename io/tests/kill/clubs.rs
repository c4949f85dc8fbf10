//! Members who come and go while the server is killed: what was answered with success is so after every
//! restart.

use std::net::SocketAddr;
use std::thread;

use serde_json::{Value, json};

use super::support::any_user;
use super::support::api::Api;
use super::support::http::{Http, Request};
use super::world::World;
use rookery_testing::dice::Dice;

const CLUBS: usize = 6;
const CANDIDATES: usize = 5;

/// Chats in which one user adds and removes the others.
pub(super) struct Clubs {
    steward: String,
    candidates: Vec<String>,
    /// Each with its members, as far as it was answered.
    clubs: Vec<(String, Vec<String>)>,
    /// A club and a user that is added or removed, without an answer so far.
    open: Option<(usize, String)>,
    changes: usize,
}

impl Clubs {
    pub(super) fn found(addr: SocketAddr) -> Self {
        let steward = any_user();
        let mut api = Api::trusted(addr, &steward);
        let clubs =
            (0..CLUBS).map(|n| (api.create_chat(&n.to_string(), &[]), vec![steward.clone()]));
        Self {
            clubs: clubs.collect(),
            steward,
            candidates: (0..CANDIDATES).map(|_| any_user()).collect(),
            open: None,
            changes: 0,
        }
    }

    /// Makes one change after the other until told to finish, and looks at all clubs in between.
    pub(super) fn change(&mut self, world: &World, mut rng: Dice) {
        while world.goes_on() || self.open.is_some() {
            if let Ok(mut http) = Http::connect(world.addr()) {
                while self.step(world, &mut http, &mut rng).is_some() {
                    thread::sleep(world.breath);
                }
            }
            thread::sleep(world.breath);
        }
    }

    /// `None` where nothing is left to do, or the connection is of no more use.
    fn step(&mut self, world: &World, http: &mut Http, rng: &mut Dice) -> Option<()> {
        self.look(http)?;
        let goes_on = world.goes_on();
        if self.open.is_none() && goes_on {
            self.open = Some((rng.below(CLUBS), rng.pick(&self.candidates).clone()));
        }
        let (club, user) = self.open.clone()?;
        match self.call(http, self.request(club, &user))? {
            // Of one that was answered with nothing, the next look tells.
            (404 | 503, _) => {}
            (200 | 204, _) => self.settle(),
            other => panic!("{other:?}"),
        }
        Some(())
    }

    /// Every club is as was answered, or as what is open makes it.
    fn look(&mut self, http: &mut Http) -> Option<()> {
        for club in 0..CLUBS {
            let request = Request::get(&format!("/chats/{}", self.clubs[club].0));
            let (status, chat) = self.call(http, request)?;
            if status == 503 {
                return None;
            }
            let found = &chat["members"];
            let is_open = self.open.as_ref().is_some_and(|(of, _)| *of == club);
            if is_open && *found == json!(self.changed()) {
                self.settle();
            }
            assert_eq!(*found, json!(self.clubs[club].1), "club {club}: {chat}");
        }
        Some(())
    }

    fn call(&self, http: &mut Http, request: Request) -> Option<(u16, Value)> {
        let cookie = format!("user_id={}", self.steward);
        let reply = http.call(&request.header("cookie", &cookie)).ok()?;
        let body = serde_json::from_slice(&reply.body).unwrap_or_default();
        Some((reply.status, body))
    }

    fn request(&self, club: usize, user: &str) -> Request {
        let (chat_id, members) = &self.clubs[club];
        let path = format!("/chats/{chat_id}/members");
        if members.iter().any(|member| member == user) {
            Request::new("DELETE", &format!("{path}/{user}"))
        } else {
            Request::new("POST", &path).json(&json!({"user_id": user}))
        }
    }

    /// The members of the club of what is open, once that is done.
    fn changed(&self) -> Vec<String> {
        let (club, user) = self.open.as_ref().unwrap();
        let mut members = self.clubs[*club].1.clone();
        match members.iter().position(|member| member == user) {
            Some(at) => drop(members.remove(at)),
            None => members.push(user.clone()),
        }
        members
    }

    fn settle(&mut self) {
        let members = self.changed();
        if let Some((club, _)) = self.open.take() {
            self.clubs[club].1 = members;
            self.changes += 1;
        }
    }

    /// The last look; gives the number of changes.
    pub(super) fn verify(&mut self, addr: SocketAddr) -> usize {
        self.look(&mut Http::connect(addr).unwrap()).unwrap();
        self.changes
    }
}
