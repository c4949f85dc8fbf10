//! Examples, which tell one story, and what their ids are on a real server.

use std::collections::BTreeMap;

use serde_json::Value;

/// Who acts in the examples, and where.
pub(crate) const ANN: &str = "0193a7f0-5b1c-7e2d-8a4b-1f6c9d3e0a11";
pub(crate) const BOB: &str = "0193a7f0-5c2d-7f3e-9b5c-2a7d0e4f1b22";
pub(crate) const CYD: &str = "0193a7f0-5d3e-7a4f-ac6d-3b8e1f5a2c33";
pub(crate) const CHAT: &str = "0193a7f1-0a1b-7c2d-8e3f-4c9f2a6b3d44";
pub(crate) const MESSAGE: &str = "0193a7f1-1b2c-7d3e-9f4a-5d0a3b7c4e55";
pub(crate) const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.token";
/// Of all that pages load.
pub(crate) const HASH: &str = "0123456789abcdef";

/// Fields that are another time on each server.
const TIMES: &str = "_at";
/// Fields whose texts only a server can make.
const SECRETS: [&str; 3] = ["token", "ticket", "invite"];

/// What is another one on each server: of the example, and of this server.
#[derive(Default)]
pub(crate) struct Bindings(BTreeMap<String, String>);

impl Bindings {
    pub(crate) fn bind(&mut self, example: &str, real: &str) {
        let bound = self.0.entry(example.to_owned());
        assert_eq!(bound.or_insert_with(|| real.to_owned()), real, "{example}");
    }

    /// It is another one from now on.
    pub(crate) fn rebind(&mut self, example: &str, real: &str) {
        self.0.insert(example.to_owned(), real.to_owned());
    }

    pub(crate) fn real(&self, example: &str) -> &str {
        &self.0[example]
    }

    /// A text of the examples as it is on this server.
    pub(crate) fn in_text(&self, example: &str) -> String {
        let bound = self.0.iter();
        bound.fold(example.to_owned(), |text, (example, real)| {
            text.replace(example, real)
        })
    }

    pub(crate) fn in_value(&self, example: &Value) -> Value {
        serde_json::from_str(&self.in_text(&example.to_string())).unwrap()
    }

    /// Asserts that what a server said looks as its example, and learns its ids.
    #[track_caller]
    pub(crate) fn assert_like(&mut self, example: &Value, real: &Value) {
        self.compare("", &self.in_value(example), real);
    }

    #[track_caller]
    fn compare(&mut self, name: &str, example: &Value, real: &Value) {
        match (example, real) {
            (Value::Object(expected), Value::Object(fields)) => {
                let names =
                    |it: &serde_json::Map<String, Value>| it.keys().cloned().collect::<Vec<_>>();
                assert_eq!(names(expected), names(fields), "{name}: {real}");
                for (name, example) in expected {
                    self.compare(name, example, &fields[name]);
                }
            }
            (Value::Array(expected), Value::Array(items)) => {
                assert_eq!(expected.len(), items.len(), "{name}: {real}");
                for (example, real) in expected.iter().zip(items) {
                    self.compare(name, example, real);
                }
            }
            (Value::Number(_), Value::Number(_)) => {}
            (Value::String(_), Value::String(_)) if name.ends_with(TIMES) => {}
            (Value::String(example), Value::String(real)) if example != real => {
                let is_id = example.len() == ANN.len() && real.len() == ANN.len();
                assert!(
                    is_id || SECRETS.contains(&name),
                    "{name}: {real} for {example}"
                );
                self.bind(example, real);
            }
            _ => assert_eq!(example, real, "{name}"),
        }
    }
}
