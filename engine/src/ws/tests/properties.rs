//! Whatever comes, however it is cut.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ws::limits::MESSAGE_BYTES_MAX;

/// A client's messages, each cut into fragments with pings between them.
fn conversation() -> impl Strategy<Value = (Vec<String>, Vec<u8>)> {
    let message = (".{0,300}", vec(0.0..1.0, 0..4), any::<bool>());
    vec(message, 0..8).prop_map(|messages| {
        let mut bytes = Vec::new();
        for (text, cuts, pinged) in &messages {
            let mut cuts: Vec<_> = cuts
                .iter()
                .map(|at| (at * text.len() as f64) as usize)
                .collect();
            cuts.sort_unstable();
            let mut opcode = TEXT;
            let mut rest = text.as_bytes();
            let mut taken = 0;
            for cut in cuts {
                let (fragment, after) = rest.split_at(cut - taken);
                bytes.extend(frame(opcode, fragment));
                (rest, taken, opcode) = (after, cut, CONTINUATION);
                if *pinged && cut % 4 == 0 {
                    bytes.extend(frame(FIN | PING, fragment.get(..20).unwrap_or_default()));
                }
            }
            bytes.extend(frame(FIN | opcode, rest));
        }
        (messages.into_iter().map(|(text, ..)| text).collect(), bytes)
    })
}

/// Frames of which some are good and most are not.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![Just(TEXT), Just(CONTINUATION), Just(PING), 0u8..16];
    let first = (opcode, prop_oneof![Just(FIN), Just(0)]).prop_map(|(opcode, fin)| fin | opcode);
    let good =
        (first, vec(any::<u8>(), 0..200)).prop_map(|(first, payload)| frame(first, &payload));
    let fine = "[a-zé]{0,200}".prop_map(|fine| text(&fine));
    let huge = any::<u64>().prop_map(|len| declared(FIN | TEXT, len as usize));
    let noise = vec(any::<u8>(), 0..40);
    vec(
        prop_oneof![4 => fine, 3 => good, 1 => huge, 1 => noise],
        0..20,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_cut_of_a_conversation_gives_the_same_messages(
        (texts, bytes) in conversation(),
        sizes in vec(1usize..40, 1..20),
    ) {
        let at_once = receive(&mut WebSocket::new(), &bytes);
        prop_assume!(at_once.received == Received::Open);
        prop_assert_eq!(&at_once.texts, &texts);

        let mut socket = WebSocket::new();
        let mut joined = Outcome { texts: vec![], out: vec![], received: Received::Open };
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            let outcome = receive(&mut socket, piece);
            joined.texts.extend(outcome.texts);
            joined.out.extend(outcome.out);
            rest = after;
        }
        prop_assert_eq!(joined, at_once);
        prop_assert_eq!(socket.heap_bytes(), 0);
    }

    #[test]
    fn hostile_bytes_end_the_same_however_they_are_cut(
        bytes in hostile_bytes(),
        size in 1usize..100,
    ) {
        let at_once = receive(&mut WebSocket::new(), &bytes);
        let mut socket = WebSocket::new();
        let mut joined = Outcome { texts: vec![], out: vec![], received: Received::Open };
        for piece in bytes.chunks(size) {
            let outcome = receive(&mut socket, piece);
            joined.texts.extend(outcome.texts);
            joined.out.extend(outcome.out);
            joined.received = outcome.received;
            prop_assert!(socket.heap_bytes() <= 2 * MESSAGE_BYTES_MAX);
        }
        prop_assert!(joined.out.len() <= bytes.len() + 127);
        prop_assert_eq!(joined, at_once);
    }
}
