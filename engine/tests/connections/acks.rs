//! How a client tells what an answer over its WebSocket is for.

use rookery_engine::ids::ConnId;
use rookery_engine::mesh::Outcome;
use rookery_engine::mesh::problem::Problem;
use rookery_schema::MessageId;
use rookery_testing::ws::text_frame;
use serde_json::Value;

use crate::host::Host;

/// The JSON objects that a connection hears.
fn heard(host: &mut Host, conn: ConnId) -> Vec<Value> {
    let heard = host.read_all(conn);
    let heard = String::from_utf8_lossy(&heard).into_owned();
    let begins = heard.match_indices('{').map(|(at, _)| at);
    let objects = begins.map(|at| serde_json::Deserializer::from_str(&heard[at..]).into_iter());
    objects.map(|mut it| it.next().unwrap().unwrap()).collect()
}

fn posted(host: &Host, n: u8) -> Outcome {
    Outcome::posted(MessageId::from_bytes([n; 16]), host.chat)
}

#[test]
fn each_answer_has_the_client_id_of_its_send() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    let chat = host.chat;
    let frames = ["a", "b", "c"].map(|id| {
        let send =
            format!(r#"{{"type":"send","chat_id":"{chat}","content":"x","client_id":"{id}"}}"#);
        text_frame(&send)
    });
    host.send(conn, &frames.concat());
    // Their owner answers in another order than they were sent in.
    let [a, b, c] = [(); 3].map(|()| host.asked.pop_front().unwrap().0);
    let (third, first) = (posted(&host, 3), posted(&host, 1));
    host.answer(c, third);
    host.answer(b, Outcome::Refused(Problem::LOG_UNAVAILABLE));
    host.answer(a, first);
    let answers = heard(&mut host, conn);
    let answers = answers.iter().map(|it| (&it["type"], &it["client_id"]));
    let answers: Vec<_> = answers
        .map(|(kind, id)| (kind.as_str(), id.as_str()))
        .collect();
    let expected = [("ack", "c"), ("error", "b"), ("ack", "a")];
    assert_eq!(answers, expected.map(|(kind, id)| (Some(kind), Some(id))));
}

#[test]
fn the_event_of_what_is_acknowledged_tells_its_seq() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    let chat = host.chat;
    let send = format!(r#"{{"type":"send","chat_id":"{chat}","content":"x"}}"#);
    host.send(conn, &text_frame(&send));
    let (asker, _) = host.asked.pop_front().unwrap();
    let outcome = posted(&host, 1);
    host.answer(asker, outcome);
    let id = MessageId::from_bytes([1; 16]);
    let event = format!(r#"{{"type":"message","seq":1,"message_id":"{id}"}}"#);
    host.events(format!("{event}\n").into_bytes());
    let [ack, message] = heard(&mut host, conn).try_into().unwrap();
    assert_eq!(ack["type"], "ack");
    assert_eq!(ack["message_id"], message["message_id"]);
    assert_eq!(message["seq"], 1);
}
