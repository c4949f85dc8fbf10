//! A lane's connection, and its replacement when the store was away.
//!
//! The driver reconnects by itself, but after a store's restart only every ten seconds, which can't be
//! set. A session that is made anew is there at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::connect::Connection;
use super::store::ScyllaStore;

pub(super) struct Link {
    store: ScyllaStore,
    current: RefCell<Rc<Connection>>,
    is_renewing: Cell<bool>,
}

impl Link {
    pub(super) fn new(store: ScyllaStore, connection: Connection) -> Self {
        Self {
            store,
            current: RefCell::new(Rc::new(connection)),
            is_renewing: Cell::new(false),
        }
    }

    /// What to ask through next.
    pub(super) fn connection(&self) -> Rc<Connection> {
        Rc::clone(&self.current.borrow())
    }

    /// Tries once to get a new session, unless somebody is at it already.
    pub(super) async fn renew(&self) {
        if self.is_renewing.replace(true) {
            return;
        }
        // Where it fails, who asked will be back, and complains.
        if let Ok(connection) = self.store.connection().await {
            self.current.replace(Rc::new(connection));
        }
        self.is_renewing.set(false);
    }
}
